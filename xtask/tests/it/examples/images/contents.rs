//! What is in an image: its program, and how that is started.

use std::path::Path;
use std::process::Command;

use object::elf::PT_INTERP;
use object::read::elf::{ElfFile64, ProgramHeader as _};
use object::{Architecture, Endianness, Object as _, ObjectSection as _};
use oci::{Entry, EntryKind};
use serde_json::{Value, json};

use super::{Built, PROGRAMS, platforms, program};

/// The machine of a platform, as the header of a program has it.
const MACHINES: [Architecture; 4] =
    [Architecture::X86_64, Architecture::Aarch64, Architecture::PowerPc64, Architecture::S390x];

/// What a tar adds to the bytes of a file that fills its last block: a header,
/// and two empty blocks at the end.
const TAR: u64 = 512 + 2 * 512;

/// The most that config and manifest may take, beside the layers.
const DOCUMENTS: usize = 2048;

/// What the catalogue says of an image, by key: the names of keys are those of
/// labels and annotations.
fn facts(catalogue: &Value, name: &str) -> Value {
    let is_it =
        |entry: &&Value| entry["name"] == *name && entry["organization"] == "bpfman-userspace";
    let entry = catalogue["images"].as_array().unwrap().iter().find(is_it).unwrap();
    json!({
        "org.opencontainers.image.title": entry["name"],
        "org.opencontainers.image.description": entry["description"],
        "org.opencontainers.image.licenses": entry["licenses"],
    })
}

#[test]
fn settings_are_those_of_a_program_that_needs_nothing() {
    let Some(built) = Built::get() else { return };
    let catalogue: Value = serde_yaml::from_str(&built.checkout.read("images.yaml")).unwrap();
    for name in PROGRAMS {
        let facts = facts(&catalogue, name);
        let images = built.images(name);
        let own: Vec<_> = images.iter().map(|image| image.platform().to_string()).collect();
        assert_eq!(own, platforms().map(|(platform, _)| platform), "{name}");
        for image in &images {
            let config = image.config();
            assert_eq!(
                serde_json::to_value(&config.config).unwrap(),
                json!({
                    "User": "65534:65534",
                    // What every builder gives an image that starts from scratch.
                    "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                    "Entrypoint": [format!("./{name}"), "--crd"],
                    "WorkingDir": "/",
                    "Labels": facts,
                }),
                "{name}"
            );
            assert_eq!(config.created.as_deref(), Some("1970-01-01T00:00:00Z"));
            assert_eq!(serde_json::to_value(image.annotations()).unwrap(), facts, "{name}");
        }
    }
}

#[test]
fn a_layer_is_the_program_for_its_machine_and_nothing_else() {
    let Some(built) = Built::get() else { return };
    let work = tempfile::tempdir().unwrap();
    for name in PROGRAMS {
        for ((image, (_, goarch)), machine) in
            built.images(name).iter().zip(platforms()).zip(MACHINES)
        {
            let what = format!("{name} for {goarch}");
            let entry = program(image);
            let content = Entry { bytes: Vec::new(), ..entry.clone() };
            let expected = Entry {
                name: name.to_owned(),
                kind: EntryKind::File,
                mode: 0o755,
                uid: 0,
                gid: 0,
                mtime: 0,
                size: entry.bytes.len() as u64,
                link: None,
                bytes: Vec::new(),
            };
            assert_eq!(content, expected, "{what}");
            check_program(&entry.bytes, name, goarch, machine);

            let documents = [image.manifest_blob(), image.config_blob()];
            let size: u64 = documents.iter().map(|blob| blob.descriptor().size).sum();
            assert!(size < DOCUMENTS as u64, "{what}: {size} bytes of documents");
            if machine == MACHINES[0] {
                let tar = work.path().join(name);
                image.layers()[0].unpack(&tar, 1 << 30).unwrap();
                let size = entry.size.next_multiple_of(512) + TAR;
                assert_eq!(std::fs::metadata(&tar).unwrap().len(), size, "{what}");
                std::fs::remove_file(tar).unwrap();
            }
        }
    }
}

/// Checks what a program is by what it says of itself.
fn check_program(bytes: &[u8], name: &str, goarch: &str, machine: Architecture) {
    let what = format!("{name} for {goarch}");
    let elf = ElfFile64::<Endianness>::parse(bytes).unwrap();
    assert_eq!(elf.architecture(), machine, "{what}");
    assert_eq!(elf.is_little_endian(), goarch != "s390x", "{what}");
    let mut segments = elf.elf_program_headers().iter();
    assert!(segments.all(|segment| segment.p_type(elf.endian()) != PT_INTERP), "{what}");
    assert!(elf.dynamic_symbols().next().is_none(), "{what} wants libraries");
    assert_eq!(elf.symbols().next().is_some(), name == "go-target", "{what}: symbols");
    // Go writes into each program which package it is, and how it was built.
    let info = elf.section_by_name(".go.buildinfo").unwrap().data().unwrap();
    let info = String::from_utf8_lossy(info);
    for line in [
        format!("path\tbpfman.io/examples/{name}\n"),
        format!("build\tGOARCH={goarch}\n"),
        "build\tCGO_ENABLED=0\n".to_owned(),
        "build\t-trimpath=true\n".to_owned(),
    ] {
        assert!(info.contains(&line), "{what} does not say {line:?}: {info}");
    }
    assert!(!info.contains("vcs"), "{what}: {info}");
}

#[test]
fn the_function_that_probes_count_is_called() {
    let Some(built) = Built::get() else { return };
    for ((platform, goarch), image) in platforms().into_iter().zip(built.images("go-target")) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("go-target");
        std::fs::write(&path, program(&image).bytes).unwrap();
        let symbols = go_tool(&["nm", "-type"], &path);
        assert!(symbols.lines().any(|line| line.ends_with(" T main.getCount")), "{platform}");
        // Wherever else it were inlined, no probe would see that call.
        let code = go_tool(&["objdump", "-s", "^main\\."], &path);
        let is_call = |line: &&str| {
            let mut words = line.split_whitespace();
            words.any(|word| word.contains("CALL") || word.starts_with("BRASL"))
                && line.contains("main.getCount(SB)")
        };
        assert!(code.lines().any(|line| is_call(&line)), "{goarch}: {code}");
    }
}

fn go_tool(args: &[&str], path: &Path) -> String {
    let mut command = Command::new("go");
    let output = command.arg("tool").args(args).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
