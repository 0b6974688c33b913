//! What of Rust the machine has: cargo, compilers, and zig, which links for
//! other machines.

use std::path::{Path, PathBuf};

use bpf_arch::Arch;
use host::{Cmd, RunError};

use crate::sysroot::Sysroot;
use crate::{Checkout, Lacking, Way, way};

/// Programs that are kept for this purpose, besides those of the machine:
/// each is used where the machine has none that would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kit {
    /// A compiler with the sources of its standard library.
    pub rustc: Option<PathBuf>,
    /// `cargo-zigbuild`.
    pub zigbuild: Option<PathBuf>,
    /// The program that stands for zig.
    pub zig: Option<PathBuf>,
}

/// What a checkout is built with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    pub(crate) cargo: PathBuf,
    /// The compiler that the user or the checkout has chosen.
    pub(crate) chosen: Compiler,
    /// The one of the kit; `None` where the checkout wants another.
    pub(crate) kept: Option<Compiler>,
    pub(crate) zig: Option<Zig>,
    /// Whether the checkout says what it is built with.
    pub(crate) is_pinned: bool,
}

/// A Rust compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiler {
    rustc: PathBuf,
    pub(crate) sysroot: Sysroot,
    version: String,
    pub(crate) host: String,
}

/// A C compiler and linker for all machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zig {
    /// `cargo-zigbuild`, which runs cargo so that zig links.
    pub zigbuild: PathBuf,
    /// zig.
    pub zig: PathBuf,
}

/// Why there is no Rust to build with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolchainError {
    /// There is none.
    #[error("`{program}` was not found")]
    NotFound {
        /// What was looked for.
        program: String,
    },
    /// rustup has not got what the checkout asks for.
    #[error("the toolchain that `{}` names cannot be used", file.display())]
    Pinned {
        /// The file that names it.
        file: PathBuf,
        /// What rustup says.
        source: Box<RunError>,
    },
    /// The compiler does not run.
    #[error("`{}` does not run", rustc.display())]
    Run {
        /// The compiler.
        rustc: PathBuf,
        /// What it says.
        source: Box<RunError>,
    },
    /// What it says of itself is not what a compiler of Rust says.
    #[error("`{}` is no Rust compiler: its version line is `{line}`", rustc.display())]
    NotRust {
        /// The program.
        rustc: PathBuf,
        /// The first line of what it says.
        line: String,
    },
}

impl Toolchain {
    /// Finds what a checkout is built with: the `cargo` of PATH, the compiler
    /// that `RUSTC` names or the `rustc` of PATH, and zig, there or in the kit.
    ///
    /// # Errors
    ///
    /// Fails if there is no cargo or compiler, or the one that the checkout
    /// asks for is not installed.
    pub fn find(checkout: &Checkout, kit: &Kit) -> Result<Toolchain, ToolchainError> {
        let not_found = |program: &str| ToolchainError::NotFound { program: program.to_owned() };
        // Cargo names itself to what it runs: not the rustup that may be
        // before it, and that knows what the checkout asks for.
        let cargo = host::find_tool("cargo").or_else(|| variable("CARGO"));
        let cargo = cargo.ok_or_else(|| not_found("cargo"))?;
        let rustc = variable("RUSTC").or_else(|| host::find_tool("rustc"));
        let rustc = rustc.ok_or_else(|| not_found("rustc"))?;
        let chosen = Compiler::at(rustc, checkout)?;
        let is_pinned = checkout.toolchain_file().is_some();
        let kept = kit.rustc.clone().filter(|_| !is_pinned);
        let kept = kept.map(|rustc| Compiler::at(rustc, checkout)).transpose()?;
        Ok(Toolchain { cargo, chosen, kept, zig: Zig::find(kit), is_pinned })
    }

    /// Returns in which way programs for an architecture are made.
    ///
    /// # Errors
    ///
    /// Fails if there is none, and says what is lacking.
    pub fn way(&self, arch: Arch) -> Result<Way, Lacking> {
        way::choose(self, arch)
    }

    /// Returns the compiler that the user or the checkout has chosen.
    pub fn compiler(&self) -> &Compiler {
        &self.chosen
    }
}

impl Compiler {
    /// Learns what a compiler is, as it is in the checkout.
    fn at(rustc: PathBuf, checkout: &Checkout) -> Result<Compiler, ToolchainError> {
        let ask = |args: &[&str]| {
            let command = in_checkout(Cmd::new(&rustc).args(args), checkout);
            let output = command.run().map_err(|error| {
                let (rustc, source) = (rustc.clone(), Box::new(error));
                match checkout.toolchain_file() {
                    Some(file) => ToolchainError::Pinned { file: file.to_owned(), source },
                    None => ToolchainError::Run { rustc, source },
                }
            })?;
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let said = ask(&["-vV"])?;
        let field = |name: &str| said.lines().find_map(|line| line.strip_prefix(name));
        let (Some(version), Some(host)) = (field("release: "), field("host: ")) else {
            let line = said.lines().next().unwrap_or_default().to_owned();
            return Err(ToolchainError::NotRust { rustc, line });
        };
        let (version, host) = (version.to_owned(), host.to_owned());
        let sysroot = Sysroot(ask(&["--print", "sysroot"])?.trim_end().into());
        Ok(Compiler { rustc, sysroot, version, host })
    }

    #[cfg(test)]
    pub(crate) fn of_tests(rustc: &str, sysroot: Sysroot, host: &str) -> Compiler {
        Compiler { rustc: rustc.into(), sysroot, version: "1.0.0".into(), host: host.into() }
    }

    /// Returns the program.
    pub fn rustc(&self) -> &Path {
        &self.rustc
    }

    /// Returns its version, such as `1.95.0`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns whether rustup has installed it: then `rustup` can add to it.
    pub(crate) fn is_of_rustup(&self) -> bool {
        let manifest = "lib/rustlib/multirust-channel-manifest.toml";
        self.sysroot.path().join(manifest).is_file()
    }
}

impl Zig {
    fn find(kit: &Kit) -> Option<Zig> {
        let find = |name: &str, kept: &Option<PathBuf>| {
            host::find_tool(name).or_else(|| kept.as_ref().and_then(host::find_tool))
        };
        let zigbuild = find("cargo-zigbuild", &kit.zigbuild)?;
        Some(Zig { zigbuild, zig: find("zig", &kit.zig)? })
    }
}

/// Returns a command as it runs in a checkout: with the toolchain that is
/// named there, and nothing installed for that.
pub(crate) fn in_checkout(command: Cmd, checkout: &Checkout) -> Cmd {
    let command = command.dir(checkout.dir()).env("RUSTUP_AUTO_INSTALL", "0");
    match checkout.toolchain_file() {
        // rustup hands on what chose the toolchain of who started this
        // program: that is no choice for the checkout.
        Some(_) => command.drop_env(["RUSTUP_TOOLCHAIN"]),
        None => command,
    }
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).and_then(host::find_tool)
}
