//! What an image of an example must be, of whichever kind.

use bpf_arch::{Arch, Endian};
use oci::{EntryLimits, Image};

use crate::interop::expected;
use crate::registry::whole;

/// The two images that an example has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bytecode,
    UserSpace,
}

/// All examples: what targets and variables call them, and their images, in
/// the catalogue's order.
pub(super) const EXAMPLES: [(&str, &str, &str); 8] = [
    ("xdp", "XDP", "go-xdp-counter"),
    ("tc", "TC", "go-tc-counter"),
    ("tcx", "TCX", "go-tcx-counter"),
    ("tp", "TP", "go-tracepoint-counter"),
    ("kprobe", "KP", "go-kprobe-counter"),
    ("uprobe", "UP", "go-uprobe-counter"),
    ("uretprobe", "URP", "go-uretprobe-counter"),
    ("app", "APP", "go-app-counter"),
];

/// What has a user-space image alone.
const TARGET: (&str, &str, &str) = ("target", "GT", "go-target");

impl Kind {
    pub(super) const ALL: [Kind; 2] = [Kind::Bytecode, Kind::UserSpace];

    /// Returns the kinds that can be built here.
    pub(super) fn built() -> Vec<Kind> {
        match test_support::tool("go") {
            Some(_) => Kind::ALL.to_vec(),
            None => vec![Kind::Bytecode],
        }
    }

    /// Returns what targets call it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Bytecode => "bc",
            Kind::UserSpace => "us",
        }
    }

    /// Returns what variables call it.
    pub(super) fn variable(self) -> String {
        self.word().to_uppercase()
    }

    /// Returns the account that the images go to by themselves.
    pub(super) fn account(self) -> &'static str {
        match self {
            Kind::Bytecode => "bpfman-bytecode",
            Kind::UserSpace => "bpfman-userspace",
        }
    }

    /// Returns the examples that have an image of this kind.
    pub(super) fn examples(self) -> Vec<(&'static str, &'static str, &'static str)> {
        match self {
            Kind::Bytecode => EXAMPLES.to_vec(),
            Kind::UserSpace => EXAMPLES.into_iter().chain([TARGET]).collect(),
        }
    }
}

/// The platforms of the catalogue.
pub(super) const ALL: [&str; 4] = ["linux/amd64", "linux/arm64", "linux/ppc64le", "linux/s390x"];

/// Returns the platform of this machine.
pub(super) fn host() -> &'static str {
    Arch::host().unwrap().platform()
}

/// Reads an image back from its registry and compares it with what it must
/// be.
#[track_caller]
pub(super) fn check(reference: &str, kind: Kind, name: &str, platforms: &[&str]) {
    let artifact = whole(reference);
    let found: Vec<_> = artifact.platforms().iter().map(ToString::to_string).collect();
    assert_eq!(found, platforms, "{reference}");
    for image in artifact.images() {
        let config = &image.config().config;
        let (user, entrypoint) = (config.user.as_str(), config.entrypoint.as_slice());
        match kind {
            Kind::Bytecode => {
                let labels = expected::labels(&format!("{}/{name}", kind.account()));
                assert_eq!(*image.labels(), labels, "{reference}");
                assert_eq!((user, entrypoint), ("", &[][..]), "{reference}");
            }
            Kind::UserSpace => {
                let title = &image.labels()["org.opencontainers.image.title"];
                let words = [format!("./{name}"), "--crd".to_owned()];
                let expected = (name, "65534:65534", &words[..]);
                assert_eq!((title.as_str(), user, entrypoint), expected, "{reference}");
            }
        }
        check_file(reference, kind, name, image);
    }
}

/// The machine of eBPF objects, in ELF's numbers.
const BPF: u16 = 247;

/// The machines of programs.
const MACHINES: [(&str, u16); 4] =
    [("linux/amd64", 62), ("linux/arm64", 183), ("linux/ppc64le", 21), ("linux/s390x", 22)];

/// An image has one file, for its platform.
#[track_caller]
fn check_file(reference: &str, kind: Kind, name: &str, image: &Image) {
    let platform = image.platform().to_string();
    let limits = EntryLimits { total: 1 << 30, entries: 9, kept: 64 };
    let [layer] = image.layers() else { panic!("{reference}: {} layers", image.layers().len()) };
    let entries = layer.entries(limits).unwrap();
    let [entry] = entries.as_slice() else { panic!("{reference}: {} files", entries.len()) };
    let arch: Arch = platform.parse().unwrap();
    let (file, machine) = match kind {
        Kind::Bytecode => {
            let stem = name.trim_start_matches("go-").replace('-', "_");
            (format!("{stem}.o"), BPF)
        }
        Kind::UserSpace => {
            let machine = MACHINES.iter().find(|(known, _)| *known == platform).unwrap().1;
            (name.to_owned(), machine)
        }
    };
    assert_eq!(entry.name, file, "{reference}");
    let elf = &entry.bytes;
    assert_eq!(elf[..4], *b"\x7fELF", "{reference}");
    let (order, found) = match arch.endian() {
        Endian::Little => (1, u16::from_le_bytes([elf[18], elf[19]])),
        Endian::Big => (2, u16::from_be_bytes([elf[18], elf[19]])),
    };
    assert_eq!((elf[5], found), (order, machine), "{reference} for {platform}");
}
