//! Sources that clang refuses, that are not there, that lie elsewhere.

use super::{LICENSE, PASS, entry, quiet, quiet_command};
use crate::support::{Checkout, LIBBPF};

/// A checkout of which one image of three cannot be made.
fn one_of_three() -> Checkout {
    let checkout = Checkout::warm();
    checkout.write("bpf/broken.bpf.c", "int x = ;\n");
    let images =
        [("z", "bpf/xdp_pass.bpf.c"), ("broken", "bpf/broken.bpf.c"), ("a", "bpf/tc_pass.bpf.c")];
    checkout.catalogue(&images.map(|(name, source)| entry(name, source)).concat());
    checkout
}

const BROKEN: &str = "\
error: failed to compile `bpf/broken.bpf.c` for linux/amd64, linux/s390x
  Caused by: `clang` exited with status 1
error: `o/broken` is not made: it lacks objects
";

#[test]
fn a_syntax_error_is_clangs_to_explain_and_the_other_images_are_made() {
    let checkout = one_of_three();
    let said = quiet(&checkout, &[]);
    let others = "quay.io/o/z:latest@sha256:*\nquay.io/o/a:latest@sha256:*\n";
    said.is(1, others, BROKEN);
    assert!(said.quoted.starts_with("    bpf/broken.bpf.c:1:9: error: expected expression\n"));
    let said = quiet_command(&checkout, &["inspect-images"]);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""), "what was written is whole");
    let names = said.stdout.lines().filter(|line| !line.starts_with(' '));
    let names: Vec<_> = names.filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names, ["quay.io/o/a:latest", "quay.io/o/z:latest"]);

    checkout.write("bpf/broken.bpf.c", &format!("{PASS}{LICENSE}"));
    let run = checkout.build_images(&[]);
    let order: Vec<_> = run.stdout.lines().filter_map(|line| line.split(':').next()).collect();
    assert_eq!((run.code, order), (0, vec!["quay.io/o/z", "quay.io/o/broken", "quay.io/o/a"]));
}

