//! The arguments that all engines take alike.

use std::ffi::OsString;
use std::path::Path;

use super::contexts::Group;
use crate::request::SCRATCH;
use crate::{BuildRequest, ContextSource};

/// Returns the options of a build that `docker buildx build` and `podman
/// build` have in common.
pub(super) fn options(request: &BuildRequest, group: &Group) -> Vec<OsString> {
    let platforms: Vec<String> = group.platforms.iter().map(ToString::to_string).collect();
    let mut args: Vec<OsString> = vec!["--file".into(), request.containerfile.clone().into()];
    args.extend(["--platform".into(), platforms.join(",").into()]);
    for (name, value) in &request.build_args {
        args.extend(["--build-arg".into(), format!("{name}={value}").into()]);
    }
    for (name, source) in &group.contexts {
        args.extend(["--build-context".into(), context(name, source)]);
    }
    if let Some(target) = &request.target {
        args.extend(["--target".into(), target.into()]);
    }
    for (name, value) in &request.labels {
        args.extend(["--label".into(), format!("{name}={value}").into()]);
    }
    args
}

fn context(name: &str, source: &ContextSource) -> OsString {
    let with = |prefix: &str, path: &Path| {
        let mut word = OsString::from(format!("{name}={prefix}"));
        word.push(path);
        word
    };
    match source {
        ContextSource::Directory(path) => with("", path),
        ContextSource::Layout { directory, digest } => {
            let mut word = with("oci-layout://", directory);
            word.push(format!("@{digest}"));
            word
        }
        ContextSource::Image(reference) => format!("{name}=docker-image://{reference}").into(),
        ContextSource::Scratch => format!("{name}=docker-image://{SCRATCH}").into(),
    }
}
