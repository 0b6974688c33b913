//! What cannot be made keeps its image alone, and is said in Go's own words.

use super::{ALL, Built, PROGRAMS, images, is_ready, program, reference, warm};
use crate::support::{Checkout, Run};

const MAIN: &str = "examples/go-target/main.go";
const FILE: &str = "examples/go-target/container-deployment/Containerfile.go-target";

fn build(checkout: &Checkout) -> Run {
    checkout.build_images(&[ALL, "--to", "oci:out"])
}

/// Asserts that go-target alone is not made, and why.
fn assert_others_are_made(checkout: &Checkout, built: &Built, causes: &str) {
    let run = build(checkout);
    assert_eq!(run.code, 1, "{}", run.stderr);
    let others: Vec<_> = PROGRAMS[..8].iter().map(|name| built.line(name)).collect();
    assert_eq!(run.stdout.lines().collect::<Vec<_>>(), others);
    let (_, said) = run.stderr.split_once("error: ").unwrap();
    assert_eq!(said, format!("failed to build `{FILE}`\n{causes}"));
    let out = checkout.path().join("out/quay.io").join(ALL);
    assert_eq!(std::fs::read_dir(out).unwrap().count(), 8, "nothing of it is there");
    for name in &PROGRAMS[..8] {
        assert_eq!(images(checkout, "out", &reference(name)).len(), 4, "{name}");
    }
}

#[test]
fn what_does_not_compile_keeps_its_image_alone() {
    let Some(built) = Built::get() else { return };
    let checkout = warm();
    let source = checkout.read(MAIN);
    checkout.write(MAIN, "package main\n\nfunc main() { nothing() }\n");
    let causes = "  Caused by: failed to build `./go-target` for linux/amd64\n  \
         Caused by: `go` exited with status 1\n    # bpfman.io/examples/go-target\n    \
         go-target/main.go:3:15: undefined: nothing\n";
    assert_others_are_made(&checkout, &built, causes);
    // On one platform alone.
    checkout.write(MAIN, &source);
    let only = "examples/go-target/wrong_s390x.go";
    checkout.write(only, "package main\n\nvar _ = nothing\n");
    let causes = causes.replace("linux/amd64", "linux/s390x");
    let causes = causes.replace("main.go:3:15", "wrong_s390x.go:3:9");
    assert_others_are_made(&checkout, &built, &causes);

    std::fs::remove_file(checkout.path().join(only)).unwrap();
    let run = build(&checkout);
    assert_eq!((run.code, run.stdout.as_str()), (0, built.run.stdout.as_str()), "{}", run.stderr);
}

#[test]
fn what_is_no_program_is_not_taken_for_the_one_that_it_was() {
    let Some(built) = Built::get() else { return };
    let checkout = warm();
    checkout.write(MAIN, &checkout.read(MAIN).replace("package main", "package other"));
    let causes = "  Caused by: `./go-target` is package `other`, and a program is package `main`\n";
    assert_others_are_made(&checkout, &built, causes);
}

/// A change of the catalogue, and what is said.
struct Case {
    from: &'static str,
    to: &'static str,
    code: i32,
    said: &'static str,
}

#[test]
fn a_stage_that_is_none_is_said() {
    if !is_ready() {
        return;
    }
    let cases = [
        Case {
            from: "{build: {go: ./go-target,",
            to: "{bild: {go: ./go-target,",
            code: 1,
            said: "failed to build `FILE`\n  Caused by: there is no stage `bild` in `ROOT/FILE`; there are `build`\n\nhint: did you mean `build`?\n",
        },
        Case {
            from: "./go-target, module: examples,",
            to: "./go-target, module: nowhere,",
            code: 2,
            said: "`ROOT/nowhere` is no Go module: it has no `go.mod`\n\nhint: `module` of a stage in images.yaml names the directory of a go.mod\n",
        },
        Case {
            from: "{go: ./go-target,",
            to: "{go: ./nowhere,",
            code: 1,
            said: "failed to build `FILE`\n  Caused by: failed to build `./nowhere` for linux/amd64\n  Caused by: `go` exited with status 1\n    stat ROOT/examples/nowhere: directory not found\n",
        },
        Case {
            from: "{go: ./go-target,",
            to: "{go: ./internal/options,",
            code: 1,
            said: "failed to build `FILE`\n  Caused by: `./internal/options` is package `options`, and a program is package `main`\n",
        },
    ];
    for Case { from, to, code, said } in cases {
        let checkout = warm();
        let catalogue = checkout.read("images.yaml");
        assert!(catalogue.contains(from), "{from}");
        checkout.write("images.yaml", &catalogue.replace(from, to));
        let run = checkout.build_images(&["bpfman-userspace/go-target", "--to", "oci:out"]);
        assert_eq!((run.code, run.stdout.as_str()), (code, ""), "{to}: {}", run.stderr);
        let (_, error) = run.stderr.split_once("error: ").unwrap();
        let root = std::fs::canonicalize(checkout.path()).unwrap();
        let error = error.replace(root.to_str().unwrap(), "ROOT").replace(FILE, "FILE");
        assert_eq!(error, said, "{to}");
        assert!(!checkout.path().join("out/quay.io").join(ALL).exists(), "{to}");
    }
}

/// Two programs of a module, and one of another that has the name of the first.
const ALIKE: [(&str, &str); 3] = [
    ("first", "go: ./a/app, module: m, to: /out"),
    ("second", "go: ./b/other, module: m, to: /out"),
    ("third", "go: ./a/app, module: n, to: /out"),
];

#[test]
fn no_image_gets_the_program_of_another() {
    if !is_ready() {
        return;
    }
    let checkout = Checkout::whole();
    let entry = |(name, stage): (&str, &str)| {
        format!(
            "  - {{name: {name}, organization: o, description: d, licenses: MIT, \
             containerfile: F, stages: {{build: {{{stage}}}}}}}\n"
        )
    };
    checkout.catalogue(&ALIKE.map(entry).concat());
    checkout.write("F", "FROM x AS build\nRUN go build\nFROM scratch\nCOPY --from=build /out /\n");
    let sources = [("m", "a/app", "first"), ("m", "b/other", "second"), ("n", "a/app", "third")];
    for (module, package, word) in sources {
        checkout.write(&format!("{module}/go.mod"), "module m.example\n\ngo 1.21\n");
        let main = format!(
            "package main\n\nvar word = \"word-{word}\"\n\nfunc main() {{ println(word) }}\n"
        );
        checkout.write(&format!("{module}/{package}/main.go"), &main);
    }
    let args = ["--platform", "linux/amd64,linux/s390x", "--to", "oci:out"];
    let words = ALIKE.map(|(name, _)| name);
    // The second time all of them are there.
    for compiled in [true, false] {
        let run = checkout.build_images(&args);
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert_eq!(run.stderr.contains("Compiled"), compiled, "{}", run.stderr);
        for name in words {
            let own = images(&checkout, "out", &format!("quay.io/o/{name}:latest"));
            assert_eq!(own.len(), 2, "{name}");
            for image in own {
                let bytes = program(&image).bytes;
                let has = |word: &str| {
                    let word = format!("word-{word}").into_bytes();
                    bytes.windows(word.len()).any(|window| window == word)
                };
                let found: Vec<_> = words.into_iter().filter(|word| has(word)).collect();
                assert_eq!(found, [name]);
            }
        }
    }
}
