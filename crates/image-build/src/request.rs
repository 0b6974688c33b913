//! What is to be built: the input of every engine.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use oci::{Digest, Platform, Reference};

use crate::Ran;

/// Everything that a build depends on, whoever does it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildRequest {
    /// The Containerfile.
    pub containerfile: PathBuf,
    /// The directory that COPY copies from; `None` if there is none.
    pub context: Option<PathBuf>,
    /// Files that the context has besides, by their paths in it, wherever
    /// they lie; no ignore file applies to them.
    pub files: BTreeMap<PathBuf, PathBuf>,
    /// What stands for stages and images, or is another directory to copy
    /// from.
    pub contexts: Vec<NamedContext>,
    /// Stages that are made already: each stands for the stage of its name
    /// where the image is built for its platform, whichever platform the stage
    /// itself is for. Only the built-in builder takes them; the others make
    /// the stages.
    pub stages: Vec<NamedContext>,
    /// Files of the host whose content is known without reading them: by
    /// canonical path, a text that is another whenever the content is. The
    /// built-in builder finds layers of such files alone in its cache, and
    /// reads neither them nor the layers.
    pub known: BTreeMap<PathBuf, String>,
    /// What the host did for RUNs. Only the built-in builder takes it; the
    /// others run them by themselves.
    pub ran: Vec<Ran>,
    /// Values for ARG.
    pub build_args: BTreeMap<String, String>,
    /// The stage to build; the last one if `None`.
    pub target: Option<String>,
    /// The platforms to build for, in the order of the index; at least one.
    pub platforms: Vec<Platform>,
    /// What `BUILDPLATFORM` is: as a rule the machine this runs on.
    pub build_platform: Platform,
    /// Labels that are added to those of the Containerfile, or replace them.
    pub labels: BTreeMap<String, String>,
    /// Annotations of every manifest and of the index.
    pub annotations: BTreeMap<String, String>,
    /// The time of everything that is made, in seconds since 1970.
    pub created: u64,
}

impl BuildRequest {
    /// Asks for a build without any options.
    pub fn new(
        containerfile: impl Into<PathBuf>,
        context: impl Into<PathBuf>,
        platforms: Vec<Platform>,
        build_platform: Platform,
    ) -> BuildRequest {
        BuildRequest {
            containerfile: containerfile.into(),
            context: Some(context.into()),
            files: BTreeMap::new(),
            contexts: Vec::new(),
            stages: Vec::new(),
            known: BTreeMap::new(),
            ran: Vec::new(),
            build_args: BTreeMap::new(),
            target: None,
            platforms,
            build_platform,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            created: 0,
        }
    }

    /// Finds what stands for a stage in a build for `platform`.
    pub(crate) fn find_stage(&self, name: &str, platform: &Platform) -> Option<&NamedContext> {
        let is_it = |stage: &&NamedContext| {
            stage.name == name && stage.platform.as_ref().map(normal) == Some(normal(platform))
        };
        self.stages.iter().find(is_it)
    }

    /// Finds what the host did for the RUN on a line in a build for
    /// `platform`.
    pub(crate) fn find_ran(&self, line: usize, platform: &Platform) -> Option<&Ran> {
        let is_it = |ran: &&Ran| ran.line == line && normal(&ran.platform) == normal(platform);
        self.ran.iter().find(is_it)
    }

    /// Finds the context of that name: one for the platform before one for
    /// all.
    pub(crate) fn find_context(&self, name: &str, platform: &Platform) -> Option<&NamedContext> {
        let name = familiar(name);
        let find = |wanted: Option<&Platform>| {
            let mut contexts = self.contexts.iter().rev();
            contexts.find(|context| {
                context.name == name && context.platform.as_ref().map(normal) == wanted.map(normal)
            })
        };
        find(Some(platform)).or_else(|| find(None))
    }
}

/// A context with a name, written `NAME=SOURCE` or `NAME::PLATFORM=SOURCE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedContext {
    /// The name of a stage, of an image, or one of its own; of an image
    /// without the defaults that are added to it.
    name: String,
    /// The platform it is for; every one that has none of its own if `None`.
    platform: Option<Platform>,
    source: ContextSource,
}

