//! C files: compiled for every platform.

use super::world::{PASS, World, describe};

const BUILD: [&str; 4] = ["-t", "localhost/p:v1", "--to", "oci:out"];

#[test]
fn a_c_file_is_compiled_for_the_published_platforms() {
    let world = World::new();
    world.write("pro gram.bpf.c", PASS);
    world.compile(&[&BUILD[..], &["pro gram.bpf.c"]].concat()).done();
    let text = describe(&world.load("localhost/p:v1"));
    let platforms: Vec<_> =
        text.lines().skip(1).map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64", "linux/ppc64le", "linux/s390x"]);
    assert!(
        text.lines().skip(1).all(|line| line.contains(" pro gram.bpf.o another io.ebpf.maps=")),
        "{text}"
    );
}

#[test]
fn the_same_bytes_come_of_any_directory_and_only_the_first_time_from_clang() {
    let mut digests = Vec::new();
    for directory in ["a", "b/c"] {
        let world = World::new();
        world.write(&format!("{directory}/pass.bpf.c"), PASS);
        let file = format!("{directory}/pass.bpf.c");
        let args = [&BUILD[..], &["-v", &file]].concat();
        let first = world.compile(&args);
        assert_eq!(first.stderr.matches("$ ").count(), 2, "{}", first.stderr);
        let again = world.compile(&args);
        assert_eq!(again.stderr.matches("$ ").count(), 0, "{}", again.stderr);
        let first = first.done();
        assert_eq!(first, again.done());
        digests.push(first);
    }
    assert_eq!(digests[0], digests[1]);
}

#[test]
fn options_reach_the_compiler() {
    let world = World::new();
    world.write("include/x86/own.h", "#define NAME one\n");
    world.write(
        "pass.c",
        format!(
            "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n#include \"own.h\"\n{}",
            PASS.replace("pass(", "NAME(")
        ),
    );
    let args = ["--platform", "linux/amd64", "-I", "include/{arch}", "--cpu", "v3", "pass.c"];
    world.compile(&[&BUILD[..], &args].concat()).done();
    assert!(describe(&world.load("localhost/p:v1")).contains(r#"{"one":"xdp"}"#));
    let args = ["--platform", "linux/amd64", "-Iinclude/x86", "-DNAME=two", "pass.c", "-q"];
    // The header defines it again, so clang says so; it is what the user asked.
    world.compile(&[&BUILD[..], &args].concat()).done();
    world.write("other.c", PASS.replace("pass(", "NAME("));
    world.compile(&[&BUILD[..], &["-DNAME=three", "other.c"]].concat()).done();
    assert!(describe(&world.load("localhost/p:v1")).contains(r#"{"three":"xdp"}"#));
}

#[test]
fn a_c_file_goes_through_a_containerfile_too() {
    let world = World::with_objects(&[]);
    world.write("pass.bpf.c", PASS);
    let args = [&BUILD[..], &["-f", "Containerfile.bytecode.multi.arch", "pass.bpf.c"]].concat();
    world.compile(&args).done();
    let text = describe(&world.load("localhost/p:v1"));
    assert_eq!(text.matches(" pass.bpf.o ").count(), 4, "{text}");
}

#[test]
fn what_clang_says_is_shown_once() {
    let world = World::new();
    world.write("bad.bpf.c", "int x = ;\n");
    let (code, said) = world.compile(&[&BUILD[..], &["bad.bpf.c"]].concat()).failed(&world);
    assert_eq!(code, 1);
    let head = "error: failed to compile `bad.bpf.c` for linux/amd64, linux/arm64, linux/ppc64le, linux/s390x\n";
    assert!(said.starts_with(head), "{said}");
    assert_eq!(said.matches("expected expression").count(), 1, "{said}");
    world.write("header.bpf.c", "#include <nowhere.h>\n");
    let (_, said) = world.compile(&[&BUILD[..], &["header.bpf.c"]].concat()).failed(&world);
    assert!(
        said.ends_with(
            "hint: `-I DIR` names a directory of headers; libbpf's and the system's are searched\n"
        ),
        "{said}"
    );
}

#[test]
fn headers_and_compilers_that_are_not_there_are_named() {
    let world = World::new();
    world.write("pass.bpf.c", PASS);
    let args = [
        "build",
        "-t",
        "localhost/p:v1",
        "--to",
        "oci:out",
        "--libbpf-dir",
        "nowhere",
        "pass.bpf.c",
    ];
    let (code, said) = world.run(&args).failed(&world);
    let expected = "error: `HERE/nowhere` is no libbpf checkout: it has no `src/bpf_helpers.h`\n\n\
                    hint: without `--libbpf-dir` the system's headers are used\n";
    assert_eq!((code, said.as_str()), (2, expected));
    let args = [&BUILD[..], &["--clang", "no-such-clang", "pass.bpf.c"]].concat();
    let (code, said) = world.compile(&args).failed(&world);
    assert_eq!(code, 3, "{said}");
    assert!(said.starts_with("error: no compiler for eBPF programs\n  Caused by: "), "{said}");
}
