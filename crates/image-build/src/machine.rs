//! Which machine a program is for, from the head of its ELF file.
//!
//! Only executables and shared libraries are judged: an object that is not
//! linked (an eBPF object, say) is data. What machines are called and how ELF
//! numbers them is in crate `bpf-arch`.

use bpf_arch::{Arch, ElfMachine, Endian};
use oci::Platform;

/// `EI_DATA` of big-endian programs, and `EI_CLASS` of those of 64 bits.
const BIG: u8 = 2;
const BITS_64: u8 = 2;

/// Programs that run on another machine all the same: program, machine.
const ALSO: [(&str, &str); 2] = [("386", "amd64"), ("arm", "arm64")];

/// `e_machine` of an eBPF program.
const BPF: u16 = 247;

/// `e_type` of executables and of shared libraries.
const LINKED: [u16; 2] = [2, 3];

/// How many bytes of a file tell.
pub(crate) const HEAD: u64 = 20;

/// Returns what machine a file is for if it is a program that does not run on
/// `platform`. `head` holds its first bytes.
///
/// On a platform that is not in the table every program passes.
pub(crate) fn foreign(head: &[u8], platform: &Platform) -> Option<String> {
    let (class, data) = (*head.get(4)?, *head.get(5)?);
    let field = |at: usize| {
        let bytes = [*head.get(at)?, *head.get(at + 1)?];
        Some(if data == BIG { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    };
    let (kind, number) = (field(16)?, field(18)?);
    if !head.starts_with(b"\x7fELF") || !LINKED.contains(&kind) || number == BPF {
        return None;
    }
    let wanted = platform.architecture.as_str();
    if platform.os != "linux" || !Arch::ALL.iter().any(|arch| arch.goarch() == wanted) {
        return None;
    }
    let bits = if class == BITS_64 { 64 } else { 32 };
    let endian = if data == BIG { Endian::Big } else { Endian::Little };
    match Arch::of_elf(ElfMachine { number, bits, endian }).map(Arch::goarch) {
        Some(found) if found == wanted || ALSO.contains(&(found, wanted)) => None,
        Some(found) => Some(found.to_owned()),
        None => Some(format!("the machine with the number {number} in ELF headers")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(class: u8, data: u8, kind: u16, machine: u16) -> Vec<u8> {
        let bytes = |n: u16| if data == BIG { n.to_be_bytes() } else { n.to_le_bytes() };
        let mut head = b"\x7fELF\0\0\x01\0\0\0\0\0\0\0\0\0".to_vec();
        (head[4], head[5]) = (class, data);
        head.extend(bytes(kind));
        head.extend(bytes(machine));
        head
    }

    #[test]
    fn programs_of_other_machines_are_found() {
        let unknown = "the machine with the number 94 in ELF headers";
        let cases = [
            (head(2, 1, 2, 62), "linux/amd64", None),
            (head(2, 1, 3, 62), "linux/amd64", None),
            (head(2, 1, 3, 62), "linux/arm64", Some("amd64")),
            (head(2, 2, 2, 22), "linux/s390x", None),
            (head(2, 2, 2, 22), "linux/amd64", Some("s390x")),
            (head(2, 2, 3, 21), "linux/ppc64le", Some("ppc64")),
            (head(2, 1, 3, 21), "linux/ppc64le", None),
            (head(1, 1, 3, 3), "linux/amd64", None),
            (head(1, 1, 3, 40), "linux/arm64", None),
            (head(2, 1, 3, 183), "linux/arm/v7", Some("arm64")),
            (head(1, 1, 2, 94), "linux/arm64", Some(unknown)),
            // Not linked, eBPF, not ELF, a platform nobody knows.
            (head(2, 1, 1, 62), "linux/arm64", None),
            (head(2, 1, 2, BPF), "linux/arm64", None),
            (b"#!/bin/sh\nexec something long".to_vec(), "linux/arm64", None),
            (head(2, 1, 2, 62)[..18].to_vec(), "linux/arm64", None),
            (head(2, 1, 2, 62), "linux/sparc64", None),
        ];
        for (head, platform, expected) in cases {
            let found = foreign(&head, &platform.parse().unwrap());
            assert_eq!(found.as_deref(), expected, "{head:?} {platform}");
        }
    }

    #[test]
    fn this_program_is_for_this_machine() {
        let head = host::fs::read(&std::env::current_exe().unwrap()).unwrap();
        let fits = Arch::ALL.into_iter().map(Arch::goarch).filter(|architecture| {
            foreign(&head, &format!("linux/{architecture}").parse().unwrap()).is_none()
        });
        let fits: Vec<_> = fits.collect();
        if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            assert_eq!(fits, ["amd64"]);
        } else {
            assert!(!fits.is_empty());
        }
    }

    proptest! {
        #[test]
        fn no_head_panics(head: Vec<u8>, tail in prop::collection::vec(any::<u8>(), 0..20)) {
            let platform = "linux/amd64".parse().unwrap();
            let _ = foreign(&head, &platform);
            let _ = foreign(&[b"\x7fELF", tail.as_slice()].concat(), &platform);
        }
    }
}
