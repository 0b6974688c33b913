//! `generate-build-args`: what an engine is to be given.

use bpf_arch::Arch;

use super::world::{LABELS, World};

#[test]
fn text_is_a_line_for_each() {
    let world = World::with_objects(&Arch::PUBLISHED);
    let [programs, maps] = LABELS;
    let labels = format!("PROGRAMS={programs}\nMAPS={maps}\n");
    let cases: [(&[&str], &str); 4] = [
        (
            &["-c", "objects/"],
            "BC_AMD64_EL=objects/bpf_x86_bpfel.o\nBC_ARM64_EL=objects/bpf_arm64_bpfel.o\n\
             BC_PPC64LE_EL=objects/bpf_powerpc_bpfel.o\nBC_S390X_EB=objects/bpf_s390_bpfeb.o\n",
        ),
        (&["-b", "objects/bpf_x86_bpfel.o"], "BYTECODE_FILE=objects/bpf_x86_bpfel.o\n"),
        (
            &[
                "--bc-s390x-eb",
                "objects/bpf_s390_bpfeb.o",
                "--bc-386-el",
                "objects/bpf_x86_bpfel.o",
            ],
            "BC_386_EL=objects/bpf_x86_bpfel.o\nBC_S390X_EB=objects/bpf_s390_bpfeb.o\n",
        ),
        (&["linux/mips=objects/bpf_s390_bpfeb.o"], "BC_MIPS_EB=objects/bpf_s390_bpfeb.o\n"),
    ];
    for (args, files) in cases {
        let text = world.run(&[&["generate-build-args"], args].concat()).done();
        assert_eq!(text, format!("{files}{labels}"), "{args:?}");
    }
}

#[test]
fn json_is_one_document_however_it_is_asked_for() {
    let world = World::with_objects(&[Arch::Amd64, Arch::S390x]);
    let expected = r#"{
  "schema": 1,
  "platforms": [
    "linux/amd64",
    "linux/s390x"
  ],
  "build_args": {
    "BC_AMD64_EL": "objects/bpf_x86_bpfel.o",
    "BC_S390X_EB": "objects/bpf_s390_bpfeb.o"
  },
  "programs": {
    "pass": "xdp"
  },
  "maps": {
    "packets": "array"
  }
}
"#;
    for option in [["-o", "json"], ["--format", "json"]] {
        let args = [&["generate-build-args", "-c", "objects"], &option[..]].concat();
        assert_eq!(world.run(&args).done(), expected);
    }
}

#[test]
fn github_gets_what_no_name_of_a_file_can_break() {
    let world = World::with_objects(&[]);
    let name = "a=b\nEOF\nPATH=x.o";
    world.write(name, super::world::object(Arch::Amd64));
    world.write("env", "BEFORE=1\n");
    let slot = format!("linux/amd64={name}");
    let mut command = world.command(&["generate-build-args", "--github", &slot]);
    command.env("GITHUB_ENV", world.here().join("env"));
    super::world::finish(command.output().unwrap()).done();
    let [programs, maps] = LABELS;
    let expected = format!(
        "BEFORE=1\nBC_AMD64_EL<<EOF_\n{name}\nEOF_\nPROGRAMS<<EOF\n{programs}\nEOF\nMAPS<<EOF\n{maps}\nEOF\n"
    );
    assert_eq!(std::fs::read_to_string(world.here().join("env")).unwrap(), expected);
}
