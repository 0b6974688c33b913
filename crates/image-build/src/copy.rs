//! COPY: which files, and where they go.
//!
//! The rules are those of the Dockerfile reference ("COPY") as BuildKit
//! carries them out. No file is read here: what a COPY makes is a list of
//! what is where, and the bytes stay where they are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use oci::Attributes;

use crate::error::nearest;
use crate::glob::Glob;
use crate::owner::Owner;
use crate::tree::{Files, Node, NodeKind, Tree, clean, last_name, resolve};
use crate::{Problem, Warning};

/// What a step changes in a tree, by path.
pub(crate) type Changes = BTreeMap<PathBuf, Node>;

/// A tree, and what is done to it.
pub(crate) struct Target<'a> {
    tree: &'a mut Tree,
    changes: Changes,
}

/// What a COPY does to everything it copies.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Style {
    /// The mode of files and directories, instead of their own.
    pub(crate) mode: Option<u32>,
    /// Whose everything is, instead of its own.
    pub(crate) owner: Option<Owner>,
}

impl<'a> Target<'a> {
    pub(crate) fn new(tree: &'a mut Tree) -> Target<'a> {
        Target { tree, changes: Changes::new() }
    }

    /// Returns what was changed.
    pub(crate) fn changes(self) -> Changes {
        self.changes
    }

    fn put(&mut self, path: &Path, node: Node) {
        self.tree.put(path, node.clone());
        self.changes.insert(path.to_owned(), node);
    }

    /// Makes a directory and those above it, where they are missing. `path`
    /// has no links in it.
    pub(crate) fn make_directory(&mut self, path: &Path, owner: Owner) -> Result<(), Problem> {
        let above: Vec<_> = path.ancestors().map(Path::to_owned).collect();
        for directory in above.into_iter().rev() {
            match self.tree.get(&directory)? {
                Some(node) if node.is_directory() => {}
                Some(_) => return Err(Problem::NotADirectory(absolute(&directory))),
                None => self.put(&directory, Node::directory(owner.uid, owner.gid)),
            }
        }
        Ok(())
    }

    /// Puts a file at a path, by the links that lead there, and makes the
    /// directories above it where they are missing.
    pub(crate) fn place(&mut self, path: &Path, file: Node, owner: Owner) -> Result<(), Problem> {
        let path = resolve(self.tree, path)?;
        if self.tree.get(&path)?.is_some_and(|there| there.is_directory()) {
            return Err(Problem::IsADirectory(absolute(&path)));
        }
        self.make_directory(path.parent().unwrap_or(Path::new("")), owner)?;
        self.put(&path, file);
        Ok(())
    }

    /// Copies `sources` of `files` to `destination`, an absolute path that
    /// ends with a slash if it is to be a directory.
    pub(crate) fn copy(
        &mut self,
        files: &dyn Files,
        sources: &[String],
        destination: &str,
        style: Style,
    ) -> Result<Vec<Warning>, Problem> {
        let mut found = Vec::new();
        for source in sources {
            found.extend(find(files, source)?);
        }
        let owner = style.owner.unwrap_or_default();
        let into = destination.ends_with('/') || destination.ends_with("/.");
        let place = resolve(self.tree, &clean(Path::new(destination)))?;
        if into {
            self.make_directory(&place, owner)?;
        }
        let is_directory = self.tree.get(&place)?.is_some_and(|node| node.is_directory());
        if found.len() > 1 && !is_directory {
            let sources = found.iter().map(|source| source.path.display().to_string()).collect();
            return Err(Problem::NotOneFile { sources, destination: destination.to_owned() });
        }
        let mut copier = Copier { target: self, files, style, warnings: Vec::new() };
        for source in &found {
            copier.copy_source(source, &place, owner)?;
        }
        Ok(copier.warnings)
    }
}

/// What one source of a COPY leads to.
struct Found {
    /// Its name, which it keeps if it goes to a directory.
    name: PathBuf,
    /// Where it is, without links.
    path: PathBuf,
    node: Node,
}

/// Finds what a source names, or all that it matches.
fn find(files: &dyn Files, source: &str) -> Result<Vec<Found>, Problem> {
    let path = clean(Path::new(source));
    if !Glob::is_wild(source) {
        return follow(files, path, source).map(|found| vec![found]);
    }
    let is_wild = |part: &&std::ffi::OsStr| part.to_str().is_some_and(Glob::is_wild);
    let before: PathBuf = path.iter().take_while(|part| !is_wild(part)).collect();
    let patterns = path.iter().skip_while(|part| !is_wild(part)).map(|part| {
        let pattern = part.to_string_lossy();
        Glob::source(&pattern)
            .map_err(|reason| Problem::BadPattern { pattern: pattern.into_owned(), reason })
    });
    let patterns = patterns.collect::<Result<Vec<_>, _>>()?;
    let mut matches = vec![resolve(files, &before)?];
    for (i, pattern) in patterns.iter().enumerate() {
        let mut next = Vec::new();
        for directory in matches {
            // Links to directories are not looked into.
            if !files.get(&directory)?.is_some_and(|node| node.is_directory()) {
                continue;
            }
            let names = files.list(&directory)?;
            let names = names.iter().filter(|name| pattern.matches(name.as_encoded_bytes()));
            next.extend(names.map(|name| directory.join(name)));
        }
        matches = next;
        if matches.is_empty() || i + 1 == patterns.len() {
            break;
        }
    }
    if matches.is_empty() {
        let (pattern, place) = (source.to_owned(), files.name().to_owned());
        return Err(Problem::NoMatch { pattern, place });
    }
    let followed = matches.into_iter().map(|path| {
        let name = path.display().to_string();
        follow(files, path, &name)
    });
    followed.collect()
}

/// Follows the links that lead to a source.
fn follow(files: &dyn Files, path: PathBuf, source: &str) -> Result<Found, Problem> {
    let real = resolve(files, &path)?;
    match files.get(&real)? {
        Some(node) => Ok(Found { name: PathBuf::from(last_name(&path)), path: real, node }),
        None => Err(missing(files, &path, source)?),
    }
}

/// Says what is missing, and what there is instead.
fn missing(files: &dyn Files, path: &Path, source: &str) -> Result<Problem, Problem> {
    let place = files.name().to_owned();
    let above = path.parent().unwrap_or(Path::new(""));
    let directory = resolve(files, above)?;
    if files.get(&directory.join(last_name(path)))?.is_some() {
        // It is there, so it is a link.
        return Ok(Problem::LostLink { path: source.to_owned(), place });
    }
    let is_there = files.get(&directory)?.is_some_and(|node| node.is_directory());
    // For a guess alone, which may be missing.
    let names = if is_there { files.list(&directory).unwrap_or_default() } else { Vec::new() };
    let names: Vec<String> =
        names.iter().map(|name| above.join(name).display().to_string()).collect();
    Ok(Problem::NoSource {
        nearest: nearest(source, &names),
        source_path: source.to_owned(),
        place,
    })
}

/// Copies what was found.
struct Copier<'c, 'a> {
    target: &'c mut Target<'a>,
    files: &'c dyn Files,
    style: Style,
    warnings: Vec<Warning>,
}

impl Copier<'_, '_> {
    /// Copies one source to `place`, or into it if it is a directory.
    fn copy_source(&mut self, source: &Found, place: &Path, owner: Owner) -> Result<(), Problem> {
        let there = self.target.tree.get(place)?;
        let into_there = there.as_ref().is_some_and(Node::is_directory);
        if !source.node.is_directory() {
            let path = if into_there { place.join(&source.name) } else { place.to_owned() };
            let directory = path.parent().unwrap_or(Path::new(""));
            self.target.make_directory(directory, owner)?;
            return self.copy_node(&source.path, &path, &source.node);
        }
        // A directory's content goes to the place, the directory itself does
        // not: what is there keeps its mode and owner.
        match there {
            Some(_) if !into_there => return Err(Problem::NotADirectory(absolute(place))),
            Some(_) => {}
            None => self.target.make_directory(place, owner)?,
        }
        self.copy_below(&source.path, place)
    }

