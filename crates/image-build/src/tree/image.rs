//! The files of an image: its layers, one on the other.
//!
//! The rules are those of the OCI image specification (layer.md, "Applying
//! Changesets", "Whiteouts"). Only headers are read. A layer is of strangers:
//! whatever its paths and links say, nothing outside the tree is touched.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use oci::{Attributes, EntryKind, EntryLimits, Image, Layer, Member};

use super::content::{Content, Packed, TAR_MAX};
use super::{Files, Node, NodeKind, PATH_MAX, Tree, clean, last_name, resolve};
use crate::Problem;

/// The name that makes a directory empty before it is filled.
const OPAQUE: &str = ".wh..wh..opq";

/// How names start that remove what a lower layer has.
const WHITEOUT: &str = ".wh.";

impl Tree {
    /// Reads the headers of all layers. Bytes of files that are read later
    /// are put into files in `work`.
    ///
    /// # Errors
    ///
    /// Fails if a layer cannot be read, or is none.
    pub(crate) fn of_image(image: &Image, name: &str, work: &Path) -> Result<Tree, Problem> {
        let mut tree = Tree::default();
        for layer in image.layers() {
            tree.apply(layer, work).map_err(|problem| match problem {
                Problem::BadImage { reason, .. } => {
                    Problem::BadImage { image: name.to_owned(), reason }
                }
                problem => problem,
            })?;
        }
        Ok(tree)
    }

    fn apply(&mut self, layer: &Layer, work: &Path) -> Result<(), Problem> {
        let packed = Packed::new(layer.clone(), work);
        let limits = EntryLimits { total: TAR_MAX, entries: 4_000_000, kept: 0 };
        // What this layer brings: it is not touched by its own whiteouts.
        let mut own = Tree::default();
        let mut problem = None;
        layer.for_each_member(limits, &mut |member, offset| {
            if problem.is_none() {
                problem = self.apply_member(&packed, member, offset, &mut own).err();
            }
            Ok(())
        })?;
        problem.map_or(Ok(()), Err)
    }

    fn apply_member(
        &mut self,
        packed: &Packed,
        member: Member,
        offset: u64,
        own: &mut Tree,
    ) -> Result<(), Problem> {
        if member.name.len() > PATH_MAX {
            return Err(bad("it has a path of more than 4096 bytes"));
        }
        let path = clean(Path::new(OsStr::from_bytes(&member.name)));
        let (Some(directory), name) = (path.parent(), last_name(&path)) else {
            return Ok(()); // The root.
        };
        let directory = self.real_directory(directory)?;
        let name = name.to_owned();
        if let Some(hidden) = name.as_bytes().strip_prefix(WHITEOUT.as_bytes()) {
            if name == OPAQUE {
                self.hide_below(&directory, own);
            } else if !hidden.is_empty() {
                let path = directory.join(OsStr::from_bytes(hidden));
                self.hide_below(&path, own);
                if own.get(&path)?.is_none() && own.below(&path).next().is_none() {
                    self.remove(&path);
                }
            }
            return Ok(());
        }
        let path = directory.join(&name);
        let Some(node) = self.node(packed, member, offset)? else { return Ok(()) };
        if !node.is_directory() {
            own.remove(&path);
        }
        own.put(&path, node.clone());
        self.put(&path, node);
        Ok(())
    }

    /// Returns the directory that a path leads to, and makes it where it is
    /// missing.
    fn real_directory(&mut self, path: &Path) -> Result<PathBuf, Problem> {
        let path = resolve(self, path).map_err(|_| bad("it has links that lead nowhere"))?;
        let above: Vec<_> = path.ancestors().map(Path::to_owned).collect();
        for directory in above.into_iter().rev() {
            if !self.get(&directory)?.is_some_and(|node| node.is_directory()) {
                self.put(&directory, Node::directory(0, 0));
            }
        }
        Ok(path)
    }

    /// Removes what lower layers have below a path.
    fn hide_below(&mut self, directory: &Path, own: &Tree) {
        self.remove_below(directory);
        for (path, node) in own.below(directory) {
            self.nodes.insert(path.clone(), node.clone());
        }
    }

    fn node(&self, packed: &Packed, member: Member, offset: u64) -> Result<Option<Node>, Problem> {
        let link = || OsString::from_vec(member.link.clone().unwrap_or_default());
        let kind = match member.kind {
            EntryKind::File => {
                NodeKind::File(Content::Packed { layer: packed.clone(), offset, size: member.size })
            }
            EntryKind::Directory => NodeKind::Directory,
            EntryKind::Symlink => NodeKind::Symlink(link()),
            EntryKind::Hardlink => {
                // Another name for something that is there already.
                let target = clean(Path::new(&link()));
                let directory = resolve(self, target.parent().unwrap_or(Path::new("")))
                    .map_err(|_| bad("it has links that lead nowhere"))?;
                let target = self.get(&directory.join(last_name(&target)))?;
                let target = target.filter(|node| !node.is_directory());
                return target
                    .map(Some)
                    .ok_or_else(|| bad("it has a link to a file that is not there"));
            }
            EntryKind::Other(flag) => NodeKind::Special(match flag {
                b'3' | b'4' => "a device",
                b'6' => "a named pipe",
                // Not a thing in the tree, such as a label of the archive.
                _ => return Ok(None),
            }),
            _ => return Ok(None),
        };
        let attributes = Attributes { mode: member.mode, uid: member.uid, gid: member.gid };
        Ok(Some(Node { has_xattrs: member.has_xattrs, ..Node::new(attributes, kind) }))
    }
}

fn bad(reason: &str) -> Problem {
    Problem::BadImage { image: String::new(), reason: format!("a layer of it is wrong: {reason}") }
}
