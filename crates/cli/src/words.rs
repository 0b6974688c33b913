//! Words that users type, and what they may have meant: platforms, paths.

use std::path::{Path, PathBuf};

use bpf_arch::Arch;
use host::fs::IoContext;
use ui::Failure;

/// Returns the known word nearest to an unknown one, if it is near.
pub fn nearest<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.map(|word| (strsim::jaro_winkler(unknown, word), word));
    // Of equally near words the first stands.
    let best = scored.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.filter(|(score, _)| *score > 0.8).map(|(_, word)| word)
}

/// Reads a platform: `linux/arm64`, or `arm64` alone, or `host`, this
/// machine's.
///
/// # Errors
///
/// Fails for any other word; the message names the known ones and the nearest.
pub fn platform(word: &str) -> Result<Arch, String> {
    if word == "host" {
        let unknown = || format!("nothing is built for `{}`", std::env::consts::ARCH);
        return Arch::host().ok_or_else(unknown);
    }
    word.parse().map_err(|error: bpf_arch::UnknownPlatform| {
        let known = Arch::ALL.iter().map(|arch| arch.goarch());
        // All begin with `linux/`: what follows tells them apart.
        let (_, goarch) = word.rsplit_once('/').unwrap_or(("", word));
        match nearest(goarch, known) {
            Some(nearest) => format!("{error}; did you mean `linux/{nearest}`?"),
            None => error.to_string(),
        }
    })
}

/// Reads `KEY=VALUE`; the value may be empty.
///
/// # Errors
///
/// Fails for a word without an equals sign, or without a key.
pub fn key_value(word: &str) -> Result<(String, String), String> {
    match word.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("it is not `KEY=VALUE`".to_owned()),
    }
}

/// Returns platforms as words in a sentence.
pub fn list(archs: &[Arch]) -> String {
    archs.iter().map(|arch| arch.platform()).collect::<Vec<_>>().join(", ")
}

/// Returns a path that was typed, made absolute: it is relative to where it
/// was typed.
///
/// # Errors
///
/// Fails if the path is empty, or the current directory is gone.
pub fn typed(path: &Path) -> Result<PathBuf, Failure> {
    Ok(std::path::absolute(path).io_context("resolve", path)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_a_platform() {
        assert_eq!(platform("host").ok(), Arch::host());
    }

    #[test]
    fn platforms_are_suggested() {
        let suggestion = |word| platform(word).unwrap_err().rsplit("; ").next().unwrap().to_owned();
        assert_eq!(suggestion("linux/amd46"), "did you mean `linux/amd64`?");
        assert_eq!(suggestion("s390"), "did you mean `linux/s390x`?");
        assert!(suggestion("plan9").starts_with("known are linux/386"));
    }
}
