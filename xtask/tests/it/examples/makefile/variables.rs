//! The variables that name images, alone and together: what counts is under
//! which names images are found afterwards.

use super::image::{ALL, Kind, check, host};
use super::{built, desk_and_registry, kinds, succeed};

/// What is typed behind the target, what the environment says, and the name
/// of the image. `@` stands for the registry, `BC` for the kind.
type Case = (&'static str, &'static [(&'static str, &'static str)], &'static str);

const NAMES: [Case; 10] = [
    ("", &[], "ACCOUNT/go-tracepoint-counter:latest"),
    ("USER_BC=a1", &[], "a1/go-tracepoint-counter:latest"),
    ("TAG_BC=a2", &[], "ACCOUNT/go-tracepoint-counter:a2"),
    ("TAG_BC=a3 USER_BC=a3", &[], "a3/go-tracepoint-counter:a3"),
    ("IMAGE_TP_BC=@/deep/er/a4:x", &[], "deep/er/a4:x"),
    ("IMAGE_TP_BC=@/a5:y USER_BC=u TAG_BC=t", &[], "a5:y"),
    ("IMAGE_XDP_BC=@/x:y USER_BC=a6", &[], "a6/go-tracepoint-counter:latest"),
    ("", &[("USER_BC", "a7"), ("TAG_BC", "a7")], "a7/go-tracepoint-counter:a7"),
    ("USER_BC=a8", &[("USER_BC", "u"), ("TAG_BC", "e8")], "a8/go-tracepoint-counter:e8"),
    ("", &[("IMAGE_TP_BC", "@/a9:z"), ("USER_BC", "u")], "a9:z"),
];

#[test]
fn they_name_one_image() {
    let Some((desk, registry)) = desk_and_registry() else { return };
    let kinds = kinds(&desk);
    for kind in kinds {
        let put = |text: &str| {
            text.replace('@', &registry.address)
                .replace("BC", &kind.variable())
                .replace("ACCOUNT", kind.account())
        };
        for (typed, environment, name) in NAMES {
            let line = format!("make build-{}-tp {}", kind.word(), put(typed));
            let environment: Vec<_> =
                environment.iter().map(|(name, value)| (put(name), put(value))).collect();
            let mut variables: Vec<(&str, &str)> =
                environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            variables.push(("REGISTRY", &registry.address));
            let run = succeed(&desk, &line, &variables);
            let name = registry.name(&put(name));
            assert_eq!(built(&run), [name.as_str()], "{line}");
            check(&name, kind, "go-tracepoint-counter", &[host()]);
        }
    }
}

#[test]
fn each_image_has_its_own_in_one_run() {
    let Some((desk, registry)) = desk_and_registry() else { return };
    let kinds = kinds(&desk);
    for kind in kinds {
        let (word, upper) = (kind.word(), kind.variable());
        let given = kind.examples().into_iter().map(|(_, variable, _)| {
            format!(
                "IMAGE_{variable}_{upper}={}/own/{word}-{}:v",
                registry.address,
                variable.to_lowercase()
            )
        });
        let given: Vec<_> = given.collect();
        let names = kind.examples().into_iter().map(|(_, variable, image)| {
            (registry.name(&format!("own/{word}-{}:v", variable.to_lowercase())), image)
        });
        let names: Vec<_> = names.collect();
        let run = succeed(&desk, &format!("make build-{word}-images {}", given.join(" ")), &[]);
        let expected: Vec<_> = names.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(built(&run), expected);
        // What one call makes, it makes once.
        assert_eq!(run.stderr.matches("     Built ").count(), 1, "{}", run.stderr);
        for (name, image) in names {
            check(&name, kind, image, &[host()]);
        }
    }
}

#[test]
fn several_targets_are_built_at_once() {
    let Some((desk, registry)) = desk_and_registry() else { return };
    let kinds = kinds(&desk);
    let each = |(kind, (target, _, image)): (Kind, (&'static str, &str, &'static str))| {
        (kind, image, format!("build-{}-{target}", kind.word()))
    };
    let all = kinds.iter().flat_map(|kind| kind.examples().into_iter().map(|one| (*kind, one)));
    let all: Vec<_> = all.map(each).collect();
    let targets: Vec<_> = all.iter().map(|(_, _, target)| target.as_str()).collect();
    let line = format!(
        "make -j2 {} USER_BC=bc USER_US=us TAG_BC=1 TAG_US=2 PLATFORM={} REGISTRY={}",
        targets.join(" "),
        ALL.join(","),
        registry.address
    );
    let run = succeed(&desk, &line, &[]);
    assert_eq!(built(&run).len(), all.len());
    for (kind, image, _) in all {
        let tag = if kind == Kind::Bytecode { 1 } else { 2 };
        let name = registry.name(&format!("{}/{image}:{tag}", kind.word()));
        check(&name, kind, image, &ALL);
    }
}
