//! The architecture table: one row per architecture, nothing spelled twice.
//!
//! Every name by which a part of the factory knows an architecture (GOARCH,
//! platform, clang target, libbpf macro, object file name, build argument,
//! Rust triple, Debian name) stands in [`Arch`]'s row here and nowhere else.
//! Not here: anything that compiles, reads or packages for an architecture.

#![forbid(unsafe_code)]

mod file_name;

use std::fmt;
use std::str::FromStr;

pub use file_name::{FileNameError, archs_of_file};

/// The byte order of an object, and with it clang's target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endian {
    /// Least significant byte first: ELFDATA2LSB, clang's `bpfel`.
    Little,
    /// Most significant byte first: ELFDATA2MSB, clang's `bpfeb`.
    Big,
}

impl Endian {
    /// The byte order of the machine this program runs on.
    pub const HOST: Endian = if cfg!(target_endian = "big") { Endian::Big } else { Endian::Little };

    /// Returns clang's `-target`: `bpfel` or `bpfeb`.
    pub const fn clang_target(self) -> &'static str {
        match self {
            Endian::Little => "bpfel",
            Endian::Big => "bpfeb",
        }
    }
}

impl fmt::Display for Endian {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Endian::Little => "little-endian",
            Endian::Big => "big-endian",
        })
    }
}

/// An architecture that images can be made for.
///
/// The order is the table's, which is the order of GOARCH names; lists of
/// platforms are printed in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is named by its GOARCH")]
pub enum Arch {
    I386,
    Amd64,
    Arm,
    Arm64,
    Loong64,
    Mips,
    Mipsle,
    Mips64,
    Mips64le,
    Ppc64,
    Ppc64le,
    Riscv64,
    S390x,
}

/// What the head of an ELF file says of the machine that it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ElfMachine {
    /// `e_machine`.
    pub number: u16,
    /// 32 or 64: `EI_CLASS`.
    pub bits: u8,
    /// `EI_DATA`.
    pub endian: Endian,
}

/// What one architecture is called by each party.
struct Row {
    arch: Arch,
    /// Go and OCI: <https://go.dev/doc/install/source#environment>.
    platform: &'static str,
    endian: Endian,
    /// The suffix of libbpf's `__TARGET_ARCH_*` (`bpf_tracing.h`).
    libbpf: &'static str,
    /// bpf2go's file name with stem `bpf`. The three MIPS variants that
    /// bpf2go knows no name for are named here after their GOARCH.
    object: &'static str,
    /// The build argument of `Containerfile.bytecode.multi.arch`.
    build_arg: &'static str,
    rust_triple: &'static str,
    /// `rustc --print target-list` of 1.95.
    rust_musl: Option<&'static str>,
    debian: &'static str,
    /// `e_machine` and the bits of `EI_CLASS` in the head of a program: the
    /// ELF specification ("ELF Header") and Linux's `elf-em.h`.
    elf: (u16, u8),
}

