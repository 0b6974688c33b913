//! The objects, with readelf: what `inspect-images` says of them is true.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::{Built, read, text};

/// A platform, the file that `build-ebpf` writes for it, its byte order.
const PLATFORMS: [(&str, &str, &str); 4] = [
    ("linux/amd64", "bpf_x86_bpfel.o", "2's complement, little endian"),
    ("linux/arm64", "bpf_arm64_bpfel.o", "2's complement, little endian"),
    ("linux/ppc64le", "bpf_powerpc_bpfel.o", "2's complement, little endian"),
    ("linux/s390x", "bpf_s390_bpfeb.o", "2's complement, big endian"),
];

/// A reader, and its name for the machine.
const READERS: [(&str, &str); 2] = [("readelf", "Linux BPF"), ("llvm-readelf", "EM_BPF")];

/// Returns the name of a platform's object file.
pub(super) fn file_of(platform: &str) -> &'static str {
    PLATFORMS.iter().find(|(name, ..)| *name == platform).unwrap().1
}

/// What a reader says of an object.
#[derive(Debug, PartialEq)]
struct Said {
    /// Class, data, type, machine.
    header: [String; 4],
    programs: BTreeSet<String>,
    maps: BTreeSet<String>,
    has_btf: bool,
    has_dwarf: bool,
}

#[test]
fn readers_of_objects_agree_with_inspect_images() {
    let built = Built::get();
    let run = built.checkout.run(&["inspect-images", "--format", "json", "tree"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    for (reader, machine) in READERS {
        let Some(tool) = test_support::tool(reader) else { continue };
        let mut read_already = BTreeSet::new();
        let images = report["images"].as_array().unwrap();
        for platform in images.iter().flat_map(|image| image["platforms"].as_array().unwrap()) {
            let name = text(&platform["platform"]);
            let (_, file, order) = PLATFORMS.iter().find(|(known, ..)| *known == name).unwrap();
            let object = &platform["object"];
            let path = Path::new("objects").join(text(&object["file"]).trim_end_matches(".o"));
            let path = path.join(file);
            if !read_already.insert(path.clone()) {
                continue;
            }
            let keys = |map: &Value| map.as_object().unwrap().keys().cloned().collect();
            let expected = Said {
                header: ["ELF64", order, "REL (Relocatable file)", machine].map(str::to_owned),
                programs: keys(&object["programs"]),
                maps: keys(&object["maps"]),
                has_btf: true,
                has_dwarf: false,
            };
            let args = ["-hSsW", path.to_str().unwrap()];
            let said = parse(&read(&tool, built.checkout.path(), &args));
            assert_eq!(said, expected, "{reader} on {}", path.display());
            let size = std::fs::metadata(built.checkout.path().join(&path)).unwrap().len();
            assert_eq!(object["size"], size, "{}", path.display());
        }
        assert_eq!(read_already.len(), 18 * PLATFORMS.len(), "{reader}");
    }
}

/// Takes the output of `readelf -hSsW` apart.
fn parse(text: &str) -> Said {
    let header = ["Class:", "Data:", "Type:", "Machine:"].map(|key| {
        let line = text.lines().find_map(|line| line.trim_start().strip_prefix(key));
        line.unwrap_or_default().trim().to_owned()
    });
    // `[ 3] xdp PROGBITS …`: number and name of each section.
    let sections: Vec<(String, String)> = text
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix('[')?.split_once(']'))
        .filter_map(|(number, rest)| {
            let name = rest.split_whitespace().next()?;
            number.trim().parse::<u32>().ok().map(|_| (number.trim().to_owned(), name.to_owned()))
        })
        .collect();
    let section = |number: &str| {
        let found = sections.iter().find(|(known, _)| known == number);
        found.map(|(_, name)| name.as_str()).unwrap_or_default()
    };
    // `4: 0000 184 FUNC GLOBAL DEFAULT 3 xdp_stats`
    let mut said = Said {
        header,
        programs: BTreeSet::new(),
        maps: BTreeSet::new(),
        has_btf: sections.iter().any(|(_, name)| name == ".BTF"),
        has_dwarf: sections.iter().any(|(_, name)| name.contains("debug_")),
    };
    for line in text.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        let [_, _, _, kind, binding, _, number, name] = words[..] else { continue };
        match (kind, binding, section(number)) {
            ("FUNC", "GLOBAL", place) if place != ".text" => {
                said.programs.insert(name.to_owned());
            }
            ("OBJECT", "GLOBAL", ".maps") => {
                said.maps.insert(name.to_owned());
            }
            _ => {}
        }
    }
    said
}
