//! In which way programs for an architecture are made: with which standard
//! library, and what links. Pure, but that it looks at what files there are.

use std::fmt;
use std::path::Path;

use bpf_arch::Arch;

use crate::toolchain::{Compiler, Toolchain, Zig};

/// How programs for an architecture are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// What they are for.
    pub arch: Arch,
    /// Rust's name of that, with the C library.
    pub triple: &'static str,
    /// Where the standard library comes from.
    pub means: Means,
    /// What compiles.
    pub compiler: Compiler,
    /// What links, and compiles C; the machine's own linker if none.
    pub zig: Option<Zig>,
}

/// Where the standard library comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// It is there, for musl.
    Musl,
    /// It is compiled from its sources, for musl.
    Sources,
    /// It is there for the GNU C library, which this machine has to link
    /// statically.
    Gnu,
}

/// What is lacking to make programs for an architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lacking {
    /// What they were for.
    pub arch: Arch,
    what: What,
    /// Whether rustup installed the compiler.
    is_of_rustup: bool,
    is_pinned: bool,
}

/// What is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// Rust does not know the target.
    Target,
    /// Neither the standard library nor its sources.
    Std,
    /// The library or its sources are there, but nothing that links.
    Zig,
}

impl fmt::Display for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Means::Musl => "musl, with the standard library that is there",
            Means::Sources => "musl, with the standard library from its sources",
            Means::Gnu => "the GNU C library of this machine",
        })
    }
}

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            What::Target => write!(f, "Rust has no target with musl for {}", self.arch),
            What::Std => write!(f, "no standard library of Rust for {}", self.arch),
            What::Zig => write!(f, "no zig to link for {}", self.arch),
        }
    }
}

impl Lacking {
    /// Returns what a user of rustup types to get the sources of the standard
    /// library. They serve every target, and of some there is nothing else.
    pub fn rustup_command(&self) -> Option<&'static str> {
        (self.what == What::Std && self.is_of_rustup).then_some("rustup component add rust-src")
    }

    /// Returns whether a [`crate::Kit`] with everything in it would do.
    pub fn kit_would_do(&self) -> bool {
        match self.what {
            What::Target => false,
            What::Std => !self.is_pinned,
            What::Zig => true,
        }
    }
}

/// Chooses the way: what is there before what has to be compiled, musl before
/// the GNU C library, which is not meant to be linked statically.
pub(crate) fn choose(toolchain: &Toolchain, arch: Arch) -> Result<Way, Lacking> {
    let Toolchain { chosen, kept, zig, is_pinned, .. } = toolchain;
    let is_host = chosen.host == arch.rust_triple();
    let musl = arch.rust_musl_triple();
    let way = |triple, means, compiler: &Compiler, zig: &Option<Zig>| {
        Ok(Way { arch, triple, means, compiler: compiler.clone(), zig: zig.clone() })
    };
    if let Some(triple) = musl {
        // For its own machine, Rust brings along what the linker needs.
        if chosen.sysroot.has_std(triple) && (zig.is_some() || is_host) {
            return way(triple, Means::Musl, chosen, zig);
        }
        let mut compilers = [Some(chosen), kept.as_ref()].into_iter().flatten();
        let with_sources = compilers.find(|compiler| compiler.sysroot.has_sources());
        if let (Some(compiler), Some(_)) = (with_sources, zig) {
            return way(triple, Means::Sources, compiler, zig);
        }
    }
    let gnu = arch.rust_triple();
    if is_host && chosen.sysroot.has_std(gnu) && has_static_libc(gnu) {
        return way(gnu, Means::Gnu, chosen, &None);
    }
    let has_library = musl.is_some_and(|triple| chosen.sysroot.has_std(triple))
        || [Some(chosen), kept.as_ref()].into_iter().flatten().any(|it| it.sysroot.has_sources());
    let what = match musl {
        None => What::Target,
        Some(_) if has_library => What::Zig,
        Some(_) => What::Std,
    };
    let is_of_rustup = chosen.is_of_rustup();
    Err(Lacking { arch, what, is_of_rustup, is_pinned: *is_pinned })
}

