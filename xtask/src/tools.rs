//! Every program that the commands run: what for, and how to get it.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use bpf_build::Compiler;
use host::Cmd;
use ui::Failure;

use crate::context::Context;

/// What a tool is needed for. Each need includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum For {
    /// `build-ebpf` and `build-images`.
    Building,
    /// `test`.
    Testing,
    /// `test --slow`.
    TestingSlowly,
}

/// One program.
#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) needed: For,
    pub(crate) purpose: &'static str,
    /// Packages of apt, dnf, pacman, apk and zypper; empty where the
    /// distribution has none.
    packages: [&'static str; 5],
}

/// A way to install packages.
struct Manager {
    program: &'static str,
    install: &'static str,
}

/// The order is that of [`Tool::packages`].
const MANAGERS: [Manager; 5] = [
    Manager { program: "apt-get", install: "apt-get install -y --no-install-recommends" },
    Manager { program: "dnf", install: "dnf install -y" },
    Manager { program: "pacman", install: "pacman -S --needed --noconfirm" },
    Manager { program: "apk", install: "apk add" },
    Manager { program: "zypper", install: "zypper install -y" },
];

#[rustfmt::skip]
pub(crate) static TOOLS: &[Tool] = {
    use For::{Building, Testing, TestingSlowly};
    const fn tool(
        name: &'static str, needed: For, purpose: &'static str, packages: [&'static str; 5],
    ) -> Tool {
        Tool { name, needed, purpose, packages }
    }
    &[
        tool("clang", Building, "compiles eBPF programs", ["clang", "clang", "clang", "clang", "clang"]),
        tool("git", Testing, "shows what the checkout holds", ["git", "git", "git", "git", "git"]),
        tool("make", Testing, "builds the examples", ["make", "make", "make", "make", "make"]),
        tool("skopeo", Testing, "reads the images back", ["skopeo", "skopeo", "skopeo", "skopeo", "skopeo"]),
        tool("podman", Testing, "reads the images back", ["podman", "podman", "podman", "podman", "podman"]),
        tool("containerd", Testing, "takes the images", ["containerd", "containerd", "containerd", "containerd", "containerd"]),
        tool("ctr", Testing, "takes the images to containerd", ["containerd", "containerd", "containerd", "containerd-ctr", "containerd-ctr"]),
        tool("umoci", Testing, "unpacks an image", ["umoci", "", "umoci", "umoci", "umoci"]),
        tool("bpftool", Testing, "loads the objects with libbpf", ["bpftool", "bpftool", "bpf", "bpftool", "bpftool"]),
        tool("readelf", Testing, "reads the objects as well", ["binutils", "binutils", "binutils", "binutils", "binutils"]),
        tool("llvm-readelf", Testing, "reads the objects as well", ["llvm", "llvm", "llvm", "llvm", "llvm"]),
        tool("docker-registry", Testing, "is pushed to and pulled from", ["docker-registry", "", "", "docker-registry", ""]),
        tool("htpasswd", Testing, "makes the registry's passwords", ["apache2-utils", "httpd-tools", "apache", "apache2-utils", "apache2-utils"]),
        tool("openssl", Testing, "makes the registry's certificates", ["openssl", "openssl", "openssl", "openssl", "openssl"]),
        tool("runc", TestingSlowly, "runs what buildkitd builds", ["runc", "runc", "runc", "runc", "runc"]),
        tool("dockerd", TestingSlowly, "takes the images", ["docker.io", "moby-engine", "docker", "docker", "docker"]),
        tool("go", TestingSlowly, "builds the Go programs of the tests", ["", "golang", "go", "go", "go"]),
        tool("clang-16", TestingSlowly, "the same suite with another LLVM", ["clang-16", "", "", "", ""]),
        tool("clang-22", TestingSlowly, "the same suite with the newest LLVM", ["clang-22", "", "", "", ""]),
    ]
};

impl Tool {
    /// Returns the program's path, or `None` if it is not there.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        host::find_tool(self.name)
    }
}

