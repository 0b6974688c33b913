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