/// Returns whether this machine's C library can be linked statically.
fn has_static_libc(triple: &str) -> bool {
    // Debian's directory has no vendor: x86_64-linux-gnu.
    let multiarch = triple.replace("-unknown-", "-");
    let directories = [format!("/usr/lib/{multiarch}"), "/usr/lib64".into(), "/usr/lib".into()];
    directories.iter().any(|directory| Path::new(directory).join("libc.a").is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sysroot::Sysroot;

    const HOST: &str = "x86_64-unknown-linux-gnu";
    const SOURCES: &str = "src/rust/library/Cargo.lock";
    const RUSTUP: &str = "multirust-channel-manifest.toml";

    /// Makes a compiler for amd64 with these files below `lib/rustlib`.
    fn compiler(dir: &Path, name: &str, files: &[&str]) -> Compiler {
        let sysroot = dir.join(name);
        for file in files {
            let file = sysroot.join("lib/rustlib").join(file);
            host::fs::create_dir_all(file.parent().unwrap()).unwrap();
            host::fs::write_atomic(&file, b"").unwrap();
        }
        Compiler::of_tests(name, Sysroot(sysroot), HOST)
    }

    /// What there is: of the chosen compiler, of the kept one, and zig.
    type There<'a> = (&'a [&'a str], Option<&'a [&'a str]>, bool);

    fn shown((chosen, kept, zig): There<'_>, is_pinned: bool, arch: Arch) -> String {
        let dir = tempfile::tempdir().unwrap();
        let zig = zig.then(|| Zig { zigbuild: "zigbuild".into(), zig: "zig".into() });
        let toolchain = Toolchain {
            cargo: "cargo".into(),
            chosen: compiler(dir.path(), "chosen", chosen),
            kept: kept.map(|files| compiler(dir.path(), "kept", files)),
            zig,
            is_pinned,
        };
        match choose(&toolchain, arch) {
            Ok(Way { arch: found, triple, means, compiler, zig }) => {
                assert_eq!(found, arch);
                let zig = if zig.is_some() { " zig" } else { "" };
                format!("{triple} {means:?} {}{zig}", compiler.rustc().display())
            }
            Err(lacking) => {
                let command = lacking.rustup_command().unwrap_or("-");
                format!("{lacking}; kit {}; {command}", lacking.kit_would_do())
            }
        }
    }

    #[test]
    fn the_way_follows_from_what_is_there() {
        let musl = "s390x-unknown-linux-musl/lib/libstd-1.rlib";
        let std = "no standard library of Rust for linux/s390x; kit";
        let zig = "no zig to link for linux/s390x; kit true; -";
        let way = |means: &str| format!("s390x-unknown-linux-musl {means} zig");
        let cases: [(There<'_>, String); 10] = [
            ((&[], None, false), format!("{std} true; -")),
            ((&[], None, true), format!("{std} true; -")),
            ((&[RUSTUP], None, true), format!("{std} true; rustup component add rust-src")),
            ((&[musl], None, false), zig.to_owned()),
            ((&[SOURCES], None, false), zig.to_owned()),
            ((&[], Some(&[SOURCES]), false), zig.to_owned()),
            ((&[musl, SOURCES], Some(&[SOURCES]), true), way("Musl chosen")),
            ((&[SOURCES], Some(&[SOURCES]), true), way("Sources chosen")),
            ((&[], Some(&[SOURCES]), true), way("Sources kept")),
            ((&[], Some(&[musl]), true), format!("{std} true; -")),
        ];
        for (there, expected) in cases {
            assert_eq!(shown(there, false, Arch::S390x), expected, "{there:?}");
        }
        // A kit is no help where the checkout says what it is built with.
        assert_eq!(shown((&[], None, false), true, Arch::S390x), format!("{std} false; -"));
        let none = "Rust has no target with musl for linux/mips; kit false; -";
        assert_eq!(shown((&[SOURCES], None, true), false, Arch::Mips), none);
    }

    #[test]
    fn this_machine_needs_less() {
        let musl = "x86_64-unknown-linux-musl/lib/libstd-1.rlib";
        let gnu = "x86_64-unknown-linux-gnu/lib/libstd-1.rlib";
        fn shown(there: There<'_>) -> String {
            super::tests::shown(there, false, Arch::Amd64)
        }
        assert_eq!(shown((&[musl, gnu], None, false)), "x86_64-unknown-linux-musl Musl chosen");
        assert_eq!(
            shown((&[gnu], Some(&[SOURCES]), true)),
            "x86_64-unknown-linux-musl Sources kept zig"
        );
        let native = shown((&[gnu, SOURCES], None, false));
        match has_static_libc(HOST) {
            true => assert_eq!(native, "x86_64-unknown-linux-gnu Gnu chosen"),
            false => assert_eq!(native, "no zig to link for linux/amd64; kit true; -"),
        }
    }
}
