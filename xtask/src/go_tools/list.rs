//! The Go programs that tests and measurements run: the one place where their
//! modules and versions stand.
//!
//! A row is all that a further program needs. Versions are exact; what they
//! require in turn follows from them (Go's minimal version selection), and
//! the Go checksum database vouches for the bytes.

/// What a program is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Tests: `test --slow` builds it.
    Tests,
    /// `bench push` measures it.
    Bench,
}

/// One program.
#[derive(Debug)]
pub(crate) struct GoTool {
    /// The program's name, as tests ask for it.
    pub(crate) name: &'static str,
    pub(crate) used: Use,
    pub(crate) purpose: &'static str,
    /// The module that it is in, or uses where it is a program of ours.
    pub(super) module: &'static str,
    pub(super) version: &'static str,
    /// Where in the module it is, with a leading slash; empty at the top.
    pub(super) package: &'static str,
    /// Versions that the module must not be built with: lines of `go.mod`.
    pub(super) excludes: &'static [&'static str],
    /// The source of a program of ours.
    pub(super) main: Option<&'static str>,
}

/// The oldest Go that builds all of them.
pub(super) const GO: &str = "1.26";

const GGCR: (&str, &str) = ("github.com/google/go-containerregistry", "v0.22.1");
const BUILDKIT: (&str, &str) = ("github.com/moby/buildkit", "v0.34.2");

/// Two dependencies have versions under which buildkit does not build; its
/// own go.mod excludes them, which counts only there.
const BUILDKIT_EXCLUDES: &[&str] = &[
    "github.com/davecgh/go-spew v1.1.2-0.20180830191138-d8f796af33cc",
    "github.com/pmezard/go-difflib v1.0.1-0.20181226105442-5d4384ee4fb2",
];

#[rustfmt::skip]
pub(crate) static GO_TOOLS: &[GoTool] = {
    use Use::{Bench, Tests};
    const fn tool(
        name: &'static str, used: Use, purpose: &'static str,
        (module, version): (&'static str, &'static str), package: &'static str,
    ) -> GoTool {
        GoTool { name, used, purpose, module, version, package, excludes: &[], main: None }
    }
    &[
        tool("oci-conformance", Tests, "asks a registry what the specification demands",
            ("github.com/opencontainers/distribution-spec/conformance", "v0.0.0-20260831232431-97274622c111"), ""),
        tool("olareg", Tests, "a registry that keeps lists of referrers",
            ("github.com/olareg/olareg", "v0.2.2"), "/cmd/olareg"),
        tool("kind", Tests, "takes images to containerd as to its nodes", ("sigs.k8s.io/kind", "v0.33.0"), ""),
        tool("kustomize", Tests, "renders the examples' manifests",
            ("sigs.k8s.io/kustomize/kustomize/v5", "v5.8.1"), ""),
        tool("crane", Tests, "reads and writes registries", GGCR, "/cmd/crane"),
        tool("actionlint", Tests, "reads the workflows as GitHub does", ("github.com/rhysd/actionlint", "v1.7.12"), "/cmd/actionlint"),
        tool("cosign-2", Tests, "signs images as released programs verify them",
            ("github.com/sigstore/cosign/v2", "v2.6.5"), "/cmd/cosign"),
        tool("cosign-3", Tests, "signs images with Sigstore bundles",
            ("github.com/sigstore/cosign/v3", "v3.1.3"), "/cmd/cosign"),
        GoTool {
            main: Some(include_str!("../bench/ggcr/main.go")),
            ..tool("push-with-ggcr", Bench, "pushes beside us", GGCR, "")
        },
        tool("buildx", Tests, "builds with any BuildKit, and beside us", ("github.com/docker/buildx", "v0.38.2"), "/cmd/buildx"),
        GoTool {
            excludes: BUILDKIT_EXCLUDES,
            ..tool("buildkitd", Tests, "builds Containerfiles, for buildx too", BUILDKIT, "/cmd/buildkitd")
        },
    ]
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn rows_agree_with_themselves() {
        let names: BTreeSet<_> = GO_TOOLS.iter().map(|tool| tool.name).collect();
        assert_eq!(names.len(), GO_TOOLS.len(), "each name once");
        for tool in GO_TOOLS {
            assert!(tool.version.starts_with('v'), "{}", tool.name);
            assert!(tool.package.is_empty() || tool.package.starts_with('/'), "{}", tool.name);
            // From the second on, a module's path ends in its major version.
            let major = tool.version[1..].split('.').next().unwrap();
            let in_path = tool.module.rsplit_once("/v").map(|(_, number)| number);
            let expected = (!["0", "1"].contains(&major)).then_some(major);
            assert_eq!(in_path, expected, "{}", tool.name);
        }
    }
}
