//! References: the names of images.
//!
//! The grammar is that of the distribution project's `reference` package
//! with docker's defaults (`docker.io`, `library/`, `latest`). Narrower in
//! two points: the digest is SHA-256, and a first component counts as a
//! registry only if it has a dot, a colon or is `localhost`, so `Upper/x` is
//! an uppercase repository (an error) and not a host nobody meant.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use crate::{Digest, ParseError};

const DEFAULT_REGISTRY: &str = "docker.io";
const DEFAULT_TAG: &str = "latest";

/// The name of an image: registry, repository, and a tag or a digest or
/// both. Parsed once; printed in full, with every default spelled out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    /// Returns the registry: a host, perhaps with a port.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Returns the repository's path in its registry.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Returns registry and repository, joined by a slash.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// Returns the tag; `None` only where there is a digest.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// Returns the digest.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// Returns the same repository under another tag and no digest.
    ///
    /// # Errors
    ///
    /// Fails if `tag` is not 1 to 128 of `A-Z`, `a-z`, `0-9`, `_`, `.` and
    /// `-`, or starts with one of the last two.
    pub fn with_tag(&self, tag: &str) -> Result<Reference, ParseError> {
        check_tag(tag).map_err(|reason| ParseError {
            what: "tag",
            input: tag.to_owned(),
            reason,
        })?;
        Ok(Reference { tag: Some(tag.to_owned()), digest: None, ..self.clone() })
    }

    /// Returns the same name with this digest; the tag stays.
    #[must_use]
    pub fn with_digest(&self, digest: Digest) -> Reference {
        Reference { digest: Some(digest), ..self.clone() }
    }
}

impl Reference {
    /// Returns the same name without its tag, if it has a digest.
    #[must_use]
    pub fn without_tag(&self) -> Reference {
        let tag = if self.digest.is_some() { None } else { self.tag.clone() };
        Reference { tag, ..self.clone() }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Reference {
    type Err = ParseError;

    /// Accepts `[REGISTRY/]REPOSITORY[:TAG][@sha256:DIGEST]`.
    fn from_str(word: &str) -> Result<Reference, ParseError> {
        parse(word).map_err(|reason| ParseError {
            what: "reference",
            input: word.to_owned(),
            reason,
        })
    }
}

fn parse(word: &str) -> Result<Reference, &'static str> {
    if word.is_empty() {
        return Err("it is empty");
    }
    let (rest, digest) = match word.split_once('@') {
        Some((rest, digest)) => {
            let digest: Digest =
                digest.parse().map_err(|_| "the digest is not `sha256:` and 64 hex digits")?;
            (rest, Some(digest))
        }
        None => (word, None),
    };
    // A colon before the last slash belongs to the registry.
    let last = rest.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match rest[last..].find(':') {
        Some(colon) => (&rest[..last + colon], Some(&rest[last + colon + 1..])),
        None => (rest, None),
    };
    tag.map_or(Ok(()), check_tag)?;
    let (registry, repository) = split_registry(name);
    check_registry(registry)?;
    check_repository(&repository)?;
    let tag = match (tag, digest) {
        (None, None) => Some(DEFAULT_TAG),
        (tag, _) => tag,
    };
    Ok(Reference { registry: registry.to_owned(), repository, tag: tag.map(str::to_owned), digest })
}

/// Splits a name into registry and repository, filling in the defaults.
fn split_registry(name: &str) -> (&str, String) {
    let (registry, repository) = match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
        _ => (DEFAULT_REGISTRY, name),
    };
    match registry {
        DEFAULT_REGISTRY | "index.docker.io" if !repository.contains('/') => {
            (DEFAULT_REGISTRY, format!("library/{repository}"))
        }
        "index.docker.io" => (DEFAULT_REGISTRY, repository.to_owned()),
        _ => (registry, repository.to_owned()),
    }
}

