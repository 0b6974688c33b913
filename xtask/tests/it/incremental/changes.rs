//! What is made again after a change: what depends on it, and no more.

use serde_json::Value;

use super::watched::Watched;
use super::{PASS, entry};
use crate::support::Checkout;

const ONE: [&str; 2] = ["bpf/one.bpf.c bpfeb", "bpf/one.bpf.c bpfel"];
const TWO: [&str; 2] = ["bpf/two.bpf.c bpfeb", "bpf/two.bpf.c bpfel"];

/// A change, and what it must lead to.
struct Case {
    what: &'static str,
    change: fn(&Checkout),
    /// Whether `one.bpf.c` and `two.bpf.c` are compiled again.
    compiled: (bool, bool),
    /// Whose files are touched.
    images: &'static [&'static str],
}

/// Two sources with a header for both and one for one of them, three images.
fn checkout() -> Checkout {
    let checkout = Checkout::with_source(&source("mine.h"));
    checkout.write("bpf/two.bpf.c", &source("shared.h"));
    checkout.write("bpf/mine.h", "#include \"shared.h\"\n");
    checkout.write("bpf/shared.h", "#define VERDICT XDP_PASS\n");
    checkout.catalogue(&catalogue("d"));
    checkout
}

fn source(header: &str) -> String {
    format!("#include \"{header}\"\n{}", PASS.replace("XDP_PASS", "VERDICT"))
}

/// Returns the entries; `two` has the given description.
fn catalogue(description: &str) -> String {
    let two = entry("two", "bpf/two.bpf.c").replace(" d,", &format!(" {description},"));
    [entry("one", "bpf/one.bpf.c"), two, entry("twin", "bpf/one.bpf.c")].concat()
}

#[test]
fn exactly_what_depends_on_a_change_is_made_again() {
    let cases = [
        Case {
            what: "a file that nobody reads",
            change: |at| at.write("bpf/other.h", "int other;\n"),
            compiled: (false, false),
            images: &[],
        },
        Case {
            what: "a comment at the end, which is in no object",
            change: |at| at.write("bpf/one.bpf.c", &format!("{}/* the end */\n", source("mine.h"))),
            compiled: (true, false),
            images: &[],
        },
        Case {
            what: "one source",
            change: |at| {
                at.write(
                    "bpf/one.bpf.c",
                    &source("mine.h").replace("VERDICT;", "VERDICT + 0 * 1;"),
                );
            },
            compiled: (true, false),
            images: &["quay.io/o/one", "quay.io/o/twin"],
        },
        Case {
            what: "the header of one source",
            change: |at| at.write("bpf/mine.h", "#define VERDICT XDP_DROP\n"),
            compiled: (true, false),
            images: &["quay.io/o/one", "quay.io/o/twin"],
        },
        Case {
            what: "the header of both, which one has no longer",
            change: |at| at.write("bpf/shared.h", "#define VERDICT XDP_TX\n"),
            compiled: (false, true),
            images: &["quay.io/o/two"],
        },
        Case {
            what: "the header of one, back to what was seen before",
            change: |at| at.write("bpf/mine.h", "#include \"shared.h\"\n"),
            compiled: (true, false),
            images: &["quay.io/o/one", "quay.io/o/twin"],
        },
        Case {
            what: "the header of both",
            change: |at| at.write("bpf/shared.h", "#define VERDICT XDP_ABORTED\n"),
            compiled: (true, true),
            images: &["quay.io/o/one", "quay.io/o/twin", "quay.io/o/two"],
        },
        Case {
            what: "a description",
            change: |at| at.catalogue(&catalogue("another")),
            compiled: (false, false),
            images: &["quay.io/o/two"],
        },
    ];
    let watched = Watched::new(checkout());
    let all = watched.build(&[]);
    assert_eq!(all.compiled, [ONE, TWO].concat());
    for Case { what, change, compiled, images } in cases {
        change(&watched.checkout);
        let outcome = watched.build(&[]);
        let one = if compiled.0 { &ONE[..] } else { &[] };
        let two = if compiled.1 { &TWO[..] } else { &[] };
        let expected = [one, two].concat();
        assert_eq!(outcome.compiled, expected, "{what}");
        assert_eq!(outcome.images(), images, "{what}");
        let counts = outcome.run.counts();
        assert_eq!((counts.0, counts.1), (expected.len(), 4 - expected.len()), "{what}");
        assert_eq!(counts.2 > 0, !images.is_empty(), "{what}");
        let again = watched.build(&[]);
        assert_eq!((again.compiled, again.touched), (vec![], vec![]), "after {what}");
    }
}

#[test]
fn a_description_is_in_manifests_alone() {
    let watched = Watched::new(checkout());
    watched.build(&[]);
    watched.checkout.catalogue(&catalogue("another"));
    let mut kinds: Vec<String> =
        watched.build(&[]).touched.iter().filter_map(|name| kind(&watched, name)).collect();
    kinds.sort();
    let index = "application/vnd.oci.image.index.v1+json";
    let manifest = "application/vnd.oci.image.manifest.v1+json";
    assert_eq!(kinds, [index, index, manifest, manifest]);
}

/// Returns the media type that a file says it has; none for directories.
fn kind(watched: &Watched, name: &str) -> Option<String> {
    let path = watched.checkout.path().join("target").join(name);
    let bytes = path.is_file().then(|| std::fs::read(&path).unwrap())?;
    let document: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    Some(document["mediaType"].as_str().unwrap_or("something else").to_owned())
}

#[test]
fn warnings_are_said_again() {
    let source = PASS.replace("return", "int unused_here;\n\treturn");
    let watched = Watched::new(Checkout::with_source(&source));
    let talk = |args: &[&str]| {
        let stderr = watched.build(args).run.stderr;
        let steps = ["Compiled", "Packaged", "Built"];
        let is_step = |line: &&str| !steps.contains(&line.trim().split(' ').next().unwrap());
        stderr.lines().filter(is_step).map(str::to_owned).collect::<Vec<_>>()
    };
    let first = talk(&["--jobs", "1"]);
    let warnings = first.iter().filter(|line| line.contains("unused variable 'unused_here'"));
    assert_eq!(warnings.count(), 2, "one for each byte order: {first:?}");
    for args in [&["--jobs", "1"][..], &["--jobs", "1", "-q"]] {
        assert_eq!(talk(args), first, "{args:?}");
    }
}