/// What a context is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContextSource {
    /// `DIR`: the files of a directory.
    Directory(PathBuf),
    /// `oci-layout://DIR@DIGEST`: an image or index of a layout.
    Layout {
        /// The layout's directory.
        directory: PathBuf,
        /// The digest of the manifest or index.
        digest: Digest,
    },
    /// `docker-image://REFERENCE`: an image of a registry.
    Image(Reference),
    /// `docker-image://scratch`, as BuildKit has it: no files, no settings.
    Scratch,
}

/// A word that is no named context.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid build context `{word}`: {reason}")]
pub struct ParseContextError {
    /// The word as it was given.
    pub word: String,
    /// What is wrong with it.
    pub reason: String,
}

impl NamedContext {
    /// Makes a context that is there for one platform, or for all.
    pub fn new(name: &str, platform: Option<Platform>, source: ContextSource) -> NamedContext {
        NamedContext { name: familiar(name), platform, source }
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the platform it is for; `None` means every other.
    pub fn platform(&self) -> Option<&Platform> {
        self.platform.as_ref()
    }

    /// Returns what it is.
    pub fn source(&self) -> &ContextSource {
        &self.source
    }

    /// Returns the same context with its path taken from `base`, unless it is
    /// absolute.
    #[must_use]
    pub fn relative_to(mut self, base: &Path) -> NamedContext {
        match &mut self.source {
            ContextSource::Directory(path) => *path = base.join(&*path),
            ContextSource::Layout { directory, .. } => *directory = base.join(&*directory),
            ContextSource::Image(_) | ContextSource::Scratch => {}
        }
        self
    }
}

impl FromStr for NamedContext {
    type Err = ParseContextError;

    /// Accepts `NAME=SOURCE` and `NAME::PLATFORM=SOURCE`.
    fn from_str(word: &str) -> Result<NamedContext, ParseContextError> {
        let error = |reason: String| ParseContextError { word: word.to_owned(), reason };
        let (name, source) =
            word.split_once('=').ok_or_else(|| error("it is not `NAME=SOURCE`".to_owned()))?;
        let (name, platform) = match name.split_once("::") {
            Some((name, platform)) => {
                (name, Some(platform.parse::<Platform>().map_err(|e| error(e.to_string()))?))
            }
            None => (name, None),
        };
        if name.is_empty() || source.is_empty() {
            let part = if name.is_empty() { "name" } else { "source" };
            return Err(error(format!("its {part} is empty")));
        }
        if matches!(name, SCRATCH | "context") {
            return Err(error(format!("`{name}` cannot be replaced")));
        }
        let source = source.parse().map_err(error)?;
        Ok(NamedContext::new(name, platform, source))
    }
}

impl FromStr for ContextSource {
    type Err = String;

    fn from_str(word: &str) -> Result<ContextSource, String> {
        if let Some(layout) = word.strip_prefix("oci-layout://") {
            let (directory, digest) = layout
                .rsplit_once('@')
                .ok_or("a layout needs a digest: `oci-layout://DIR@DIGEST`")?;
            let digest = digest.parse::<Digest>().map_err(|error| error.to_string())?;
            return Ok(ContextSource::Layout { directory: directory.into(), digest });
        }
        if let Some(image) = word.strip_prefix("docker-image://") {
            if image == SCRATCH {
                return Ok(ContextSource::Scratch);
            }
            return Ok(ContextSource::Image(
                image.parse().map_err(|e: oci::ParseError| e.to_string())?,
            ));
        }
        match word.split_once("://") {
            Some((scheme, _)) => Err(format!(
                "`{scheme}` is not known; write a directory, `oci-layout://DIR@DIGEST` or `docker-image://REFERENCE`"
            )),
            None => Ok(ContextSource::Directory(word.into())),
        }
    }
}

impl fmt::Display for NamedContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(platform) = &self.platform {
            write!(f, "::{platform}")?;
        }
        match &self.source {
            ContextSource::Directory(path) => write!(f, "={}", path.display()),
            ContextSource::Layout { directory, digest } => {
                write!(f, "=oci-layout://{}@{digest}", directory.display())
            }
            ContextSource::Image(reference) => write!(f, "=docker-image://{reference}"),
            ContextSource::Scratch => write!(f, "=docker-image://{SCRATCH}"),
        }
    }
}

