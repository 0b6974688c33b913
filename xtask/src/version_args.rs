//! What a checkout's programs are to say of their version: the arguments that
//! bpfman-operator's Containerfiles take, as its makefile fills them in.
//!
//! They come from the checkout's commit alone, so that one commit makes the
//! same images on every machine and day.

use std::collections::BTreeMap;
use std::path::Path;

use host::Cmd;

/// What is said where git knows nothing, as those Containerfiles have it.
const UNKNOWN: (&str, &str) = ("0.0.0-unknown", "unknown");

/// Returns the arguments for a checkout, by their names; `created` is the time
/// that was asked for, in seconds since 1970, or 0.
pub(crate) fn version_args(checkout: &Path, created: u64) -> BTreeMap<String, String> {
    let version = git(checkout, &["describe", "--tags", "--dirty", "--always", "--long"]);
    let commit = git(checkout, &["rev-parse", "HEAD"]);
    let date = match created {
        0 => {
            git(checkout, &["log", "-1", "--format=%cd", "--date=format-local:%Y-%m-%dT%H:%M:%SZ"])
        }
        _ => None,
    };
    let pairs = [
        ("BUILD_VERSION", version.unwrap_or_else(|| UNKNOWN.0.to_owned())),
        ("BUILD_COMMIT", commit.unwrap_or_else(|| UNKNOWN.1.to_owned())),
        ("BUILD_DATE", date.unwrap_or_else(|| time(created))),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value)).into()
}

/// Returns a time as RFC 3339 has it.
fn time(seconds: u64) -> String {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    humantime::format_rfc3339_seconds(time).to_string()
}

/// Asks git about a checkout; `None` where that is none, or there is no git.
fn git(checkout: &Path, args: &[&str]) -> Option<String> {
    let output = Cmd::new("git")
        .args(args.iter().copied())
        .dir(checkout)
        .env("TZ", "UTC")
        // Neither a repository above it is its own, nor the one of a hook.
        .drop_env(["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"])
        .env("GIT_CEILING_DIRECTORIES", checkout.parent()?)
        .run()
        .ok()?;
    let line = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    Some(line).filter(|line| !line.is_empty())
}