#[rustfmt::skip]
static TABLE: [Row; 13] = {
    use Arch::*;
    use Endian::{Big, Little};
    [
        Row { arch: I386, platform: "linux/386", endian: Little, libbpf: "x86", object: "bpf_x86_bpfel.o", build_arg: "BC_386_EL", rust_triple: "i686-unknown-linux-gnu", rust_musl: Some("i686-unknown-linux-musl"), debian: "i386", elf: (3, 32) },
        Row { arch: Amd64, platform: "linux/amd64", endian: Little, libbpf: "x86", object: "bpf_x86_bpfel.o", build_arg: "BC_AMD64_EL", rust_triple: "x86_64-unknown-linux-gnu", rust_musl: Some("x86_64-unknown-linux-musl"), debian: "amd64", elf: (62, 64) },
        Row { arch: Arm, platform: "linux/arm", endian: Little, libbpf: "arm", object: "bpf_arm_bpfel.o", build_arg: "BC_ARM_EL", rust_triple: "armv7-unknown-linux-gnueabihf", rust_musl: Some("armv7-unknown-linux-musleabihf"), debian: "armhf", elf: (40, 32) },
        Row { arch: Arm64, platform: "linux/arm64", endian: Little, libbpf: "arm64", object: "bpf_arm64_bpfel.o", build_arg: "BC_ARM64_EL", rust_triple: "aarch64-unknown-linux-gnu", rust_musl: Some("aarch64-unknown-linux-musl"), debian: "arm64", elf: (183, 64) },
        Row { arch: Loong64, platform: "linux/loong64", endian: Little, libbpf: "loongarch", object: "bpf_loongarch_bpfel.o", build_arg: "BC_LOONG64_EL", rust_triple: "loongarch64-unknown-linux-gnu", rust_musl: Some("loongarch64-unknown-linux-musl"), debian: "loong64", elf: (258, 64) },
        Row { arch: Mips, platform: "linux/mips", endian: Big, libbpf: "mips", object: "bpf_mips_bpfeb.o", build_arg: "BC_MIPS_EB", rust_triple: "mips-unknown-linux-gnu", rust_musl: None, debian: "mips", elf: (8, 32) },
        Row { arch: Mipsle, platform: "linux/mipsle", endian: Little, libbpf: "mips", object: "bpf_mipsle_bpfel.o", build_arg: "BC_MIPSLE_EL", rust_triple: "mipsel-unknown-linux-gnu", rust_musl: Some("mipsel-unknown-linux-musl"), debian: "mipsel", elf: (8, 32) },
        Row { arch: Mips64, platform: "linux/mips64", endian: Big, libbpf: "mips", object: "bpf_mips64_bpfeb.o", build_arg: "BC_MIPS64_EB", rust_triple: "mips64-unknown-linux-gnuabi64", rust_musl: Some("mips64-unknown-linux-muslabi64"), debian: "mips64", elf: (8, 64) },
        Row { arch: Mips64le, platform: "linux/mips64le", endian: Little, libbpf: "mips", object: "bpf_mips64le_bpfel.o", build_arg: "BC_MIPS64LE_EL", rust_triple: "mips64el-unknown-linux-gnuabi64", rust_musl: Some("mips64el-unknown-linux-muslabi64"), debian: "mips64el", elf: (8, 64) },
        Row { arch: Ppc64, platform: "linux/ppc64", endian: Big, libbpf: "powerpc", object: "bpf_powerpc_bpfeb.o", build_arg: "BC_PPC64_EB", rust_triple: "powerpc64-unknown-linux-gnu", rust_musl: Some("powerpc64-unknown-linux-musl"), debian: "ppc64", elf: (21, 64) },
        Row { arch: Ppc64le, platform: "linux/ppc64le", endian: Little, libbpf: "powerpc", object: "bpf_powerpc_bpfel.o", build_arg: "BC_PPC64LE_EL", rust_triple: "powerpc64le-unknown-linux-gnu", rust_musl: Some("powerpc64le-unknown-linux-musl"), debian: "ppc64el", elf: (21, 64) },
        Row { arch: Riscv64, platform: "linux/riscv64", endian: Little, libbpf: "riscv", object: "bpf_riscv_bpfel.o", build_arg: "BC_RISCV64_EL", rust_triple: "riscv64gc-unknown-linux-gnu", rust_musl: Some("riscv64gc-unknown-linux-musl"), debian: "riscv64", elf: (243, 64) },
        Row { arch: S390x, platform: "linux/s390x", endian: Big, libbpf: "s390", object: "bpf_s390_bpfeb.o", build_arg: "BC_S390X_EB", rust_triple: "s390x-unknown-linux-gnu", rust_musl: Some("s390x-unknown-linux-musl"), debian: "s390x", elf: (22, 64) },
    ]
};

impl Arch {
    /// Every architecture, in the table's order.
    pub const ALL: [Arch; 13] = [
        Arch::I386,
        Arch::Amd64,
        Arch::Arm,
        Arch::Arm64,
        Arch::Loong64,
        Arch::Mips,
        Arch::Mipsle,
        Arch::Mips64,
        Arch::Mips64le,
        Arch::Ppc64,
        Arch::Ppc64le,
        Arch::Riscv64,
        Arch::S390x,
    ];

    /// The four that bpfman publishes images for.
    pub const PUBLISHED: [Arch; 4] = [Arch::Amd64, Arch::Arm64, Arch::Ppc64le, Arch::S390x];

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// Returns the architecture of the machine this program runs on, or
    /// `None` where the table has no row for it.
    pub fn host() -> Option<Arch> {
        let arch = std::env::consts::ARCH;
        let little = Endian::HOST == Endian::Little;
        Some(match arch {
            "x86" => Arch::I386,
            "x86_64" => Arch::Amd64,
            "arm" => Arch::Arm,
            "aarch64" => Arch::Arm64,
            "loongarch64" => Arch::Loong64,
            "mips" if little => Arch::Mipsle,
            "mips" => Arch::Mips,
            "mips64" if little => Arch::Mips64le,
            "mips64" => Arch::Mips64,
            // Rust calls both byte orders powerpc64.
            "powerpc64" if little => Arch::Ppc64le,
            "powerpc64" => Arch::Ppc64,
            "riscv64" => Arch::Riscv64,
            "s390x" => Arch::S390x,
            _ => return None,
        })
    }

