//! `--install-deps`: what is missing is installed with apt, and each command
//! is said before it runs.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::machine::{Machine, clang, is_root};
use crate::support::{Checkout, LIBBPF, Run, finish};

const INSTALL: &str = "apt-get install -y --no-install-recommends";

/// Returns `sudo ` where it is needed.
fn sudo() -> &'static str {
    if is_root() { "" } else { "sudo " }
}

/// A sudo that runs what it is given.
fn with_sudo(machine: Machine) -> Machine {
    machine.stand_in("sudo", "exec \"$@\"")
}

fn build(machine: &Machine, checkout: &Checkout) -> Run {
    let libbpf = LIBBPF.display().to_string();
    let args = ["build-images", "--libbpf-dir", &libbpf, "--install-deps", "--to", "oci:out"];
    machine.run(checkout, &args)
}

fn checkout() -> Checkout {
    Checkout::with_source(include_str!("../../../../bpf/xdp_pass.bpf.c"))
}

#[test]
fn a_missing_compiler_is_installed_and_used() {
    let Some(clang) = clang() else { return };
    let machine = with_sudo(Machine::new().apt(&[("clang", clang)]));
    let checkout = checkout();
    let run = build(&machine, &checkout);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let sudo = sudo();
    let expected =
        format!("$ {sudo}apt-get update\nchatting\n$ {sudo}{INSTALL} clang\nchatting\n  Compiled ");
    assert!(run.stderr.starts_with(&expected), "{}", run.stderr);
    let [line] = run.stdout.lines().collect::<Vec<_>>()[..] else { panic!("{}", run.stdout) };
    assert!(line.starts_with("quay.io/o/one:latest@sha256:"), "{line}");
    let ran = machine.log();
    let apt: Vec<_> = ran.lines().filter(|line| line.starts_with("apt-get")).collect();
    assert_eq!(apt, ["apt-get update", &format!("{INSTALL} clang")]);
    // Now that it is there, nothing is installed.
    let again = build(&machine, &checkout);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(machine.log(), ran);
    assert!(!again.stderr.contains("apt-get"), "{}", again.stderr);
}

#[test]
fn where_apt_fails_its_status_is_said() {
    let sudo = sudo();
    let program = if sudo.is_empty() { "apt-get" } else { "sudo" };
    // The script, the command that fails, its status; then what ran.
    let cases = [
        ("exit 100", "apt-get update".to_owned(), "100"),
        ("[ \"$1\" = update ] || exit 42", format!("{INSTALL} clang"), "42"),
    ];
    for (script, failing, status) in cases {
        let machine = with_sudo(Machine::new().stand_in("apt-get", script));
        let run = build(&machine, &checkout());
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{}", run.stderr);
        let expected = format!(
            "error: failed to install `clang`\n  Caused by: `{sudo}{failing}` failed\n  \
             Caused by: `{program}` exited with status {status}\n"
        );
        let (_, said) = run.stderr.split_once("error: ").unwrap();
        assert_eq!(format!("error: {said}"), expected);
    }
}

#[test]
fn an_apt_that_installs_nothing_is_not_believed() {
    let machine = with_sudo(Machine::new().manager("apt-get"));
    let run = build(&machine, &checkout());
    assert_eq!((run.code, run.stdout.as_str()), (3, ""), "{}", run.stderr);
    assert!(
        run.stderr.ends_with("error: still missing after installing: clang\n"),
        "{}",
        run.stderr
    );
}

