//! Bad words and bad files: what is said, and with which exit code.

use bpf_arch::{Arch, Endian};

use super::world::{PASS, World, compiled};

const WAYS: &str = "hint: name a C file, an object with `-b FILE`, a directory of objects with `-c DIR`, \
                    or one for each platform as `linux/arm64=FILE` or `--bc-arm64-el FILE`\n";

fn check(world: &World, cases: &[(&[&str], i32, &str)]) {
    for (args, code, expected) in cases {
        let all = [&["build", "-t", "localhost/p:v1", "--to", "oci:out"], *args].concat();
        let (found_code, said) = world.run(&all).failed(world);
        assert_eq!((found_code, said.as_str()), (*code, *expected), "{args:?}");
        assert!(!world.here().join("out").exists(), "{args:?} wrote something");
    }
}

#[test]
fn words_that_name_nothing_usable() {
    let world = World::with_objects(&[Arch::Amd64]);
    world.write("pass.bpf.c", PASS);
    let nothing = format!("error: there is nothing to make an image of\n\n{WAYS}");
    let many = format!("error: objects are named in more than one way\n\n{WAYS}");
    let mixed = format!("error: `y.o` says no architecture, the others do\n\n{WAYS}");
    check(
        &world,
        &[
            (&[], 2, &nothing),
            (&["-b", "x.o", "y.o"], 2, &many),
            (&["--bc-amd64-el", "x.o", "linux/amd64=y.o"], 2, &many),
            (&["linux/amd64=x.o", "y.o"], 2, &mixed),
            (
                &["x.o", "y.o"],
                2,
                "error: 2 files and no architectures: `x.o`, `y.o`\n\n\
             hint: several objects are named with theirs, as `linux/arm64=FILE`\n\
             hint: an image holds one program file: C files are built one at a time\n",
            ),
            (
                &["linux/amd64=x.o", "linux/amd64=y.o"],
                2,
                "error: two objects are for linux/amd64: `x.o` and `y.o`\n",
            ),
            (&["linux/amd64="], 2, "error: `linux/amd64=` names no file\n"),
            (
                &["-b", "pass.bpf.c"],
                2,
                "error: `pass.bpf.c` is a C file, not an object\n\n\
             hint: name it without `-b`, and it is compiled\n",
            ),
            (
                &["linux/amd64=pass.bpf.c"],
                2,
                "error: `pass.bpf.c` is a C file, not an object\n\n\
             hint: a C file is named alone, and is compiled for every platform\n",
            ),
            (
                &["--platform", "linux/arm64", "-c", "objects"],
                2,
                "error: there is no object for linux/arm64\n",
            ),
            (
                &["--platform", "linux/arm64,linux/arm", "-b", "x.o"],
                2,
                "error: one object cannot be for linux/arm64, linux/arm\n\n\
             hint: name one for each, as `linux/arm64=FILE`\n",
            ),
            (
                &["-I", "x", "-c", "objects"],
                2,
                "error: `-I` is for compiling, and objects are compiled already\n",
            ),
            (
                &["--platform", "linux/amd64", "-DX", "objects/bpf_x86_bpfel.o"],
                2,
                "error: `-D` is for compiling, and an object is compiled already\n",
            ),
            (
                &["nowhere.bpf.c"],
                2,
                "error: failed to open `nowhere.bpf.c`\n  Caused by: No such file or directory (os error 2)\n",
            ),
            (
                &["-c", "nowhere"],
                2,
                "error: failed to open `nowhere`\n  Caused by: No such file or directory (os error 2)\n",
            ),
        ],
    );
}

#[test]
fn names_of_files_that_say_no_architecture_or_one_twice() {
    let world = World::with_objects(&[]);
    let hint = "hint: objects are named as bpf2go names them, such as `bpf_arm64_bpfel.o`; \
                `linux/arm64=FILE` names one of any name\n";
    for (file, why) in [
        ("prog.o", "no word of it is `bpfel` or `bpfeb`"),
        ("bpf_bpfel.o", "no word of it is an architecture that is little-endian"),
        ("bpf_s390_bpfel.o", "`s390` is no architecture that is little-endian"),
    ] {
        world.write(&format!("{file}.d/{file}"), "");
        let expected =
            format!("error: `{file}.d/{file}` does not say what it is for: {why}\n\n{hint}");
        check(&world, &[(&["-c", &format!("{file}.d")], 2, &expected)]);
    }
    world.write("two/bpf_x86_bpfel.o", "");
    world.write("two/prog_amd64_bpfel.o", "");
    world.write("none/x.go", "");
    check(
        &world,
        &[
            (
                &["-c", "two"],
                2,
                "error: two objects are for linux/amd64: `two/bpf_x86_bpfel.o` and `two/prog_amd64_bpfel.o`\n",
            ),
            (
                &["-c", "none"],
                2,
                "error: `none` holds no objects\n\nhint: objects are files whose names end in `.o`\n",
            ),
        ],
    );
}