#[test]
fn the_json_holds_what_was_made_and_what_was_not() {
    let run = one_of_three().build_images(&["-q", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let images = report["images"].as_array().unwrap().iter();
    let images: Vec<_> = images.map(|image| image["image"].as_str().unwrap()).collect();
    assert_eq!((run.code, images), (1, vec!["o/z", "o/a"]));
    let messages: Vec<_> = report["failures"].as_array().unwrap().iter().collect();
    assert_eq!(messages.len(), 2);
    let first = messages[0]["message"][0].as_str().unwrap();
    assert_eq!(first, "failed to compile `bpf/broken.bpf.c` for linux/amd64, linux/s390x");
    let detail = messages[0]["detail"].as_str().unwrap();
    assert!(detail.starts_with("bpf/broken.bpf.c:1:9: error: expected expression\n"), "{detail}");
    let second = messages[1]["message"][0].as_str().unwrap();
    assert_eq!(second, "`o/broken` is not made: it lacks objects");
}

#[test]
fn errors_are_said_unless_nothing_is() {
    let checkout = one_of_three();
    let run = |level: &str| checkout.build_images(&[level]);
    let quiet = run("-q");
    assert_eq!((quiet.code, quiet.stdout.lines().count()), (1, 2));
    assert!(quiet.stderr.starts_with("error: failed to compile"), "{}", quiet.stderr);
    let nothing = run("-qq");
    assert_eq!((nothing.code, nothing.stdout.as_str(), nothing.stderr.as_str()), (1, "", ""));
    let usage = checkout.build_images(&["-qq", "--to", "nowhere"]);
    assert_eq!((usage.code, usage.stdout.as_str(), usage.stderr.as_str()), (2, "", ""));
    let empty = checkout.run(&["inspect-images", "-qq", "bpf"]);
    assert_eq!((empty.code, empty.stdout.as_str(), empty.stderr.as_str()), (4, "", ""));
}

#[test]
fn each_architectures_own_error_is_said_once() {
    let source = "#ifdef __TARGET_ARCH_s390\n#error no s390\n#endif\n";
    let checkout = Checkout::with_source(&format!("{source}{PASS}{LICENSE}"));
    let said = quiet(&checkout, &[]);
    let stderr = "\
error: failed to compile `bpf/one.bpf.c` for linux/s390x
  Caused by: `clang` exited with status 1
error: `o/one` is not made: it lacks objects
";
    said.is(1, "", stderr);
    assert!(said.quoted.contains("bpf/one.bpf.c:2:2: error: no s390\n"), "{said:?}");
    let said = quiet(&checkout, &["--platform", "linux/amd64"]);
    said.is(0, "quay.io/o/one:latest@sha256:*\n", "");
}

#[test]
fn a_header_of_the_host_is_not_found() {
    let source = format!("#include <stdio.h>\n{PASS}{LICENSE}");
    let said = quiet(&Checkout::with_source(&source), &[]);
    let stderr = "\
error: failed to compile `bpf/one.bpf.c` for linux/amd64, linux/s390x
  Caused by: `clang` exited with status 1
error: `o/one` is not made: it lacks objects

hint: headers come from libbpf and `bpf/include`, not from the host; an image whose entry says `headers: system` may use the host's
";
    said.is(1, "", stderr);
    assert!(said.quoted.contains("'stdio.h' file not found\n"), "{said:?}");
}

#[test]
fn a_source_that_is_not_there_is_named() {
    let checkout = Checkout::warm();
    checkout.catalogue(&(entry("one", "bpf/nope.bpf.c") + &entry("two", "bpf/xdp_pass.bpf.c")));
    let stderr = "\
error: failed to compile `bpf/nope.bpf.c` for linux/amd64, linux/s390x
  Caused by: there is no such file
error: `o/one` is not made: it lacks objects
";
    quiet(&checkout, &[]).is(1, "quay.io/o/two:latest@sha256:*\n", stderr);
    let run = checkout.build_ebpf(&["-q", "bpf/nope.bpf.c", "bpf/xdp_pass.bpf.c"]);
    let stdout = "\
.output/xdp_pass.bpf/bpf_s390_bpfeb.o
.output/xdp_pass.bpf/bpf_x86_bpfel.o
";
    let compile_only = &stderr[..stderr.find("error: `o/one`").unwrap()];
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (1, stdout, compile_only));
}

#[test]
fn a_source_outside_the_checkout_leaves_no_path_in_its_object() {
    let (checkout, outside) =
        (Checkout::cold(), Checkout::with_source(&(PASS.to_owned() + LICENSE)));
    let source = outside.path().join("bpf/one.bpf.c");
    let args = ["-q", "--platform", "linux/amd64", source.to_str().unwrap()];
    let run = checkout.build_ebpf(&args);
    let file = ".output/one.bpf/bpf_x86_bpfel.o";
    assert_eq!((run.code, run.stdout.trim_end(), run.stderr.as_str()), (0, file, ""));
    let object = std::fs::read(checkout.path().join(file)).unwrap();
    let text = String::from_utf8_lossy(&object);
    assert!(text.contains("one.bpf.c"), "the source's name is in the BTF");
    for path in [checkout.path(), outside.path(), &LIBBPF] {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(!text.contains(&format!("{name}/")), "`{}` is in the object", path.display());
    }
}

#[test]
fn two_sources_of_one_stem_are_refused() {
    let checkout = Checkout::cold();
    checkout.write("bpf/sub/xdp_pass.bpf.c", "");
    let run = checkout.build_ebpf(&["-q", "bpf/xdp_pass.bpf.c", "bpf/sub/xdp_pass.bpf.c"]);
    let stderr = "\
error: `bpf/sub/xdp_pass.bpf.c` and `bpf/xdp_pass.bpf.c` would both be written to `xdp_pass.bpf`

hint: build them one at a time, with `--output`
";
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (2, "", stderr));
    assert!(!checkout.path().join(".output").exists());
}

#[test]
fn two_sources_of_one_place_are_refused() {
    let checkout = Checkout::cold();
    let sources = ["bpf/xdp_pass.bpf.c", "bpf/tc_pass.bpf.c"];
    let run = checkout.build_ebpf(&[&["-q", "--output", "{dir}/../out"], &sources[..]].concat());
    let stderr = "\
error: `bpf/tc_pass.bpf.c` and `bpf/xdp_pass.bpf.c` would both be written to `out`

hint: build them one at a time, with `--output`
";
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (2, "", stderr));
    assert!(!checkout.path().join("out").exists());
}

#[test]
fn a_placeholder_that_is_no_directory_is_refused() {
    let checkout = Checkout::cold();
    for word in ["out/{dir}", "{dir}.out", "./x{dir}"] {
        let run = checkout.build_ebpf(&["-q", "--output", word, "bpf/xdp_pass.bpf.c"]);
        let stderr = format!(
            "error: invalid `--output {word}`\n\n\
             hint: `{{dir}}` is a directory, and stands first: `{{dir}}/..`\n"
        );
        assert_eq!((run.code, run.stdout.as_str(), run.stderr), (2, "", stderr));
    }
}