fn check_registry(registry: &str) -> Result<(), &'static str> {
    const HOST: &str =
        "the registry is not a host name, an IPv4 address or an IPv6 address in brackets";
    let (host, port) = match registry.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (registry, None),
    };
    if let Some(port) = port {
        // `u16` alone would accept a plus sign.
        let digits = port.bytes().all(|c| c.is_ascii_digit());
        if !digits || port.parse::<u16>().is_err() {
            return Err("the registry's port is not a number up to 65535");
        }
    }
    let good = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => host.split('.').all(|label| {
            let plain = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
            !label.is_empty()
                && label.bytes().all(plain)
                && !label.starts_with('-')
                && !label.ends_with('-')
        }),
    };
    if good { Ok(()) } else { Err(HOST) }
}

fn check_repository(repository: &str) -> Result<(), &'static str> {
    if repository.is_empty() || repository == "library/" {
        return Err("the repository is empty");
    }
    if repository.len() > 255 {
        return Err("the repository is longer than 255 characters");
    }
    if repository.bytes().any(|c| c.is_ascii_uppercase()) {
        return Err("the repository has uppercase letters");
    }
    // Docker takes such a word for an image's identifier.
    if repository.strip_prefix("library/").and_then(Digest::from_hex).is_some() {
        return Err("64 hex digits alone are not a repository");
    }
    if repository.split('/').any(str::is_empty) {
        return Err("a part of the repository is empty");
    }
    if repository.split('/').all(is_component) {
        Ok(())
    } else {
        Err("the repository's components are `a-z0-9` with single `.`, `_`, `__` or dashes between")
    }
}

/// Letters and digits, with separators only between them.
fn is_component(component: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut rest = component;
    loop {
        let word = rest.trim_start_matches(plain);
        if word.len() == rest.len() {
            return false; // Nothing before the separator or the end.
        }
        if word.is_empty() {
            return true;
        }
        rest = word.trim_start_matches(|c| !plain(c));
        let separator = &word[..word.len() - rest.len()];
        let dashes = separator.bytes().all(|c| c == b'-');
        if !dashes && !matches!(separator, "." | "_" | "__") {
            return false;
        }
    }
}