/// Returns the tools that are needed and not there. Building takes any clang
/// that it would find; the tests want the one of that name.
pub(crate) fn missing(needed: For) -> Vec<&'static Tool> {
    let other = needed == For::Building && Compiler::default_program().is_some();
    let is_there = |tool: &Tool| tool.path().is_some() || tool.name == "clang" && other;
    TOOLS.iter().filter(|tool| tool.needed <= needed && !is_there(tool)).collect()
}

/// Returns a hint: the command of this machine that installs the tools.
pub(crate) fn how_to_install(names: &[&str]) -> String {
    let tools: Vec<&Tool> = TOOLS.iter().filter(|tool| names.contains(&tool.name)).collect();
    match command(&tools) {
        Some(command) if host::find_tool("apt-get").is_some() => {
            format!("`{command}` installs it, and so does `--install-deps`")
        }
        Some(command) => format!("`{command}` installs it"),
        None => format!("install the packages: {}", every_name(&tools)),
    }
}

/// Returns the command that installs `tools` here, or `None` where no known
/// package manager is.
fn command(tools: &[&Tool]) -> Option<String> {
    let (index, manager) =
        MANAGERS.iter().enumerate().find(|(_, m)| host::find_tool(m.program).is_some())?;
    let mut packages: Vec<_> =
        tools.iter().map(|tool| tool.packages[index]).filter(|name| !name.is_empty()).collect();
    packages.sort_unstable();
    packages.dedup();
    let sudo = if host::is_root() { "" } else { "sudo " };
    (!packages.is_empty()).then(|| format!("{sudo}{} {}", manager.install, packages.join(" ")))
}

/// Returns the package names for each manager.
fn every_name(tools: &[&Tool]) -> String {
    let mut text = String::new();
    for (index, manager) in MANAGERS.iter().enumerate() {
        let names: Vec<_> =
            tools.iter().map(|tool| tool.packages[index]).filter(|name| !name.is_empty()).collect();
        let separator = if index == 0 { "" } else { "; " };
        let _ = write!(text, "{separator}{} ({})", names.join(" "), manager.program);
    }
    text
}

/// Installs what is missing with apt, printing each command first.
///
/// # Errors
///
/// Fails where apt is not the machine's package manager, naming the packages,
/// and where it does not do its work.
pub(crate) fn install(cx: &Context<'_>, needed: For) -> Result<(), Failure> {
    let missing = missing(needed);
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(|tool| format!("`{}`", tool.name)).collect();
    if host::find_tool("apt-get").is_none() {
        let message = format!("{} missing, and this machine has no apt", names.join(", "));
        return Err(Failure::missing(message).hint(match command(&missing) {
            Some(command) => format!("install them: `{command}`"),
            None => format!("install the packages: {}", every_name(&missing)),
        }));
    }
    let root = host::is_root();
    if !root && host::find_tool("sudo").is_none() {
        let message =
            format!("{} missing, and neither root nor sudo to install them", names.join(", "));
        let failure = Failure::missing(message);
        return Err(match command(&missing) {
            Some(command) => {
                failure.hint(format!("run as root: `{}`", command.trim_start_matches("sudo ")))
            }
            None => failure,
        });
    }
    // The lists of a fresh machine are empty or old.
    let update = if root { "apt-get update" } else { "sudo apt-get update" };
    let install = command(&missing)
        .ok_or_else(|| Failure::missing(format!("no packages known for {}", names.join(", "))))?;
    for line in [update, &install] {
        cx.ui.note(format_args!("$ {line}"));
        run_line(line).map_err(|error| {
            Failure::new(ui::Exit::Failed, error)
                .context(format!("failed to install {}", names.join(", ")))
        })?;
    }
    let still: Vec<_> = self::missing(needed).iter().map(|tool| tool.name).collect();
    if still.is_empty() {
        Ok(())
    } else {
        Err(Failure::missing(format!("still missing after installing: {}", still.join(", "))))
    }
}

/// Runs a command line without quoting, its output where the user sees it:
/// on standard error, for standard output is for results.
fn run_line(line: &str) -> anyhow::Result<()> {
    let mut words = line.split(' ');
    let program = words.next().ok_or_else(|| anyhow!("an empty command"))?;
    Cmd::new(program)
        .args(words)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .run_visibly()
        .with_context(|| format!("`{line}` failed"))
}
