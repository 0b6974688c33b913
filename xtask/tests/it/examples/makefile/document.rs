//! The lines of the reference document, "Locally Build Example Container
//! Images", typed as they stand there.

use super::image::{ALL, Kind, check, host};
use super::{built, desk_and_registry, kinds, pushing, succeed};

/// Each line, without its prompt: the kind, which example (all without one),
/// the platforms (this machine's without), the tag.
type Row = (&'static str, Kind, Option<&'static str>, Option<[&'static str; 4]>, &'static str);

const LINES: [Row; 6] = [
    (
        "make build-bc-images USER_BC=$QUAY_USER TAG_BC=test-bc",
        Kind::Bytecode,
        None,
        None,
        "test-bc",
    ),
    (
        "make build-bc-xdp USER_BC=$QUAY_USER TAG_BC=test-bc",
        Kind::Bytecode,
        Some("go-xdp-counter"),
        None,
        "test-bc",
    ),
    (
        "make build-bc-xdp USER_BC=$QUAY_USER TAG_BC=test-bc PLATFORM=linux/amd64,linux/arm64,linux/ppc64le,linux/s390x",
        Kind::Bytecode,
        Some("go-xdp-counter"),
        Some(ALL),
        "test-bc",
    ),
    (
        "make build-us-images USER_US=$QUAY_USER TAG_US=test-us",
        Kind::UserSpace,
        None,
        None,
        "test-us",
    ),
    (
        "make build-us-xdp USER_US=$QUAY_USER TAG_US=test-us",
        Kind::UserSpace,
        Some("go-xdp-counter"),
        None,
        "test-us",
    ),
    (
        "make build-us-xdp USER_US=$QUAY_USER TAG_US=test-us PLATFORM=linux/amd64,linux/arm64,linux/ppc64le,linux/s390x",
        Kind::UserSpace,
        Some("go-xdp-counter"),
        Some(ALL),
        "test-us",
    ),
];

#[test]
fn every_line_builds_and_pushes() {
    let Some((desk, registry)) = desk_and_registry() else { return };
    let kinds = kinds(&desk);
    for (number, (line, kind, example, platforms, tag)) in LINES.into_iter().enumerate() {
        if !kinds.contains(&kind) {
            continue;
        }
        let user = format!("user{number}");
        let variables = [("QUAY_USER", user.as_str()), ("REGISTRY", &registry.address)];
        let run = succeed(&desk, line, &variables);
        let names = kind.examples().into_iter().map(|(_, _, image)| image);
        let names: Vec<_> = names.filter(|name| example.is_none_or(|one| one == *name)).collect();
        let references = names.iter().map(|name| registry.name(&format!("{user}/{name}:{tag}")));
        let references: Vec<_> = references.collect();
        assert_eq!(built(&run), references, "{line}");
        let said: Vec<_> = references.iter().map(|name| format!("{name} with native")).collect();
        assert_eq!(pushing(&run), said, "{line}");
        let here = [host()];
        let platforms = platforms.as_ref().map_or(&here[..], |all| &all[..]);
        for (name, reference) in names.iter().zip(&references) {
            check(reference, kind, name, platforms);
        }
    }
}
