//! How a destination is typed and printed.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::Destination;

/// What follows a destination's name and a colon.
enum Argument {
    Nothing(Destination),
    Path(&'static str, fn(PathBuf) -> Destination),
    Name(&'static str, fn(String) -> Destination),
    MaybeName(&'static str, fn(Option<String>) -> Destination),
}

/// Every destination.
const KNOWN: [(&str, Argument); 8] = [
    ("oci", Argument::Path("DIR", Destination::Oci)),
    ("oci-archive", Argument::Path("FILE", Destination::OciArchive)),
    ("docker-archive", Argument::Path("FILE", Destination::DockerArchive)),
    ("registry", Argument::Nothing(Destination::Registry)),
    ("docker", Argument::Nothing(Destination::Docker)),
    ("podman", Argument::Nothing(Destination::Podman)),
    ("kind", Argument::Name("CLUSTER", Destination::Kind)),
    ("containerd", Argument::MaybeName("NAMESPACE", Destination::Containerd)),
];

/// A word that is not a destination.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid destination `{word}`: {reason}; known are {known}", known = known())]
pub struct ParseDestinationError {
    /// The word as it was given.
    pub word: String,
    /// What is wrong with it.
    pub reason: String,
}

fn known() -> String {
    let form = |(name, argument): &(&str, Argument)| match argument {
        Argument::Nothing(_) => format!("`{name}`"),
        Argument::Path(what, _) | Argument::Name(what, _) => format!("`{name}:{what}`"),
        Argument::MaybeName(what, _) => format!("`{name}[:{what}]`"),
    };
    KNOWN.iter().map(form).collect::<Vec<_>>().join(", ")
}

impl FromStr for Destination {
    type Err = ParseDestinationError;

    /// Accepts what the variants say.
    fn from_str(word: &str) -> Result<Destination, ParseDestinationError> {
        parse(word).map_err(|reason| ParseDestinationError { word: word.to_owned(), reason })
    }
}

fn parse(word: &str) -> Result<Destination, String> {
    let (name, rest) = match word.split_once(':') {
        Some((name, rest)) => (name, Some(rest)),
        None => (word, None),
    };
    let Some((_, argument)) = KNOWN.iter().find(|(known, _)| *known == name) else {
        return Err(match rest {
            Some(_) => format!("`{name}` is not a known scheme"),
            None => "it has no scheme".to_owned(),
        });
    };
    match (argument, rest) {
        (Argument::Nothing(destination), None) => Ok(destination.clone()),
        (Argument::Nothing(_), Some(_)) => Err(format!("nothing can follow `{name}`")),
        (Argument::MaybeName(_, make), None) => Ok(make(None)),
        (Argument::Path(..), Some("")) => Err("its path is empty".to_owned()),
        (Argument::Path(_, make), Some(path)) => Ok(make(path.into())),
        (Argument::Name(_, make), Some(name)) if is_name(name) => Ok(make(name.to_owned())),
        (Argument::MaybeName(_, make), Some(name)) if is_name(name) => {
            Ok(make(Some(name.to_owned())))
        }
        (Argument::Name(what, _) | Argument::MaybeName(what, _), Some(name)) => {
            Err(format!("`{name}` is not a {what}"))
        }
        (Argument::Path(what, _) | Argument::Name(what, _), None) => {
            Err(format!("its {what} is missing"))
        }
    }
}

/// Names of clusters and of namespaces are alike; a program could take others
/// for options.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(plain)
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Destination::Oci(path) => write!(f, "oci:{}", path.display()),
            Destination::OciArchive(path) => write!(f, "oci-archive:{}", path.display()),
            Destination::DockerArchive(path) => write!(f, "docker-archive:{}", path.display()),
            Destination::Registry => f.write_str("registry"),
            Destination::Docker => f.write_str("docker"),
            Destination::Podman => f.write_str("podman"),
            Destination::Kind(cluster) => write!(f, "kind:{cluster}"),
            Destination::Containerd(None) => f.write_str("containerd"),
            Destination::Containerd(Some(namespace)) => write!(f, "containerd:{namespace}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_parse_and_print() {
        let cases = [
            ("oci:target/images", Destination::Oci("target/images".into())),
            ("oci:/a:b", Destination::Oci("/a:b".into())),
            ("oci-archive:x.tar", Destination::OciArchive("x.tar".into())),
            ("docker-archive:x.tar", Destination::DockerArchive("x.tar".into())),
            ("registry", Destination::Registry),
            ("docker", Destination::Docker),
            ("podman", Destination::Podman),
            ("kind:dev-1.2", Destination::Kind("dev-1.2".into())),
            ("containerd", Destination::Containerd(None)),
            ("containerd:k8s.io", Destination::Containerd(Some("k8s.io".into()))),
        ];
        for (word, destination) in cases {
            assert_eq!(word.parse(), Ok(destination.clone()));
            assert_eq!(destination.to_string(), word);
        }
    }

    #[test]
    fn other_words_are_refused_with_the_known_ones() {
        let cases = [
            ("", "it has no scheme"),
            ("images", "it has no scheme"),
            ("oci", "its DIR is missing"),
            ("oci:", "its path is empty"),
            ("oci-archive:", "its path is empty"),
            ("docker-archive", "its FILE is missing"),
            ("docker:x", "nothing can follow `docker`"),
            ("registry:", "nothing can follow `registry`"),
            ("kind", "its CLUSTER is missing"),
            ("kind:", "`` is not a CLUSTER"),
            ("kind:--help", "`--help` is not a CLUSTER"),
            ("containerd:", "`` is not a NAMESPACE"),
            ("containerd:a b", "`a b` is not a NAMESPACE"),
            ("OCI:x", "`OCI` is not a known scheme"),
            ("quay.io/a:b", "`quay.io/a` is not a known scheme"),
        ];
        let known = "`oci:DIR`, `oci-archive:FILE`, `docker-archive:FILE`, `registry`, `docker`, \
                     `podman`, `kind:CLUSTER`, `containerd[:NAMESPACE]`";
        for (word, reason) in cases {
            let error = word.parse::<Destination>().unwrap_err();
            let expected = format!("invalid destination `{word}`: {reason}; known are {known}");
            assert_eq!(error.to_string(), expected);
        }
    }
}
