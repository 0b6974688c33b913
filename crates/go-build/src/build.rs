//! One run of the Go compiler.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::num::NonZeroUsize;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bpf_arch::Arch;
use host::fs::{IoContext, IoError};
use host::{Cmd, RunError};

use crate::{Module, Toolchain};

/// A package `main` of a module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Package {
    /// Its path in the module, as `./cmd/tool`.
    pub path: String,
    /// Flags for the linker, such as `-s -w`.
    pub ldflags: Option<String>,
}

/// Programs of one module that are built for one architecture.
#[derive(Clone, Copy, Debug)]
pub struct Build<'a> {
    /// What builds.
    pub toolchain: &'a Toolchain,
    /// The module.
    pub module: &'a Module,
    /// The packages, whose last names differ; at least one.
    pub packages: &'a BTreeSet<Package>,
    /// What the programs are for.
    pub arch: Arch,
    /// How many compilations run at once.
    pub jobs: NonZeroUsize,
    /// The directory they are put into, as absolute path. Nothing else
    /// may write there meanwhile.
    pub output: &'a Path,
}

/// Why programs were not built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The compiler failed.
    #[error("failed to build {packages} for {arch}")]
    Go {
        /// The packages.
        packages: String,
        /// What they were for.
        arch: Arch,
        /// What the compiler says is in it.
        source: Box<RunError>,
    },
    /// A package is a library.
    #[error("`{package}` is package `{name}`, and a program is package `main`")]
    NotMain {
        /// The package's path.
        package: String,
        /// What its files say it is.
        name: String,
    },
    /// What was built is no program.
    #[error("`{package}` is no program, which would be package `main`")]
    NoProgram {
        /// The package.
        package: String,
    },
    /// The program is to be where there is a directory.
    #[error("`{}` is a directory, and the program is to be a file", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
    },
    /// A directory or program is not as it should be.
    #[error(transparent)]
    Io(#[from] IoError),
}

/// What would otherwise depend on the machine: each level is the one that all
/// machines of the architecture have, and what Go takes if nothing is said.
const FIXED: [(&str, &str); 9] = [
    // Not empty: then a `go env -w GOFLAGS=…` of the user counted.
    ("GOFLAGS", "-trimpath -buildvcs=false"),
    ("CGO_ENABLED", "0"),
    ("GOOS", "linux"),
    ("GOAMD64", "v1"),
    ("GOARM64", "v8.0"),
    ("GOPPC64", "power8"),
    ("GOFIPS140", "off"),
    ("GOTOOLCHAIN", "local"),
    ("GOWORK", "off"),
];

/// What the compiler sees of the environment: where it keeps and gets things,
/// and nothing that changes what it makes.
const KEPT_ENV: [&str; 31] = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "GOROOT",
    "GOPATH",
    "GOCACHE",
    "GOENV",
    "GOMODCACHE",
    "GOPROXY",
    "GOPRIVATE",
    "GONOPROXY",
    "GOSUMDB",
    "GONOSUMDB",
    "GOINSECURE",
    "GOAUTH",
    "NETRC",
    "GOMAXPROCS",
    "SSH_AUTH_SOCK",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

impl Package {
    /// Returns the name of the program: the last of the path.
    pub fn program(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

impl Build<'_> {
    /// Returns the command that builds, to be shown or run.
    pub fn command(&self) -> Cmd {
        let mut command = self
            .go()
            .args(["build", "-p", &self.jobs.to_string(), "-o"])
            // With a slash: the directory, however few the packages.
            .arg(format!("{}/", self.output.display()));
        for Package { path, ldflags } in self.packages {
            if let Some(flags) = ldflags {
                command = command.arg(format!("-ldflags={path}={flags}"));
            }
        }
        command.args(self.packages.iter().map(|package| &package.path))
    }

    /// Returns Go without arguments, in the module.
    fn go(&self) -> Cmd {
        go(self.toolchain, self.module.dir(), self.arch)
    }

    /// Builds the programs and hands on the compiler's lines; returns where
    /// they are, in the order of the packages. One that is up to date is left
    /// as it is.
    ///
    /// # Errors
    ///
    /// Fails if a package is no program, the compiler fails, or a file cannot
    /// be written.
    pub fn run(&self, line: &mut dyn FnMut(&str)) -> Result<Vec<PathBuf>, BuildError> {
        host::fs::create_dir_all(self.output)?;
        // Go moves what it has linked: a half of it must not be left where
        // the next run would take it for the whole.
        let scratch = Scratch::new(self.output.join(SCRATCH))?;
        let failed = |error| BuildError::Go {
            packages: self.names(),
            arch: self.arch,
            source: Box::new(error),
        };
        self.check_main().map_err(failed)??;
        self.command().env("GOTMPDIR", &scratch.0).run_by_line(line).map_err(failed)?;
        let programs: Vec<PathBuf> =
            self.packages.iter().map(|package| self.output.join(package.program())).collect();
        programs.iter().try_for_each(|program| make_executable(program))?;
        Ok(programs)
    }

    /// Checks that all packages are programs. Of several, Go builds those that
    /// are and says nothing of the others, so that a program that an earlier
    /// run built would be taken for one of now.
    fn check_main(&self) -> Result<Result<(), BuildError>, RunError> {
        let names = self
            .go()
            .args(["list", "-e", "-find", "-f", "{{.Name}}"])
            .args(self.packages.iter().map(|package| &package.path))
            .run()?;
        let names = String::from_utf8_lossy(&names.stdout).into_owned();
        // One that cannot be read has no name; why not, the build says.
        let named = self.packages.iter().zip(names.lines());
        let mut libraries = named.filter(|(_, name)| !["", "main"].contains(name));
        Ok(libraries.next().map_or(Ok(()), |(Package { path, .. }, name)| {
            Err(BuildError::NotMain { package: path.clone(), name: name.to_owned() })
        }))
    }

    fn names(&self) -> String {
        let names: Vec<String> =
            self.packages.iter().map(|package| format!("`{}`", package.path)).collect();
        names.join(", ")
    }
}

/// Returns Go without arguments, in a directory and for an architecture.
pub(crate) fn go(toolchain: &Toolchain, dir: &Path, arch: Arch) -> Cmd {
    let go = Cmd::new(toolchain.path()).dir(dir).keep_env(&KEPT_ENV);
    let go = FIXED.into_iter().fold(go, |go, (key, value)| go.env(key, value));
    go.env("GOARCH", arch.goarch())
}

/// Where Go works, on the file system of what it makes.
const SCRATCH: &str = ".building";

/// An empty directory, which goes with the value.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Makes the directory; what a killed run left there goes.
    pub(crate) fn new(path: PathBuf) -> Result<Scratch, IoError> {
        let _ = std::fs::remove_dir_all(&path);
        host::fs::create_dir_all(&path)?;
        Ok(Scratch(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Gives a program the mode that it has under any umask.
pub(crate) fn make_executable(program: &Path) -> Result<(), IoError> {
    const MODE: u32 = 0o755;
    let mode = program.metadata().io_context("read", program)?.permissions().mode();
    if mode & 0o7777 != MODE {
        std::fs::set_permissions(program, Permissions::from_mode(MODE))
            .io_context("set the mode of", program)?;
    }
    Ok(())
}
