//! One run of cargo.

use std::ffi::OsString;
use std::fs::Permissions;
use std::num::NonZeroUsize;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bpf_arch::Arch;
use host::fs::{IoContext, IoError};
use host::{Cmd, RunError};

use crate::program::{ProgramError, check_program};
use crate::toolchain::in_checkout;
use crate::{Checkout, Means, Toolchain, Way};

/// Programs of one checkout that are built for one architecture.
#[derive(Clone, Copy, Debug)]
pub struct Build<'a> {
    /// The checkout. Nothing is written there.
    pub checkout: &'a Checkout,
    /// What builds.
    pub toolchain: &'a Toolchain,
    /// In which way, and for which architecture.
    pub way: &'a Way,
    /// The names of the programs; at least one.
    pub programs: &'a [String],
    /// How many compilations run at once.
    pub jobs: NonZeroUsize,
    /// Cargo's target directory, as absolute path: of this checkout alone, for
    /// cargo takes one checkout's files for those of another.
    pub output: &'a Path,
}

/// Why programs were not built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The checkout has no such program.
    #[error("`{}` makes no such program", checkout.display())]
    NoProgram {
        /// The checkout.
        checkout: PathBuf,
        /// What cargo says, which names the program.
        source: Box<RunError>,
    },
    /// Cargo failed.
    #[error("failed to build `{}` for {arch}", programs.join("`, `"))]
    Cargo {
        /// The programs.
        programs: Vec<String>,
        /// What they were for.
        arch: Arch,
        /// What cargo says is in it.
        source: Box<RunError>,
    },
    /// A program is not what it has to be.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// A directory or program is not as it should be.
    #[error(transparent)]
    Io(#[from] IoError),
}

/// What would otherwise depend on the user or on when it is built. Cargo's
/// variables stand above the files that configure it.
const FIXED: [(&str, &str); 10] = [
    ("CARGO_INCREMENTAL", "0"),
    ("CARGO_PROFILE_RELEASE_INCREMENTAL", "false"),
    ("CARGO_PROFILE_RELEASE_STRIP", "symbols"),
    // It would be stripped all the same.
    ("CARGO_PROFILE_RELEASE_DEBUG", "0"),
    // Empty: none, whatever a file says.
    ("RUSTC_WRAPPER", ""),
    ("RUSTC_WORKSPACE_WRAPPER", ""),
    ("CARGO_TERM_COLOR", "never"),
    ("CARGO_TERM_PROGRESS_WHEN", "never"),
    ("SOURCE_DATE_EPOCH", "0"),
    ("LC_ALL", "C"),
];

/// What cargo sees of the environment: where it keeps and gets things, and
/// nothing that changes what it makes.
const KEPT_ENV: [&str; 35] = [
    "PATH",
    "HOME",
    "USER",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "CARGO_NET_OFFLINE",
    "CARGO_NET_RETRY",
    "CARGO_NET_GIT_FETCH_WITH_CLI",
    "CARGO_HTTP_CAINFO",
    "CARGO_HTTP_PROXY",
    "CARGO_HTTP_TIMEOUT",
    "CARGO_HTTP_CHECK_REVOKE",
    "CARGO_HTTP_MULTIPLEXING",
    "CARGO_REGISTRIES_CRATES_IO_PROTOCOL",
    "CARGO_ZIGBUILD_CACHE_DIR",
    "ZIG_GLOBAL_CACHE_DIR",
    "PROTOC",
    "NETRC",
    "SSH_AUTH_SOCK",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
    "GIT_SSH_COMMAND",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
];

