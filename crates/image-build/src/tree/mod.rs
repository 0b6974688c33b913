//! Trees of files: what a stage has so far, an image, a directory.
//!
//! A [`Tree`] is what is known of the files, in memory; their bytes stay where
//! they are. Paths are relative to the root, which is the empty path. Links
//! are followed here, within the tree, and never by the system, so that no
//! path leaves its root. Not here: what COPY does with it.

mod content;
mod context;
mod image;

use std::collections::{BTreeMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::ops::{Bound, Deref};
use std::path::{Component, Path, PathBuf};

pub(crate) use content::Content;
pub(crate) use context::{Context, IGNORE_FILE};
use oci::Attributes;

use crate::Problem;

/// What is known of a file, a directory or a link.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    pub(crate) attributes: Attributes,
    /// Whether it has extended attributes, which are not copied.
    pub(crate) has_xattrs: bool,
    pub(crate) kind: NodeKind,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum NodeKind {
    Directory,
    File(Content),
    /// What it points to.
    Symlink(OsString),
    /// Something that cannot be copied: "a named pipe".
    Special(&'static str),
}

impl Node {
    pub(crate) fn new(attributes: Attributes, kind: NodeKind) -> Node {
        Node { attributes, has_xattrs: false, kind }
    }

    /// Returns a directory that is made because something is to be in it.
    pub(crate) fn directory(uid: u64, gid: u64) -> Node {
        Node::new(Attributes { mode: 0o755, uid, gid }, NodeKind::Directory)
    }

    pub(crate) fn is_directory(&self) -> bool {
        self.kind == NodeKind::Directory
    }
}

/// Files that can be looked at.
pub(crate) trait Files {
    /// Returns what is at a path that has no links in it but perhaps at its
    /// end.
    fn get(&self, path: &Path) -> Result<Option<Node>, Problem>;

    /// Returns the names in a directory, sorted.
    fn list(&self, directory: &Path) -> Result<Vec<OsString>, Problem>;

    /// Returns what errors call it: "the build context".
    fn name(&self) -> &str;
}

/// How many links may lead to a file; as many as the libraries of other
/// builders follow.
const LINKS_MAX: usize = 255;

/// The longest path; more is no path on Linux either (PATH_MAX).
pub(crate) const PATH_MAX: usize = 4096;

/// Follows the links on the way to `path` and at its end, from the root of
/// `files`; `..` stops there. What is not there is kept as it is written.
pub(crate) fn resolve(files: &dyn Files, path: &Path) -> Result<PathBuf, Problem> {
    let mut pending: VecDeque<OsString> = parts(path);
    let mut resolved = PathBuf::new();
    let mut links = 0;
    while let Some(part) = pending.pop_front() {
        if part == ".." {
            resolved.pop();
            continue;
        }
        let next = resolved.join(&part);
        if next.as_os_str().len() > PATH_MAX {
            return Err(Problem::LongPath { place: files.name().to_owned() });
        }
        let Some(Node { kind: NodeKind::Symlink(target), .. }) = files.get(&next)? else {
            resolved = next;
            continue;
        };
        links += 1;
        if links > LINKS_MAX {
            let (path, place) = (path.display().to_string(), files.name().to_owned());
            return Err(Problem::LostLink { path, place });
        }
        let target = Path::new(&target);
        if target.has_root() {
            resolved = PathBuf::new();
        }
        for part in parts(target).into_iter().rev() {
            pending.push_front(part);
        }
    }
    Ok(resolved)
}

/// Returns the names and `..`s of a path.
fn parts(path: &Path) -> VecDeque<OsString> {
    let part = |component: Component<'_>| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    };
    path.components().filter_map(part).collect()
}

/// Makes a path relative to the root, without `.`, and with `..` taken back
/// as far as it goes.
pub(crate) fn clean(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in parts(path) {
        if part == ".." {
            clean.pop();
        } else {
            clean.push(part);
        }
    }
    clean
}

/// Files in memory. Every file has its directories.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    /// Without the root.
    nodes: BTreeMap<PathBuf, Node>,
}

impl Tree {
    /// Puts something at a path whose directory is there, in place of what
    /// was there.
    pub(crate) fn put(&mut self, path: &Path, node: Node) {
        if !node.is_directory() {
            self.remove(path);
        }
        self.nodes.insert(path.to_owned(), node);
    }

    /// Removes what is at a path and below it.
    fn remove(&mut self, path: &Path) {
        self.remove_below(path);
        self.nodes.remove(path);
    }

    fn remove_below(&mut self, path: &Path) {
        let below: Vec<_> = self.below(path).map(|(path, _)| path.clone()).collect();
        for path in below {
            self.nodes.remove(&path);
        }
    }

    /// Returns what is below a directory, in order.
    pub(crate) fn below<'a>(
        &'a self,
        directory: &'a Path,
    ) -> impl Iterator<Item = (&'a PathBuf, &'a Node)> {
        let range = (Bound::Excluded(directory), Bound::Unbounded);
        let all = self.nodes.range::<Path, _>(range);
        all.take_while(move |(path, _)| path.starts_with(directory))
    }
}

impl Files for Tree {
    fn get(&self, path: &Path) -> Result<Option<Node>, Problem> {
        if path.as_os_str().is_empty() {
            return Ok(Some(Node::directory(0, 0)));
        }
        Ok(self.nodes.get(path).cloned())
    }

    fn list(&self, directory: &Path) -> Result<Vec<OsString>, Problem> {
        let depth = directory.components().count();
        let mut names: Vec<OsString> = Vec::new();
        for (path, _) in self.below(directory) {
            let name = path.components().nth(depth).map(|part| part.as_os_str().to_owned());
            if names.last() != name.as_ref() {
                names.extend(name);
            }
        }
        Ok(names)
    }

    fn name(&self) -> &str {
        "the stage"
    }
}

/// What leads to files is as good as they are.
impl<T: Deref<Target: Files>> Files for T {
    fn get(&self, path: &Path) -> Result<Option<Node>, Problem> {
        (**self).get(path)
    }

    fn list(&self, directory: &Path) -> Result<Vec<OsString>, Problem> {
        (**self).list(directory)
    }

    fn name(&self) -> &str {
        (**self).name()
    }
}

/// Files under another name.
pub(crate) struct Named<F> {
    pub(crate) files: F,
    pub(crate) name: String,
}

impl<F: Files> Files for Named<F> {
    fn get(&self, path: &Path) -> Result<Option<Node>, Problem> {
        self.files.get(path)
    }

    fn list(&self, directory: &Path) -> Result<Vec<OsString>, Problem> {
        self.files.list(directory)
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// Returns the last name of a path, or nothing for the root.
pub(crate) fn last_name(path: &Path) -> &OsStr {
    path.file_name().unwrap_or_default()
}
