//! What builds Rust programs for machines other than this one: fetched once
//! into a cache of the user's, found there ever after, and installed nowhere.
//!
//! Two parts, each in a folder named after its versions: a compiler with the
//! sources of its standard library, from Debian's packages ([`debian`]), and
//! zig with what lets cargo link with it, from the Python index ([`zig`]). A
//! folder gets its name when all is in it: a half of it never counts.

mod debian;
mod zig;

use std::path::{Path, PathBuf};

use cargo_build::Kit;
use host::Lock;
use host::fs::IoContext;
use ui::{Exit, Failure};

use crate::context::Context;
use crate::go_tools;

/// How to get it.
pub(crate) const HINT: &str = "`--install-deps` fetches what builds for every platform: Debian's \
                               Rust with its sources, and zig; 240 MB, kept in your cache";

/// Where both are, below the user's cache directory.
const FOLDER: &str = "bpfman-image-factory/rust-tools";

/// A part, as it is shown.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) purpose: &'static str,
    /// The program, and its version; `None` where it was not fetched.
    pub(crate) found: Option<(PathBuf, String)>,
}

/// The names of the parts, as tests ask for them.
pub(crate) const NAMES: [&str; 2] = ["rustc-web", "cargo-zigbuild"];

/// Returns the parts.
pub(crate) fn parts() -> [Part; 2] {
    let folder = folder();
    let folder = folder.as_deref();
    [
        Part {
            name: NAMES[0],
            purpose: "compiles Rust programs for other machines",
            found: folder.and_then(debian::find),
        },
        Part { name: NAMES[1], purpose: "links them, with zig", found: folder.and_then(zig::find) },
    ]
}

/// Returns what is there.
pub(crate) fn kit() -> Kit {
    let Some(folder) = folder() else { return Kit::default() };
    let zigbuild = zig::find(&folder).map(|(program, _)| program);
    Kit {
        rustc: debian::find(&folder).map(|(program, _)| program),
        zig: zigbuild.is_some().then(|| zig::program(&folder)),
        zigbuild,
    }
}

/// Fetches what is not there, and returns all of it.
///
/// # Errors
///
/// Fails where it cannot be had.
pub(crate) fn fetch(cx: &Context<'_>) -> Result<Kit, Failure> {
    let folder = folder().ok_or_else(|| {
        Failure::missing("neither XDG_CACHE_HOME nor HOME says where fetched programs can be kept")
    })?;
    host::fs::create_dir_all(&folder)?;
    let _alone = Lock::exclusive(&folder.join("lock"))?;
    if debian::find(&folder).is_none() {
        debian::fetch(&folder, cx)?;
    }
    if zig::find(&folder).is_none() {
        zig::fetch(&folder, cx)?;
    }
    Ok(kit())
}

/// Makes a folder beside its place and moves it there whole.
fn place(
    folder: &Path,
    key: &str,
    make: impl FnOnce(&Path, &Path) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (place, work) = (folder.join(key), folder.join(format!("{key}.fetching")));
    // What a killed run left behind.
    remove(&place)?;
    remove(&work)?;
    let done = work.join("done");
    host::fs::create_dir_all(&done)?;
    let made = make(&work, &done).and_then(|()| Ok(host::fs::rename(&done, &place)?));
    remove(&work)?;
    made
}

fn remove(dir: &Path) -> Result<(), Failure> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        result => Ok(result.io_context("remove", dir)?),
    }
}

/// Runs a command, what it says kept for its failure.
fn run(command: &host::Cmd, cx: &Context<'_>) -> Result<String, Failure> {
    cx.ui.command(command);
    match command.run() {
        Ok(output) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Err(error) => {
            let said = error.stderr.clone();
            Err(Failure::new(Exit::Failed, error).detail(said))
        }
    }
}

fn folder() -> Option<PathBuf> {
    Some(go_tools::user_cache()?.join(FOLDER))
}