#[test]
fn files_that_are_no_objects_for_their_slots() {
    let world = World::with_objects(&[Arch::Amd64, Arch::S390x]);
    world.write("text.o", "no object");
    world.write("no-program.o", compiled("int x = 1;", Endian::Little));
    std::fs::copy("/bin/true", world.here().join("true.o")).unwrap();
    let objects_are = "hint: objects are what `clang -target bpf` makes\n";
    let elf = format!(
        "error: `text.o` cannot be the object for linux/amd64\n  Caused by: not an ELF file\n\n{objects_are}"
    );
    let both = format!(
        "error: `text.o` cannot be the object for linux/amd64\n  Caused by: not an ELF file\n\
         error: failed to read `nowhere.o`\n  Caused by: No such file or directory (os error 2)\n\n{objects_are}"
    );
    check(
        &world,
        &[
            (&["linux/amd64=text.o"], 1, &elf),
            (&["linux/amd64=text.o", "linux/arm64=nowhere.o"], 1, &both),
            (
                &["linux/s390x=objects/bpf_x86_bpfel.o"],
                1,
                "error: `objects/bpf_x86_bpfel.o` cannot be the object for linux/s390x\n\
             \x20 Caused by: it is little-endian, and linux/s390x is big-endian\n\n\
             hint: compile it with `-target bpfeb`, or name what it is for\n",
            ),
            (
                &["linux/amd64=no-program.o"],
                1,
                "error: `no-program.o` cannot be the object for linux/amd64\n\
             \x20 Caused by: it has no programs; it has no section `license`, without which the kernel takes it as proprietary\n",
            ),
        ],
    );
    let all = ["build", "-t", "localhost/p:v1", "--to", "oci:out", "linux/amd64=true.o"];
    let (code, said) = world.run(&all).failed(&world);
    assert_eq!(code, 1);
    assert!(
        said.contains("Caused by: machine code for ") && said.contains(", not eBPF\n"),
        "{said}"
    );
}

#[test]
fn architectures_that_differ_are_shown_as_a_table() {
    let world = World::new();
    world.write("a.o", compiled(PASS, Endian::Little));
    world.write("b.o", compiled(&PASS.replace("pass(", "drop("), Endian::Little));
    let args = ["linux/amd64=a.o", "linux/arm64=b.o"];
    let expected = "error: the architectures differ in what the labels say of all\n\
        \x20   WHAT            IS             ON\n\
        \x20   program `drop`  absent         linux/amd64\n\
        \x20                   section `xdp`  linux/arm64\n\
        \x20   program `pass`  section `xdp`  linux/amd64\n\
        \x20                   absent         linux/arm64\n\n\
        hint: make the source the same for all, or an image of its own for each\n\
        hint: `--allow-divergence` labels each platform by itself\n";
    check(&world, &[(&args, 1, expected)]);
}

#[test]
fn names_that_no_image_can_have() {
    let world = World::with_objects(&[Arch::Amd64]);
    let (code, said) = world.run(&["build", "Bad/NAME", "x.o"]).failed(&world);
    let expected = "error: invalid reference `Bad/NAME`: the repository has uppercase letters\n\n\
                    hint: the first word is the image's name, unless `-t` says it\n";
    assert_eq!((code, said.as_str()), (2, expected));
    let (code, said) = world.run(&["build"]).failed(&world);
    let expected = "error: the image has no name\n\n\
                    hint: `-t quay.io/me/pass:latest` names it, or the same as the first word\n";
    assert_eq!((code, said.as_str()), (2, expected));
    for other in [["-c", "objects"], ["--bc-arm-el", "x.o"]] {
        let args = [&["build", "-t", "localhost/p:v1", "-b", "x.o"], &other[..]].concat();
        let (code, said) = world.run(&args).failed(&world);
        assert_eq!(code, 2);
        let option = if other[0] == "-c" { "--cilium-ebpf-project" } else { other[0] };
        assert!(said.contains("cannot be used with") && said.contains(option), "{said}");
    }
    let (code, said) = world.run(&["build", "-t", "quay.io/a:bad tag", "x.o"]).failed(&world);
    assert_eq!(code, 2);
    assert!(said.contains("invalid value 'quay.io/a:bad tag' for '--tag <REFERENCE>'"), "{said}");
}