#[test]
fn without_apt_the_packages_are_named() {
    let sudo = sudo();
    // The package manager that is there, and the hint.
    let cases: [(Option<&str>, String); 5] = [
        (Some("dnf"), format!("install them: `{sudo}dnf install -y clang`")),
        (Some("pacman"), format!("install them: `{sudo}pacman -S --needed --noconfirm clang`")),
        (Some("apk"), format!("install them: `{sudo}apk add clang`")),
        (Some("zypper"), format!("install them: `{sudo}zypper install -y clang`")),
        (
            None,
            "install the packages: clang (apt-get); clang (dnf); clang (pacman); clang (apk); \
             clang (zypper)"
                .to_owned(),
        ),
    ];
    for (manager, hint) in cases {
        let machine = Machine::new();
        let machine = match manager {
            Some(manager) => machine.manager(manager),
            None => machine,
        };
        let run = build(&machine, &checkout());
        let expected =
            format!("error: `clang` missing, and this machine has no apt\n\nhint: {hint}\n");
        assert_eq!((run.code, run.stdout.as_str(), run.stderr), (3, "", expected));
        assert_eq!(machine.log(), "", "nothing was run");
    }
}

#[test]
fn testing_names_its_packages_by_the_names_of_the_distribution() {
    let machine = Machine::new().manager("pacman");
    let run = machine.run(&Checkout::cold(), &["doctor", "--install-deps"]);
    let expected = format!(
        "error: `clang`, `git`, `make`, `skopeo`, `podman`, `containerd`, `ctr`, `umoci`, \
         `bpftool`, `readelf`, `llvm-readelf`, `docker-registry`, `htpasswd`, `openssl`, \
         `qemu-aarch64-static`, `qemu-ppc64le-static`, `qemu-s390x-static` missing, and this machine has no apt\n\nhint: install them: `{}pacman -S \
         --needed --noconfirm apache binutils bpf clang containerd git llvm make openssl podman qemu-user-static skopeo umoci`\n",
        sudo()
    );
    assert_eq!((run.code, run.stdout.as_str(), run.stderr), (3, "", expected));
}

/// Runs `doctor --install-deps` as a user without rights.
fn as_nobody(machine: &Machine, setpriv: &Path) -> Run {
    // The user must be able to reach program and checkout.
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let program = dir.path().join("program");
    std::fs::copy(env!("CARGO_BIN_EXE_xtask"), &program).unwrap();
    std::fs::create_dir(dir.path().join("xtask")).unwrap();
    let mut command = Command::new(setpriv);
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program);
    command.args(["doctor", "--install-deps"]).current_dir("/").env_clear();
    command.env("CARGO_MANIFEST_DIR", dir.path().join("xtask")).env("PATH", machine.bin());
    finish(command.output().unwrap())
}

#[test]
fn who_is_not_root_goes_through_sudo() {
    let Some(setpriv) = test_support::tool("setpriv") else { return };
    if !is_root() {
        // Every test above then ran as such a user.
        return test_support::not_run("root", "only root can become somebody else");
    }
    let names = [
        "clang",
        "git",
        "make",
        "skopeo",
        "podman",
        "containerd",
        "ctr",
        "umoci",
        "bpftool",
        "readelf",
        "llvm-readelf",
        "docker-registry",
        "htpasswd",
        "openssl",
        "qemu-aarch64-static",
        "qemu-ppc64le-static",
        "qemu-s390x-static",
    ];
    let programs = names.map(|name| (name, PathBuf::from("/bin/true")));
    let packages = "apache2-utils binutils bpftool clang containerd docker-registry git llvm make openssl podman qemu-user-static skopeo umoci";

    let machine = with_sudo(Machine::new().apt(&programs));
    let run = as_nobody(&machine, &setpriv);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let expected =
        format!("$ sudo apt-get update\nchatting\n$ sudo {INSTALL} {packages}\nchatting\n");
    assert_eq!(run.stderr, expected);
    let expected = format!(
        "sudo apt-get update\napt-get update\nsudo {INSTALL} {packages}\n{INSTALL} {packages}\n"
    );
    assert_eq!(machine.log(), expected);

    let machine = Machine::new().apt(&programs);
    let run = as_nobody(&machine, &setpriv);
    let expected = format!(
        "error: {} missing, and neither root nor sudo to install them\n\nhint: run as root: \
         `{INSTALL} {packages}`\n",
        names.map(|name| format!("`{name}`")).join(", ")
    );
    assert_eq!((run.code, run.stdout.as_str(), run.stderr), (3, "", expected));
    assert_eq!(machine.log(), "", "nothing was run");
}