fn check_tag(tag: &str) -> Result<(), &'static str> {
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"_.-".contains(&c);
    if tag.is_empty() {
        Err("the tag is empty")
    } else if tag.len() > 128 {
        Err("the tag is longer than 128 characters")
    } else if !tag.bytes().all(plain) || tag.starts_with(['.', '-']) {
        Err("the tag is not `A-Za-z0-9_` followed by more of them, `.` or `-`")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn words_print_in_full() {
        let cases = [
            ("alpine", "docker.io/library/alpine:latest"),
            ("alpine:3", "docker.io/library/alpine:3"),
            ("bitnami/redis", "docker.io/bitnami/redis:latest"),
            ("docker.io/alpine", "docker.io/library/alpine:latest"),
            ("index.docker.io/alpine", "docker.io/library/alpine:latest"),
            ("index.docker.io/a/b:1", "docker.io/a/b:1"),
            ("quay.io/bpfman-bytecode/xdp_pass", "quay.io/bpfman-bytecode/xdp_pass:latest"),
            ("localhost/x", "localhost/x:latest"),
            ("localhost:5000/x:v1", "localhost:5000/x:v1"),
            // Without a slash it is a repository and a tag, as docker has it.
            ("localhost:5000", "docker.io/library/localhost:5000"),
            ("[::1]:5000/a/b", "[::1]:5000/a/b:latest"),
            ("[2001:db8::1]/a", "[2001:db8::1]/a:latest"),
            ("127.0.0.1:80/a__b/c--d/e.f", "127.0.0.1:80/a__b/c--d/e.f:latest"),
            ("Registry.Example.COM/a", "Registry.Example.COM/a:latest"),
            ("a/b/c", "docker.io/a/b/c:latest"),
        ];
        for (word, full) in cases {
            assert_eq!(word.parse::<Reference>().unwrap().to_string(), full, "{word}");
        }
        let digest = format!("sha256:{HEX}");
        let cases = [
            (format!("quay.io/a@{digest}"), format!("quay.io/a@{digest}")),
            (format!("a:v1@{digest}"), format!("docker.io/library/a:v1@{digest}")),
        ];
        for (word, full) in cases {
            assert_eq!(word.parse::<Reference>().unwrap().to_string(), full, "{word}");
        }
    }

    #[test]
    fn other_words_are_refused_and_named() {
        let long_tag = format!("a:{}", "t".repeat(129));
        let long_name = format!("quay.io/{}", "a".repeat(256));
        let component =
            "the repository's components are `a-z0-9` with single `.`, `_`, `__` or dashes between";
        let host =
            "the registry is not a host name, an IPv4 address or an IPv6 address in brackets";
        let tag = "the tag is not `A-Za-z0-9_` followed by more of them, `.` or `-`";
        let digest = "the digest is not `sha256:` and 64 hex digits";
        let port = "the registry's port is not a number up to 65535";
        let upper = "the repository has uppercase letters";
        let empty = "a part of the repository is empty";
        let cases = [
            ("", "it is empty"),
            (":tag", "the repository is empty"),
            ("quay.io/", "the repository is empty"),
            ("UPPER/x", upper),
            ("quay.io/Foo/bar", upper),
            ("quay.io/foo/", empty),
            ("quay.io//foo", empty),
            ("/foo", empty),
            ("quay.io/foo_/bar", component),
            ("quay.io/-foo", component),
            ("quay.io/foo..bar", component),
            ("quay.io/foo___bar", component),
            ("quay.io/foo bar", component),
            ("quay.io/../../etc", component),
            ("quay.io/é", component),
            ("-a.io/x", host),
            ("a..io/x", host),
            ("quay.io:/x", port),
            ("quay.io:65536/x", port),
            ("quay.io:+5/x", port),
            ("[::1/x", host),
            ("[::g]:5000/x", host),
            ("a:", "the tag is empty"),
            ("a:-x", tag),
            ("a:x:y", tag),
            ("a:x y", tag),
            (&long_tag, "the tag is longer than 128 characters"),
            (&long_name, "the repository is longer than 255 characters"),
            (HEX, "64 hex digits alone are not a repository"),
            ("a@sha256:00", digest),
            ("a@", digest),
            ("a@md5:00@x", digest),
        ];
        for (word, reason) in cases {
            let error = word.parse::<Reference>().map(|r| r.to_string()).unwrap_err();
            assert_eq!(error.to_string(), format!("invalid reference `{word}`: {reason}"));
        }
    }

    #[test]
    fn a_tag_or_digest_can_be_exchanged() {
        let reference: Reference = "quay.io/a/b:v1".parse().unwrap();
        let digest = Digest::of(b"");
        assert_eq!(reference.with_tag("v2").unwrap().to_string(), "quay.io/a/b:v2");
        let pinned = reference.with_digest(digest);
        assert_eq!(pinned.to_string(), format!("quay.io/a/b:v1@{digest}"));
        assert_eq!(pinned.with_tag("v2").unwrap().to_string(), "quay.io/a/b:v2");
        assert_eq!(reference.with_tag(&"t".repeat(128)).unwrap().tag().map(str::len), Some(128));
        assert_eq!(
            reference.with_tag("a b").unwrap_err().to_string(),
            "invalid tag `a b`: the tag is not `A-Za-z0-9_` followed by more of them, `.` or `-`"
        );
    }

    proptest! {
        #[test]
        fn what_parses_prints_and_parses_again(
            word in r"(localhost|\[::1\]|[a-z]{1,4}\.io)(:[0-9]{1,4})?/[a-z0-9]{1,3}((\.|_|__|--|/)[a-z0-9]{1,3}){0,3}(:\w[\w.-]{0,8})?"
        ) {
            // `\w` is more than ASCII to the generator; those words are refused.
            if let Ok(reference) = word.parse::<Reference>() {
                let again: Reference = reference.to_string().parse().unwrap();
                prop_assert_eq!(&again, &reference);
                prop_assert_eq!(again.to_string(), reference.to_string());
            } else {
                prop_assert!(!word.is_ascii());
            }
        }

        #[test]
        fn no_word_panics(word in r"[a-zA-Z0-9:/@.\[\]_ é-]{0,40}", wild: String) {
            for word in [word, wild] {
                if let Ok(reference) = word.parse::<Reference>() {
                    prop_assert_eq!(reference.to_string().parse::<Reference>().unwrap(), reference);
                }
            }
        }
    }
}
