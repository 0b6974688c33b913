//! Contexts: directories of the host, without what their ignore files name.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use host::fs::{IoContext, IoError};
use oci::Attributes;

use super::content::{Content, Identity};
use super::{Files, Node, NodeKind, Tree};
use crate::ignore::Ignore;
use crate::{Error, Place, Problem};

/// A directory of the host to copy from. Looked at when needed, never as a
/// whole: most of it may be build output that nobody copies.
#[derive(Debug)]
pub(crate) struct Context {
    root: PathBuf,
    ignore: Ignore,
    name: String,
    /// Files that lie elsewhere, by their paths here.
    placed: BTreeMap<PathBuf, PathBuf>,
}

/// The ignore file in a context.
pub(crate) const IGNORE_FILE: &str = ".dockerignore";

/// Mode bits that a context's files bring along: who may do what. The others
/// (set-user-ID and the like) are often accidents of the host.
const MODE: u32 = 0o777;

impl Context {
    /// Opens a directory; errors call it `name`. For the main context,
    /// `containerfile` may have an ignore file of its own.
    ///
    /// # Errors
    ///
    /// Fails if it is not a directory, or an ignore file is not understood.
    pub(crate) fn open(
        root: &Path,
        name: String,
        containerfile: Option<&Path>,
    ) -> Result<Context, Error> {
        // What is typed may be a link; what is found below is not followed.
        let root = root.canonicalize().io_context("open the directory", root)?;
        if !root.is_dir() {
            let source = std::io::Error::from(ErrorKind::NotADirectory);
            return Err(IoError::new("open the directory", &root, source).into());
        }
        let of_the_file = containerfile.map(|path| {
            let mut path = path.as_os_str().to_owned();
            path.push(IGNORE_FILE);
            PathBuf::from(path)
        });
        let places = of_the_file.into_iter().chain([root.join(IGNORE_FILE)]);
        let mut ignore = Ignore::default();
        for path in places {
            if let Some(bytes) = host::fs::read_if_present(&path)? {
                ignore = Ignore::parse(&String::from_utf8_lossy(&bytes)).map_err(|reason| {
                    Error::Ignore { place: Place { file: path, line: reason.line }, reason }
                })?;
                break;
            }
        }
        Ok(Context { root, ignore, name, placed: BTreeMap::new() })
    }

    /// Adds files that lie elsewhere, by the paths they are to have.
    #[must_use]
    pub(crate) fn with(mut self, files: &BTreeMap<PathBuf, PathBuf>) -> Context {
        let clean = |path: &Path| super::parts(path).into_iter().collect::<PathBuf>();
        self.placed = files.iter().map(|(path, file)| (clean(path), file.clone())).collect();
        self
    }

    /// Returns what is at the path because a file was placed there, or below.
    fn placed(&self, path: &Path) -> Result<Option<Node>, Problem> {
        if let Some(file) = self.placed.get(path) {
            return Node::of_host(file, &self.name).map(Some);
        }
        let is_above = !path.as_os_str().is_empty()
            && self.placed.keys().any(|placed| placed.starts_with(path));
        Ok(is_above.then(|| Node::directory(0, 0)))
    }

    /// Returns everything in it.
    ///
    /// # Errors
    ///
    /// Fails if a directory cannot be read, or something in it is no file,
    /// directory or link.
    pub(crate) fn tree(&self) -> Result<Tree, Problem> {
        let mut tree = Tree::default();
        let mut pending = vec![PathBuf::new()];
        while let Some(directory) = pending.pop() {
            for name in self.list(&directory)? {
                let path = directory.join(name);
                let Some(node) = self.get(&path)? else { continue };
                match node.kind {
                    NodeKind::Special(kind) => {
                        let (path, place) = (path.display().to_string(), self.name.clone());
                        return Err(Problem::Special { path, place, kind });
                    }
                    NodeKind::Directory => pending.push(path.clone()),
                    _ => {}
                }
                tree.put(&path, node);
            }
        }
        Ok(tree)
    }

    /// Returns whether something below an ignored directory is not ignored.
    fn keeps_below(&self, directory: &Path) -> Result<bool, Problem> {
        for path in host::fs::read_dir(&self.root.join(directory))? {
            let path = directory.join(path.file_name().unwrap_or_default());
            let keeps = !self.ignore.ignores(&path)
                || self.metadata(&path)?.is_some_and(|file| file.is_dir())
                    && self.keeps_below(&path)?;
            if keeps {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn metadata(&self, path: &Path) -> Result<Option<Metadata>, Problem> {
        let path = self.root.join(path);
        match path.symlink_metadata() {
            Ok(metadata) => Ok(Some(metadata)),
            // Something on the way is a file, or the name is too long to be there.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(IoError::new("read", &path, error).into()),
        }
    }
}

impl Node {
    /// Returns a file of the host, of root; errors say that it is in `place`.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be looked at, or is no file.
    pub(crate) fn of_host(file: &Path, place: &str) -> Result<Node, Problem> {
        // What was named may be a link; it is the file that was meant.
        let file = file.canonicalize().io_context("open", file)?;
        let metadata = file.metadata().io_context("open", &file)?;
        if !metadata.is_file() {
            let (path, place) = (file.display().to_string(), place.to_owned());
            return Err(Problem::Special { path, place, kind: "no file" });
        }
        let content =
            Content::Host { path: file.as_path().into(), identity: Identity::of(&metadata) };
        let mode = metadata.mode() & MODE;
        Ok(Node::new(Attributes { mode, uid: 0, gid: 0 }, NodeKind::File(content)))
    }
}

impl Files for Context {
    fn get(&self, path: &Path) -> Result<Option<Node>, Problem> {
        if let Some(node) = self.placed(path)? {
            return Ok(Some(node));
        }
        let Some(metadata) = self.metadata(path)? else { return Ok(None) };
        let file_type = metadata.file_type();
        if self.ignore.ignores(path) {
            let may_keep = file_type.is_dir() && self.ignore.may_keep();
            if !may_keep || !self.keeps_below(path)? {
                return Ok(None);
            }
        }
        let full = self.root.join(path);
        let kind = if file_type.is_dir() {
            NodeKind::Directory
        } else if file_type.is_symlink() {
            NodeKind::Symlink(full.read_link().io_context("read the link", &full)?.into())
        } else if file_type.is_file() {
            let identity = Identity::of(&metadata);
            NodeKind::File(Content::Host { path: full.into(), identity })
        } else if file_type.is_fifo() {
            NodeKind::Special("a named pipe")
        } else if file_type.is_socket() {
            NodeKind::Special("a socket")
        } else {
            NodeKind::Special("a device")
        };
        let mode = if file_type.is_symlink() { MODE } else { metadata.mode() & MODE };
        Ok(Some(Node::new(Attributes { mode, uid: 0, gid: 0 }, kind)))
    }

    fn list(&self, directory: &Path) -> Result<Vec<OsString>, Problem> {
        let mut names = BTreeSet::new();
        let below = self.placed.keys().filter_map(|path| path.strip_prefix(directory).ok());
        names.extend(below.filter_map(|path| path.iter().next()).map(OsString::from));
        // A directory may be there for the sake of a placed file alone.
        let is_there = names.is_empty() || self.metadata(directory)?.is_some();
        let there = if is_there { host::fs::read_dir(&self.root.join(directory))? } else { vec![] };
        for path in there {
            let name = path.file_name().unwrap_or_default();
            if self.get(&directory.join(name))?.is_some() {
                names.insert(name.to_owned());
            }
        }
        Ok(names.into_iter().collect())
    }

    fn name(&self) -> &str {
        &self.name
    }
}