    /// Returns the GOARCH name, such as `arm64`: an OCI platform's
    /// `architecture`.
    pub fn goarch(self) -> &'static str {
        &self.platform()["linux/".len()..]
    }

    /// Returns the platform, such as `linux/arm64`.
    pub fn platform(self) -> &'static str {
        self.row().platform
    }

    /// Returns the byte order.
    pub fn endian(self) -> Endian {
        self.row().endian
    }

    /// Returns libbpf's name, the suffix of `__TARGET_ARCH_*`, such as `x86`.
    pub fn libbpf(self) -> &'static str {
        self.row().libbpf
    }

    /// Returns the file name of an object made for this architecture, such
    /// as `bpf_x86_bpfel.o`. 386 and amd64 share one.
    pub fn object_file(self) -> &'static str {
        self.row().object
    }

    /// Returns the build argument that names this architecture's object,
    /// such as `BC_AMD64_EL`.
    pub fn build_arg(self) -> &'static str {
        self.row().build_arg
    }

    /// Returns Rust's target triple with the GNU C library.
    pub fn rust_triple(self) -> &'static str {
        self.row().rust_triple
    }

    /// Returns Rust's target triple with musl; `None` where Rust has none.
    pub fn rust_musl_triple(self) -> Option<&'static str> {
        self.row().rust_musl
    }

    /// Returns what the head of an ELF program for it says.
    pub fn elf(self) -> ElfMachine {
        let (number, bits) = self.row().elf;
        ElfMachine { number, bits, endian: self.endian() }
    }

    /// Returns the architecture whose programs have this head; `None` where
    /// the table has no row for it.
    pub fn of_elf(machine: ElfMachine) -> Option<Arch> {
        Arch::ALL.into_iter().find(|arch| arch.elf() == machine)
    }

    /// Returns Debian's name of the architecture.
    pub fn debian(self) -> &'static str {
        self.row().debian
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.platform())
    }
}

/// A word that is not a platform of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPlatform {
    /// The word as it was given.
    pub word: String,
}

impl fmt::Display for UnknownPlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown platform `{}`; known are", self.word)?;
        for (i, arch) in Arch::ALL.iter().enumerate() {
            write!(f, "{} {arch}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownPlatform {}

impl FromStr for Arch {
    type Err = UnknownPlatform;

    /// Accepts a platform (`linux/arm64`) or its GOARCH alone (`arm64`).
    fn from_str(word: &str) -> Result<Arch, UnknownPlatform> {
        let goarch = word.strip_prefix("linux/").unwrap_or(word);
        TABLE
            .iter()
            .map(|row| row.arch)
            .find(|arch| arch.goarch() == goarch)
            .ok_or_else(|| UnknownPlatform { word: word.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_stands_in_the_order_of_the_enum() {
        for (i, arch) in Arch::ALL.into_iter().enumerate() {
            assert_eq!(arch as usize, i);
            assert_eq!(arch.row().arch, arch);
        }
    }

    #[test]
    fn names_follow_from_the_byte_order() {
        for arch in Arch::ALL {
            let suffix = arch.endian().clang_target();
            assert!(arch.object_file().ends_with(&format!("_{suffix}.o")), "{arch}");
            let short = if arch.endian() == Endian::Little { "EL" } else { "EB" };
            let expected = format!("BC_{}_{short}", arch.goarch().to_uppercase());
            assert_eq!(arch.build_arg(), expected);
        }
    }

    #[test]
    fn triples_differ_in_the_c_library_alone() {
        for arch in Arch::ALL {
            let expected = arch.rust_triple().replace("-gnu", "-musl");
            assert_eq!(arch.rust_musl_triple().unwrap_or(&expected), expected);
        }
    }

    #[test]
    fn heads_of_programs_tell_architectures_apart() {
        for arch in Arch::ALL {
            assert_eq!(Arch::of_elf(arch.elf()), Some(arch));
        }
        let bpf = ElfMachine { number: 247, bits: 64, endian: Endian::Little };
        assert_eq!(Arch::of_elf(bpf), None);
    }

    #[test]
    fn object_files_differ_except_for_386_and_amd64() {
        for a in Arch::ALL {
            for b in Arch::ALL {
                let may_share =
                    matches!((a, b), (Arch::I386, Arch::Amd64) | (Arch::Amd64, Arch::I386));
                assert_eq!(a.object_file() == b.object_file(), a == b || may_share, "{a} {b}");
            }
        }
    }

    #[test]
    fn the_published_object_files_are_those_of_the_reference() {
        let names = Arch::PUBLISHED.map(Arch::object_file);
        assert_eq!(
            names,
            ["bpf_x86_bpfel.o", "bpf_arm64_bpfel.o", "bpf_powerpc_bpfel.o", "bpf_s390_bpfeb.o"]
        );
    }

    #[test]
    fn words_parse_both_ways_and_unknown_ones_are_named() {
        for arch in Arch::ALL {
            assert_eq!(arch.platform().parse(), Ok(arch));
            assert_eq!(arch.goarch().parse(), Ok(arch));
        }
        for word in ["", "linux/", "linux/x86", "windows/amd64", "LINUX/amd64", "linux/linux/arm"] {
            let error = word.parse::<Arch>().unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "unknown platform `{word}`; known are linux/386, linux/amd64, linux/arm, \
                     linux/arm64, linux/loong64, linux/mips, linux/mipsle, linux/mips64, \
                     linux/mips64le, linux/ppc64, linux/ppc64le, linux/riscv64, linux/s390x"
                )
            );
        }
    }
}