/// The name that stands for nothing to start from.
pub(crate) const SCRATCH: &str = "scratch";

/// Returns a platform with the variant that others leave out, or without the
/// one that they need not write.
pub(crate) fn normal(platform: &Platform) -> Platform {
    let variant = match (platform.architecture.as_str(), platform.variant.as_deref()) {
        ("arm", None) => Some("v7"),
        ("arm64", Some("v8")) | ("amd64", Some("v1")) => None,
        (_, variant) => variant,
    };
    Platform { variant: variant.map(str::to_owned), ..platform.clone() }
}

/// Returns an image's name as people write it, without docker's defaults;
/// any other name as it is.
pub(crate) fn familiar(name: &str) -> String {
    let Ok(reference) = name.parse::<Reference>() else { return name.to_owned() };
    let full = reference.to_string();
    let short = full.strip_prefix("docker.io/").unwrap_or(&full);
    let short = short.strip_prefix("library/").unwrap_or(short);
    short.strip_suffix(":latest").unwrap_or(short).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn words_parse_and_print() {
        let layout = format!("base=oci-layout:///a@b/c@sha256:{HEX}");
        let cases = [
            ("build=out/bin", "build=out/bin"),
            ("build::linux/arm64=out=x", "build::linux/arm64=out=x"),
            ("docker.io/library/golang:latest=/go", "golang=/go"),
            ("golang:1.22=docker-image://quay.io/go:1", "golang:1.22=docker-image://quay.io/go:1"),
            (layout.as_str(), layout.as_str()),
            ("quay.io/go:1=docker-image://scratch", "quay.io/go:1=docker-image://scratch"),
        ];
        for (word, expected) in cases {
            assert_eq!(word.parse::<NamedContext>().unwrap().to_string(), expected);
        }
    }

    #[test]
    fn other_words_are_refused_and_named() {
        let scheme = "`git` is not known; write a directory, `oci-layout://DIR@DIGEST` or `docker-image://REFERENCE`";
        let cases = [
            ("build", "it is not `NAME=SOURCE`"),
            ("=x", "its name is empty"),
            ("build=", "its source is empty"),
            ("scratch=x", "`scratch` cannot be replaced"),
            (
                "build::arm64=x",
                "invalid platform `arm64`: it is not `os/architecture` or `os/architecture/variant`",
            ),
            ("x=oci-layout://dir", "a layout needs a digest: `oci-layout://DIR@DIGEST`"),
            ("x=oci-layout://dir@1", "invalid digest `1`: it does not start with `sha256:`"),
            ("x=docker-image://A", "invalid reference `A`: the repository has uppercase letters"),
            ("x=git://host", scheme),
        ];
        for (word, reason) in cases {
            let error = word.parse::<NamedContext>().unwrap_err();
            assert_eq!(error.to_string(), format!("invalid build context `{word}`: {reason}"));
        }
    }

    #[test]
    fn one_for_the_platform_comes_first() {
        let (arm64, s390x): (Platform, Platform) =
            ("linux/arm64".parse().unwrap(), "linux/s390x".parse().unwrap());
        let mut request = BuildRequest::new("f", ".", vec![], arm64.clone());
        let words = ["b=all", "b::linux/arm64=arm", "golang=go", "b=all2"];
        request.contexts = words.map(|word| word.parse().unwrap()).to_vec();
        let found = |name: &str, platform| {
            request.find_context(name, platform).map(|context| context.to_string())
        };
        assert_eq!(found("b", &arm64).unwrap(), "b::linux/arm64=arm");
        assert_eq!(found("b", &s390x).unwrap(), "b=all2");
        assert_eq!(found("docker.io/library/golang", &s390x).unwrap(), "golang=go");
        assert_eq!(found("golang:1.22", &s390x), None);
        let v8 = "linux/arm64/v8".parse().unwrap();
        assert_eq!(found("b", &v8).unwrap(), "b::linux/arm64=arm");
    }

    proptest! {
        #[test]
        fn no_word_panics(word: String) {
            let _ = word.parse::<NamedContext>();
            let _ = format!("a={word}").parse::<NamedContext>();
        }
    }
}
