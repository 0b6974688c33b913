//! Debian's Rust with the sources of its standard library: unpacked, never
//! installed, for its packages and rustup's exclude each other.
//!
//! Debian replaces the version from time to time and keeps no old ones, so
//! none can be pinned: what apt offers is taken, and kept under its version.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use host::Cmd;
use host::fs::IoContext;
use ui::Failure;

use crate::context::Context;
use crate::rust_tools::{place, remove, run};
use crate::tools;

/// The packages that Debian builds browsers with: newer than its `rustc`.
const PACKAGES: [&str; 3] = ["rustc-web", "libstd-rust-web-dev", "rust-web-src"];

/// Beginnings of what those need of each other: names with versions in them.
const NEEDED: [&str; 2] = ["libstd-rust-web-", "libllvm"];

/// What the folders' names begin with.
const PREFIX: &str = "debian-rust-";

/// The program, as it is in its folder: a script, for the compiler's libraries
/// are where no loader looks.
const PROGRAM: &str = "rustc";

/// Finds the compiler and its version.
pub(super) fn find(folder: &Path) -> Option<(PathBuf, String)> {
    let folders = host::fs::read_dir(folder).ok()?.into_iter();
    let mut found = folders.filter_map(|path| {
        let name = path.file_name()?.to_str()?;
        let version = name.strip_prefix(PREFIX)?.to_owned();
        Some((host::find_tool(path.join(PROGRAM))?, version))
    });
    found.next()
}

/// Fetches the packages with apt and unpacks them.
pub(super) fn fetch(folder: &Path, cx: &Context<'_>) -> Result<(), Failure> {
    for program in ["apt-get", "dpkg-deb"] {
        if host::find_tool(program).is_none() {
            let message = format!("`{program}` is missing to fetch Debian's Rust");
            return Err(without_apt(Failure::missing(message)));
        }
    }
    let version = match candidate(cx)? {
        Some(version) => version,
        // The lists of a fresh machine are empty.
        None => {
            tools::update_lists(cx)?;
            candidate(cx)?.ok_or_else(|| {
                without_apt(Failure::missing(format!("apt has no `{}`", PACKAGES[0])))
            })?
        }
    };
    let packages = packages(cx)?;
    cx.ui.step("Fetching", format_args!("Debian's Rust {version} with its sources"));
    // Older ones: there is one at a time, and it is the one that is found.
    for path in host::fs::read_dir(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with(PREFIX) {
            remove(&path)?;
        }
    }
    let key = format!("{PREFIX}{}", file_name(&version));
    place(folder, &key, |work, done| {
        run(&Cmd::new("apt-get").arg("download").args(&packages).dir(work), cx)?;
        for package in host::fs::read_dir(work)? {
            if package.extension().is_some_and(|extension| extension == "deb") {
                run(&Cmd::new("dpkg-deb").arg("-x").arg(&package).arg(done), cx)?;
            }
        }
        write_script(done)
    })
    .map_err(|failure| failure.context("failed to fetch Debian's Rust"))
}

/// Returns the version that apt would fetch.
fn candidate(cx: &Context<'_>) -> Result<Option<String>, Failure> {
    let policy = Cmd::new("apt-cache").args(["policy", PACKAGES[0]]).env("LC_ALL", "C");
    let said = run(&policy, cx)?;
    let version = said.lines().find_map(|line| line.trim().strip_prefix("Candidate: "));
    Ok(version.filter(|version| *version != "(none)").map(str::to_owned))
}

/// Returns the packages, with those that they need and that only they have.
fn packages(cx: &Context<'_>) -> Result<Vec<String>, Failure> {
    let mut packages: Vec<String> = PACKAGES.map(str::to_owned).to_vec();
    let mut next = 0;
    while let Some(package) = packages.get(next) {
        let said = run(&Cmd::new("apt-cache").args(["depends", package]).env("LC_ALL", "C"), cx)?;
        for needed in needed(&said) {
            if !packages.contains(&needed) {
                packages.push(needed);
            }
        }
        next += 1;
    }
    Ok(packages)
}

/// Reads what `apt-cache depends` says: lines as `  Depends: libllvm22`.
fn needed(said: &str) -> Vec<String> {
    let names = said.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    let is_ours = |name: &&str| NEEDED.iter().any(|start| name.starts_with(start));
    names.filter(is_ours).map(str::to_owned).collect()
}

/// Writes the script that starts the compiler with its libraries.
fn write_script(done: &Path) -> Result<(), Failure> {
    let script = "#!/bin/sh\n# Starts the compiler with the libraries that lie beside it.\n\
                  here=$(dirname \"$0\")\n\
                  for libraries in \"$here\"/usr/lib/*-linux-gnu*; do :; done\n\
                  LD_LIBRARY_PATH=$libraries exec \"$here/usr/bin/rustc\" \"$@\"\n";
    let path = done.join(PROGRAM);
    host::fs::write_atomic(&path, script.as_bytes())?;
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755))
        .io_context("set the mode of", &path)?;
    Ok(())
}

/// A version may have characters that a path should not have.
fn file_name(version: &str) -> String {
    version.replace(|c: char| !(c.is_ascii_alphanumeric() || "+-.~".contains(c)), "_")
}

fn without_apt(failure: Failure) -> Failure {
    failure.hint(
        "`rustup component add rust-src` adds its sources to the Rust of rustup: that will do",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_packages_need_of_each_other_is_read() {
        let said = "rustc-web\n  Depends: libc6\n  Depends: libstd-rust-web-dev\n  \
                    Depends: <libc-dev>\n    libc6-dev\n |Depends: gcc\n  Depends: libllvm22\n  \
                    Conflicts: libstd-rust-web-0\n  Recommends: libllvm1\n";
        assert_eq!(needed(said), ["libstd-rust-web-dev", "libllvm22"]);
        assert_eq!(needed(""), [""; 0]);
    }

    #[test]
    fn versions_are_names_of_folders() {
        assert_eq!(file_name("1:1.96.0+dfsg1-1~deb12u2"), "1_1.96.0+dfsg1-1~deb12u2");
        assert_eq!(file_name("../x"), ".._x");
    }
}
