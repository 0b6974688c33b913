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
    /// `build-images` of programs in Go, and of programs in Rust for other
    /// machines. The tests do without where it is not.
    BuildingPrograms,
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
    use For::{Building, BuildingPrograms, Testing, TestingSlowly};
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
        tool("qemu-aarch64-static", Testing, "runs programs for arm64", ["qemu-user-static", "qemu-user-static-aarch64", "qemu-user-static", "", ""]),
        tool("qemu-ppc64le-static", Testing, "runs programs for ppc64le", ["qemu-user-static", "qemu-user-static-ppc", "qemu-user-static", "", ""]),
        tool("qemu-s390x-static", Testing, "runs programs for s390x", ["qemu-user-static", "qemu-user-static-s390x", "qemu-user-static", "", ""]),
        tool("runc", TestingSlowly, "runs what buildkitd builds", ["runc", "runc", "runc", "runc", "runc"]),
        tool("mmdebstrap", TestingSlowly, "makes the base of an image", ["mmdebstrap", "", "", "", ""]),
        tool("dockerd", TestingSlowly, "takes the images", ["docker.io", "moby-engine", "docker", "docker", "docker"]),
        tool("go", BuildingPrograms, "builds the user-space programs, and tools for tests", ["golang-go", "golang", "go", "go", "go"]),
        tool("python3", BuildingPrograms, "fetches zig, which links Rust programs for other machines", ["python3-venv", "python3", "python", "python3", "python3"]),
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

/// Returns a hint: how to get the clang of a version such as `16.0.6`, and how
/// it is used.
pub(crate) fn how_to_get_clang(version: &str) -> String {
    let major = version.split('.').next().unwrap_or_default();
    let program = format!("clang-{major}");
    if host::find_tool(&program).is_some() {
        return format!("`--clang {program}` compiles with the one that is recorded");
    }
    let sudo = if host::is_root() { "" } else { "sudo " };
    // Of the managers, apt has packages for each version.
    let how = match MANAGERS.iter().find(|manager| host::find_tool(manager.program).is_some()) {
        Some(manager) if manager.program == "apt-get" => {
            format!("`{sudo}{} {program}` installs it", manager.install)
        }
        _ => format!("install clang {major}"),
    };
    format!("{how}; `--clang {program}` then compiles with it")
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
    check_apt(&missing)?;
    // The lists of a fresh machine are empty or old.
    let update = update();
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

/// Adds the ways out to the failure that there is no Go, or an old one.
pub(crate) fn without_go(failure: Failure) -> Failure {
    failure
        .hint("`https://go.dev/dl/` has the newest Go: unpack it and put its `bin` on PATH")
        .hint("`--engine docker` or `podman` builds in a container; `bytecode` selects the images that need no Go")
}

/// Installs Go with apt, if what apt has is new enough.
///
/// # Errors
///
/// Fails if it is not, saying where newer ones are, and as [`install`].
pub(crate) fn install_go(needed: go_build::Version, cx: &Context<'_>) -> Result<(), Failure> {
    let go: Vec<&Tool> = TOOLS.iter().filter(|tool| tool.name == "go").collect();
    check_apt(&go)?;
    let fail = |error| Failure::new(ui::Exit::Failed, error).context("failed to install Go");
    cx.ui.note(format_args!("$ {}", update()));
    run_line(update()).map_err(fail)?;
    let packages = go.iter().map(|tool| tool.packages[0]);
    let said = Cmd::new("apt-cache").arg("policy").args(packages).env("LC_ALL", "C").run()?;
    let offered = candidate(&String::from_utf8_lossy(&said.stdout));
    if offered.is_none_or(|offered| offered < needed) {
        let offered = offered.map_or("no Go".to_owned(), |version| format!("Go {version}"));
        let message = format!("apt has {offered}, and Go {needed} or newer is needed");
        return Err(without_go(Failure::missing(message)));
    }
    let Some(install) = command(&go) else { return Ok(()) };
    cx.ui.note(format_args!("$ {install}"));
    run_line(&install).map_err(fail)
}

/// Finds the version that apt would install: `Candidate: 2:1.19~1`.
fn candidate(policy: &str) -> Option<go_build::Version> {
    let version = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate: "))?;
    version.rsplit(':').next()?.parse().ok()
}

/// Checks that apt can install tools here; else says how they are installed.
fn check_apt(tools: &[&Tool]) -> Result<(), Failure> {
    let names: Vec<_> = tools.iter().map(|tool| format!("`{}`", tool.name)).collect();
    if host::find_tool("apt-get").is_none() {
        let message = format!("{} missing, and this machine has no apt", names.join(", "));
        return Err(Failure::missing(message).hint(match command(tools) {
            Some(command) => format!("install them: `{command}`"),
            None => format!("install the packages: {}", every_name(tools)),
        }));
    }
    if !host::is_root() && host::find_tool("sudo").is_none() {
        let message =
            format!("{} missing, and neither root nor sudo to install them", names.join(", "));
        let failure = Failure::missing(message);
        return Err(match command(tools) {
            Some(command) => {
                failure.hint(format!("run as root: `{}`", command.trim_start_matches("sudo ")))
            }
            None => failure,
        });
    }
    Ok(())
}

/// Gets apt's lists anew.
///
/// # Errors
///
/// Fails where apt does, or may not run.
pub(crate) fn update_lists(cx: &Context<'_>) -> Result<(), Failure> {
    cx.ui.note(format_args!("$ {}", update()));
    run_line(update()).map_err(|error| Failure::new(ui::Exit::Failed, error))
}

fn update() -> &'static str {
    if host::is_root() { "apt-get update" } else { "sudo apt-get update" }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_apt_would_install_is_read() {
        let cases = [
            (
                "golang-go:\n  Installed: (none)\n  Candidate: 2:1.19~1\n  Version table:\n",
                Some("1.19"),
            ),
            ("golang-go:\n  Candidate: 1.25.3-1+b2\n", Some("1.25.3")),
            ("golang-go:\n  Candidate: (none)\n", None),
            ("", None),
        ];
        for (policy, expected) in cases {
            let found = candidate(policy).map(|version| version.to_string());
            assert_eq!(found.as_deref(), expected, "{policy}");
        }
    }
}