    /// Copies what is below the directory `from` to below the directory `to`.
    fn copy_below(&mut self, from: &Path, to: &Path) -> Result<(), Problem> {
        let mut pending = vec![(from.to_owned(), to.to_owned())];
        while let Some((from, to)) = pending.pop() {
            for name in self.files.list(&from)? {
                let (from, to) = (from.join(&name), to.join(&name));
                let Some(node) = self.files.get(&from)? else { continue };
                self.copy_node(&from, &to, &node)?;
                if node.is_directory() {
                    pending.push((from, to));
                }
            }
        }
        Ok(())
    }

    fn copy_node(&mut self, from: &Path, to: &Path, node: &Node) -> Result<(), Problem> {
        let there = self.target.tree.get(to)?;
        match (&node.kind, there.map(|there| there.is_directory())) {
            (NodeKind::Special(kind), _) => {
                let (path, place) = (from.display().to_string(), self.files.name().to_owned());
                return Err(Problem::Special { path, place, kind });
            }
            (NodeKind::Directory, Some(false)) => {
                return Err(Problem::NotADirectory(absolute(to)));
            }
            (NodeKind::File(_) | NodeKind::Symlink(_), Some(true)) => {
                return Err(Problem::IsADirectory(absolute(to)));
            }
            _ => {}
        }
        if node.has_xattrs {
            let (path, place) = (from.display().to_string(), self.files.name().to_owned());
            self.warnings.push(Warning::Xattrs { path, place });
        }
        let is_link = matches!(node.kind, NodeKind::Symlink(_));
        let Attributes { mode, uid, gid } = node.attributes;
        let mode = self.style.mode.filter(|_| !is_link).unwrap_or(mode);
        let Owner { uid, gid } = self.style.owner.unwrap_or(Owner { uid, gid });
        let attributes = Attributes { mode, uid, gid };
        self.target.put(to, Node::new(attributes, node.kind.clone()));
        Ok(())
    }
}

/// Returns a path of a tree as people write it.
pub(crate) fn absolute(path: &Path) -> String {
    format!("/{}", path.display())
}
