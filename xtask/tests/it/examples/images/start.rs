//! The programs start in the root file system of their image, as the user of
//! their image: on this machine, or in QEMU's user mode.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bpf_arch::Arch;
use oci::Image;

use super::{Built, PROGRAMS, program};
use crate::cli::machine::is_root;
use crate::support::{Run, finish};

/// The name under which QEMU lies in a root file system.
const QEMU: &str = "qemu";

/// A root file system, and how programs are run in it.
struct Root {
    dir: tempfile::TempDir,
    /// What runs programs of another machine.
    qemu: Option<PathBuf>,
}

/// Returns the program that runs those of an architecture; `Ok(None)` if none
/// is needed, `Err` where it is not installed.
pub fn qemu(arch: Arch) -> Result<Option<PathBuf>, ()> {
    if Arch::host() == Some(arch) {
        return Ok(None);
    }
    let name = match arch {
        Arch::Amd64 => "qemu-x86_64-static",
        Arch::Arm64 => "qemu-aarch64-static",
        Arch::Ppc64le => "qemu-ppc64le-static",
        Arch::S390x => "qemu-s390x-static",
        other => panic!("no image is for {other}"),
    };
    test_support::tool(name).map(Some).ok_or(())
}

impl Root {
    /// Unpacks an image.
    fn new(image: &Image, qemu: Option<&Path>) -> Root {
        let dir = tempfile::tempdir().unwrap();
        let entry = program(image);
        let path = dir.path().join(&entry.name);
        std::fs::write(&path, entry.bytes).unwrap();
        // To others than its owner, a temporary directory is closed.
        for (path, mode) in [(dir.path(), 0o755), (&path, entry.mode)] {
            std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        }
        if let Some(qemu) = qemu {
            std::fs::copy(qemu, dir.path().join(QEMU)).unwrap();
        }
        Root { dir, qemu: qemu.map(Path::to_owned) }
    }

    /// Returns the command that runs a program of the image; where only root
    /// could change root and user, it sees the whole machine.
    fn command(&self, args: &[&str]) -> Command {
        let mut command;
        if is_root() {
            command = Command::new("chroot");
            command.arg("--userspec=65534:65534").arg(self.dir.path());
            command.args(self.qemu.as_ref().map(|_| format!("/{QEMU}"))).args(args);
        } else if self.qemu.is_some() {
            command = Command::new(self.dir.path().join(QEMU));
            command.args(args);
        } else {
            command = Command::new(self.dir.path().join(args[0]));
            command.args(&args[1..]);
        }
        command.current_dir(self.dir.path()).env_clear().stdin(Stdio::null());
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command
    }

    fn run(&self, args: &[&str]) -> Run {
        finish(self.command(args).output().unwrap())
    }
}

/// Calls `check` with each program that can be run here.
fn for_each(arch: Arch, check: impl Fn(&str, &Root, &[String])) {
    let Some(built) = Built::get() else { return };
    let Ok(qemu) = qemu(arch) else { return };
    for name in PROGRAMS {
        let images = built.images(name);
        let is_it = |image: &&Image| image.platform().to_string() == arch.platform();
        let image = images.iter().find(is_it).unwrap();
        let root = Root::new(image, qemu.as_deref());
        check(name, &root, &image.config().config.entrypoint);
    }
}

fn help_is_printed(arch: Arch) {
    for_each(arch, |name, root, _| {
        let run = root.run(&[&format!("./{name}"), "--help"]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{name} for {arch}: {}", run.stdout);
        assert!(
            run.stdout.starts_with(&format!("{name} logs ")),
            "{name} for {arch}: {}",
            run.stdout
        );
        assert!(run.stdout.contains(&format!("\nUsage:\n  {name}")), "{}", run.stdout);
    });
}

/// Without what Kubernetes mounts, a counter says what it lacks; the program
/// that is only watched lacks nothing.
fn the_entrypoint_is_understood(arch: Arch) {
    for_each(arch, |name, root, entrypoint| {
        let args: Vec<_> = entrypoint.iter().map(String::as_str).collect();
        assert_eq!(args, [&format!("./{name}"), "--crd"]);
        if name == "go-target" {
            return counts_until_it_is_told_to_stop(root, &args, arch);
        }
        let run = root.run(&args);
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{name} for {arch}: {}", run.stderr);
        // QEMU has no eBPF; then that is why.
        let why = match root.qemu {
            None => "it is not there; does the pod mount a volume of csi.bpfman.io with it?\n",
            Some(_) => "function not implemented\n",
        };
        let lines: Vec<_> = run.stderr.split_inclusive('\n').collect();
        let [line] = lines[..] else { panic!("{name} for {arch}: {}", run.stderr) };
        let (_, said) = line.split_once(" error: ").unwrap();
        let is_named = said.starts_with("open the map /run/") && said.contains("_stats_map: ");
        assert!(is_named && said.ends_with(why), "{name} for {arch}: {line}");
    });
}

fn counts_until_it_is_told_to_stop(root: &Root, args: &[&str], arch: Arch) {
    use std::io::{BufRead as _, BufReader, Read as _};
    let mut child = root.command(args).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    crate::robust::send("TERM", child.id());
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert!(line.ends_with(" Count: 1\n"), "{arch}: {line}{rest}");
    assert!(rest.ends_with(" Exiting...\n"), "{arch}: {rest}");
    assert_eq!(child.wait().unwrap().code(), Some(0), "{arch}");
}

#[test]
fn amd64() {
    help_is_printed(Arch::Amd64);
    the_entrypoint_is_understood(Arch::Amd64);
}

#[test]
fn arm64() {
    help_is_printed(Arch::Arm64);
    the_entrypoint_is_understood(Arch::Arm64);
}

#[test]
fn ppc64le() {
    help_is_printed(Arch::Ppc64le);
    the_entrypoint_is_understood(Arch::Ppc64le);
}

#[test]
fn s390x() {
    help_is_printed(Arch::S390x);
    the_entrypoint_is_understood(Arch::S390x);
}