impl Build<'_> {
    /// Returns where a program is put.
    pub fn program(&self, name: &str) -> PathBuf {
        self.output.join(self.way.triple).join("release").join(name)
    }

    /// Returns the command that builds, to be shown or run.
    pub fn command(&self) -> Cmd {
        let Build { checkout, toolchain, way, .. } = self;
        let cargo = match &way.zig {
            Some(zig) => Cmd::new(&zig.zigbuild)
                .env("CARGO", &toolchain.cargo)
                .env("CARGO_ZIGBUILD_ZIG_PATH", &zig.zig)
                .arg("zigbuild"),
            None => Cmd::new(&toolchain.cargo).arg("build"),
        };
        let (variable, flags) = encoded(&self.rustc_flags());
        let cargo = FIXED.into_iter().fold(cargo, |cargo, (key, value)| cargo.env(key, value));
        let cargo = in_checkout(cargo.keep_env(&KEPT_ENV), checkout)
            .env("RUSTC", way.compiler.rustc())
            .env(variable, flags)
            .env("CARGO_BUILD_BUILD_DIR", self.output)
            .args(["--release", "--locked", "--target", way.triple])
            .args(["--jobs", &self.jobs.to_string()])
            .arg("--target-dir")
            .arg(self.output)
            .args(self.programs.iter().flat_map(|name| ["--bin", name]));
        match way.means {
            // The option is for nightly compilers, and so is the variable.
            Means::Sources => cargo.env("RUSTC_BOOTSTRAP", "1").arg("-Zbuild-std=std,panic_unwind"),
            Means::Musl | Means::Gnu => cargo,
        }
    }

    /// Returns the compiler's flags: a static program, and no path of this
    /// machine in it.
    fn rustc_flags(&self) -> Vec<OsString> {
        let mut flags: Vec<OsString> = vec!["-Ctarget-feature=+crt-static".into()];
        if self.way.means == Means::Sources {
            // What Rust would bring along for the linker, zig has.
            flags.push("-Clink-self-contained=no".into());
        }
        for (from, to) in self.renamed() {
            let mut flag = OsString::from("--remap-path-prefix=");
            flag.push(from);
            flag.push("=");
            flag.push(to);
            flags.push(flag);
        }
        flags
    }

    /// Returns the directories whose names must not get into programs, and
    /// what they are called there; the last that fits counts.
    fn renamed(&self) -> Vec<(PathBuf, &'static str)> {
        let sources = self.way.compiler.sysroot.sources();
        let mut renamed = vec![(self.checkout.dir().to_owned(), "/checkout")];
        renamed.extend(cargo_home().map(|home| (home, "/cargo")));
        renamed.push((self.output.to_owned(), "/target"));
        renamed.push((sources, "/rust"));
        renamed
    }

    /// Builds the programs and hands on cargo's lines; returns where they are,
    /// in the order of their names. One that is up to date is left as it is.
    ///
    /// # Errors
    ///
    /// Fails if cargo does, knows no such program, or makes one that is not a
    /// static program for the architecture.
    pub fn run(&self, line: &mut dyn FnMut(&str)) -> Result<Vec<PathBuf>, BuildError> {
        host::fs::create_dir_all(self.output)?;
        self.command().run_by_line(line).map_err(|error| self.failed(error))?;
        let programs: Vec<_> = self.programs.iter().map(|name| self.program(name)).collect();
        for program in &programs {
            check_program(program, self.way.arch)?;
            make_executable(program)?;
        }
        Ok(programs)
    }

    fn failed(&self, error: RunError) -> BuildError {
        let source = Box::new(error);
        if source.stderr.contains("error: no bin target named ") {
            return BuildError::NoProgram { checkout: self.checkout.dir().to_owned(), source };
        }
        let programs = self.programs.to_vec();
        BuildError::Cargo { programs, arch: self.way.arch, source }
    }
}

/// Returns flags of the compiler as cargo takes them: the variable and its
/// value (the Cargo book, "Environment Variables"). Either stands above all
/// files; only the encoded one can hold blanks, and only the other be read.
fn encoded(flags: &[OsString]) -> (&'static str, OsString) {
    let blank = flags.iter().any(|flag| flag.to_string_lossy().contains(char::is_whitespace));
    match blank {
        true => ("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}".as_ref())),
        false => ("RUSTFLAGS", flags.join(" ".as_ref())),
    }
}

/// Returns where cargo keeps the sources of other packages.
fn cargo_home() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let home = || Some(PathBuf::from(variable("HOME")?).join(".cargo"));
    variable("CARGO_HOME").map(PathBuf::from).or_else(home)
}

/// Gives a program the mode that it has under any umask.
fn make_executable(program: &Path) -> Result<(), IoError> {
    const MODE: u32 = 0o755;
    let mode = program.metadata().io_context("read", program)?.permissions().mode();
    if mode & 0o7777 != MODE {
        std::fs::set_permissions(program, Permissions::from_mode(MODE))
            .io_context("set the mode of", program)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_with_blanks_are_kept_together() {
        let flags = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let cases = [
            (flags(&["-a", "-b=c"]), ("RUSTFLAGS", "-a -b=c")),
            (flags(&["-a", "-b=c d"]), ("CARGO_ENCODED_RUSTFLAGS", "-a\u{1f}-b=c d")),
        ];
        for (flags, (variable, value)) in cases {
            assert_eq!(encoded(&flags), (variable, OsString::from(value)));
        }
    }
}
