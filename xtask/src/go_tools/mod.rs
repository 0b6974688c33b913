//! Go programs for tests and measurements: built once into a cache of the
//! user's, found there ever after.
//!
//! Distributions have few of them, or old ones. Each is built from a module
//! of its own, so that none has a say in the versions of another. Programs of
//! one version are never built again; a new version gets a new folder.

mod list;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use host::{Cmd, Lock};
use oci::Digest;
use ui::{Exit, Failure};

pub(crate) use list::{GO_TOOLS, GoTool, Use};

use crate::context::Context;
use crate::tools;

/// Where the programs are, below the user's cache directory.
const FOLDER: &str = "bpfman-image-factory/go-tools";

impl GoTool {
    /// Returns the program's path, or `None` if it was not built here.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        host::find_tool(self.directory()?.join(self.name))
    }

    /// Returns the version of the module.
    pub(crate) fn version(&self) -> &'static str {
        self.version.trim_start_matches('v')
    }

    fn directory(&self) -> Option<PathBuf> {
        Some(folder()?.join(self.key()))
    }

    /// Returns what names this program and no other one.
    fn key(&self) -> String {
        let key = format!("{}-{}", self.name, self.version);
        match self.main {
            Some(main) => format!("{key}-{}", &Digest::of(main.as_bytes()).hex()[..12]),
            None => key,
        }
    }

    fn go_mod(&self) -> String {
        let (go, module, version) = (list::GO, self.module, self.version);
        let mut text = format!("module built.local\n\ngo {go}\n\nrequire {module} {version}\n");
        for exclude in self.excludes {
            text += &format!("exclude {exclude}\n");
        }
        text
    }
}

/// Returns the programs that are used for any of these.
pub(crate) fn used_for(uses: &[Use]) -> Vec<&'static GoTool> {
    GO_TOOLS.iter().filter(|tool| uses.contains(&tool.used)).collect()
}

/// Returns the directories of the programs that are there, as PATH lists
/// them: what crate `test-support` is handed.
pub(crate) fn search_path() -> OsString {
    let found = GO_TOOLS.iter().filter(|tool| tool.path().is_some());
    // A directory with a colon in its name cannot be listed.
    std::env::join_paths(found.filter_map(GoTool::directory)).unwrap_or_default()
}

/// Builds the programs that are not there, one after another.
///
/// # Errors
///
/// Fails where Go is missing, or cannot build one of them.
pub(crate) fn build_missing(tools: &[&GoTool], cx: &Context<'_>) -> Result<(), Failure> {
    let missing: Vec<_> = tools.iter().filter(|tool| tool.path().is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(|tool| format!("`{}`", tool.name)).collect();
    let folder = folder().ok_or_else(|| {
        Failure::missing("neither XDG_CACHE_HOME nor HOME says where built programs can be kept")
    })?;
    let go = host::find_tool("go").ok_or_else(|| {
        Failure::missing(format!("Go is missing to build {}", names.join(", ")))
            .hint(tools::how_to_install(&["go"]))
    })?;
    host::fs::create_dir_all(&folder)?;
    missing.into_iter().try_for_each(|tool| {
        build(tool, &folder, &go, cx)
            .map_err(|failure| failure.context(format!("failed to build `{}`", tool.name)))
    })
}

/// Builds one beside its place and moves it there whole.
fn build(tool: &GoTool, folder: &Path, go: &Path, cx: &Context<'_>) -> Result<(), Failure> {
    let key = tool.key();
    let _alone = Lock::exclusive(&folder.join(format!("{key}.lock")))?;
    if tool.path().is_some() {
        return Ok(()); // Another run has built it meanwhile.
    }
    cx.ui.step("Building", format_args!("{} {} with Go", tool.name, tool.version));
    let (place, work) = (folder.join(&key), folder.join(format!("{key}.building")));
    // What a killed run left behind.
    remove(&place)?;
    remove(&work)?;
    let done = work.join("done");
    host::fs::create_dir_all(&done)?;
    host::fs::write_atomic(&work.join("go.mod"), tool.go_mod().as_bytes())?;
    if let Some(main) = tool.main {
        host::fs::write_atomic(&work.join("main.go"), main.as_bytes())?;
    }
    let built = compile(tool, go, &work, &done.join(tool.name), cx);
    let placed = built.and_then(|()| Ok(host::fs::rename(&done, &place)?));
    remove(&work)?;
    placed
}

/// Runs Go. `-mod=mod` lets it write into the new go.mod what the required
/// module requires.
fn compile(
    tool: &GoTool,
    go: &Path,
    work: &Path,
    program: &Path,
    cx: &Context<'_>,
) -> Result<(), Failure> {
    let package = match tool.main {
        Some(_) => ".".to_owned(),
        None => format!("{}{}", tool.module, tool.package),
    };
    let command = Cmd::new(go)
        .args(["build", "-trimpath", "-buildvcs=false", "-mod=mod"])
        .args(["-p", &cx.jobs.to_string()])
        .arg("-o")
        .arg(program)
        .arg(package)
        .dir(work)
        .env("CGO_ENABLED", "0")
        .env("GOTOOLCHAIN", "local")
        .env("GOWORK", "off")
        .env("GOOS", "")
        .env("GOARCH", "");
    cx.ui.command(&command);
    match command.run() {
        Ok(_) => Ok(()),
        Err(error) => {
            let said = error.stderr.clone();
            Err(Failure::new(Exit::Failed, error).detail(said))
        }
    }
}

fn remove(dir: &Path) -> Result<(), Failure> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        result => Ok(host::fs::IoContext::io_context(result, "remove", dir)?),
    }
}

/// Returns the folder of all of them.
fn folder() -> Option<PathBuf> {
    Some(user_cache()?.join(FOLDER))
}

/// Returns the user's cache directory: `XDG_CACHE_HOME`, which counts only if
/// absolute, or `~/.cache` (XDG Base Directory Specification).
pub(crate) fn user_cache() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|it| it.is_absolute());
    variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")))
}
