//! `--base`: another image in the place of one, or nothing.

use super::*;

#[test]
fn another_image_or_nothing_stands_for_a_base() {
    let Some(registry) = Registry::anonymous() else { return };
    let digest = push(&registry.name("b/other:v1"), &base("other", &BOTH));
    let other = registry.name("b/other:v1");
    // However the name is written.
    let cases = [
        ("nowhere.invalid/b/base", "nowhere.invalid/b/base:latest"),
        ("nowhere.invalid/b/base:v1", "nowhere.invalid/b/base:v1"),
        ("docker.io/library/nowhere:latest", "nowhere"),
        ("nowhere", "docker.io/nowhere"),
    ];
    for (written, named) in cases {
        let checkout = checkout(written);
        let word = format!("{named}={other}");
        assert_eq!(said(&checkout, &["--base", &word]), [format!("{other}@{digest}")], "{written}");
        assert_eq!(built(&checkout).images()[1].labels()["of"], "other linux/s390x");
        let word = format!("{named}=scratch");
        assert_eq!(said(&checkout, &["--base", &word]), [""; 0], "{written}");
        let artifact = built(&checkout);
        // As if the file said so.
        checkout.write("app/Containerfile", "FROM scratch\nCOPY app/x /x\nENV APP=$BASE\n");
        said(&checkout, &[]);
        assert_eq!(built(&checkout).digest(), artifact.digest(), "{written}");
    }
}

#[test]
fn the_last_word_counts_and_comes_before_contexts() {
    let Some(registry) = Registry::anonymous() else { return };
    push(&registry.name("b/one:v1"), &base("one", &BOTH));
    push(&registry.name("b/two:v1"), &base("two", &BOTH));
    let checkout = checkout("nowhere.invalid/base");
    let context = format!("nowhere.invalid/base=docker-image://{}", registry.name("b/one:v1"));
    let first = "nowhere.invalid/base=scratch";
    let last = format!("nowhere.invalid/base={}", registry.name("b/two:v1"));
    said(&checkout, &["--base", first, "--base", &last, "--build-context", &context]);
    assert_eq!(built(&checkout).images()[0].labels()["of"], "two linux/amd64");
}

#[test]
fn what_cannot_be_replaced_is_refused() {
    let checkout = checkout("quay.invalid/b/base:v1");
    let usage = |args: &[&str]| {
        let run = build(&checkout, args);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{}", run.stderr);
        steady(&run.stderr, &checkout, "no address")
    };
    assert_eq!(
        usage(&["--base", "quay.invalid/b/basse:v1=scratch"]),
        "error: `quay.invalid/b/basse:v1` cannot be replaced: no FROM or `COPY --from` of \
         `CHECKOUT/app/Containerfile` names it\n\n\
         hint: did you mean `--base quay.invalid/b/base:v1=…`?\n"
    );
    assert_eq!(
        usage(&["--base", "xyz=scratch"]),
        "error: `xyz` cannot be replaced: no FROM or `COPY --from` of \
         `CHECKOUT/app/Containerfile` names it\n\n\
         hint: images that are named: `quay.invalid/b/base:v1`\n"
    );
    let cases = [
        ("x", "it is not `NAME=REFERENCE`"),
        ("scratch=x", "`scratch` cannot be replaced"),
        ("Upper=x", "the repository has uppercase letters"),
        ("x=Upper", "the repository has uppercase letters"),
        ("x=", "it is empty"),
    ];
    for (word, reason) in cases {
        let text = usage(&["--base", word]);
        assert!(text.contains(reason), "{word}: {text}");
    }
    assert_eq!(
        usage(&["--offline", "--engine", "podman"]),
        "error: `--offline` is for the built-in builder, and the engine is podman\n\n\
         hint: an engine gets its images itself; leave `--engine` or `--offline` out\n"
    );
    // Stages and numbers are no images; what COPY copies from is one.
    checkout.write(
        "app/Containerfile",
        "ARG TAG=v1\nFROM scratch AS made\nCOPY app/x /x\nFROM scratch\nCOPY --from=made /x /\n\
         COPY --from=0 /x /y\nCOPY --from=quay.invalid/c /z /z\nFROM quay.invalid/d:$TAG\n",
    );
    assert!(
        usage(&["--base", "made=scratch"])
            .ends_with("hint: images that are named: `quay.invalid/c`, `quay.invalid/d:v1`\n")
    );
}
