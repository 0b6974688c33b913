//! The example programs: Go's own tests of them, which run them beside a
//! stand-in for bpfman and with the eBPF objects that are built here, and what
//! they and this workspace must agree on.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use bpf_arch::Arch;

use crate::support::Checkout;

/// Names, for Go's tests, the directory of the compiled objects.
const OBJECTS: &str = "BPFMAN_EXAMPLES_OBJECTS";

/// What Go says of a module that needs a newer one.
const TOO_OLD: &str = "go.mod requires go >= ";

fn directory() -> PathBuf {
    test_support::workspace_root().join("examples")
}

/// Returns a command in `examples/`, to which go.mod and go.sum are as they
/// should be, and the checkout may be anybody's.
fn command(program: &str, args: &str) -> Command {
    let mut command = Command::new(program);
    command
        .args(args.split(' '))
        .current_dir(directory())
        .env("GOFLAGS", "-mod=readonly -buildvcs=false");
    command
}

/// Returns everything that the command wrote; it must succeed.
fn output(mut command: Command) -> String {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let all = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{all}", output.status);
    all
}

/// Returns whether there is a Go that is new enough; says so where there is
/// none.
pub(crate) fn has_go() -> bool {
    if test_support::tool("go").is_none() {
        return false;
    }
    let tried = command("go", "list -m").output().unwrap();
    let error = String::from_utf8_lossy(&tried.stderr);
    let too_old = error.contains(TOO_OLD);
    if too_old {
        test_support::not_run("go", &format!("`go` is too old: {}", error.trim()));
    }
    assert!(too_old || tried.status.success(), "{error}");
    !too_old
}

/// Runs `go test` with this machine's objects, and passes on what it could not
/// run.
fn go_test(args: &str) {
    let mut test = command("go", args);
    let checkout = Checkout::warm();
    if let Some(host) = Arch::host() {
        let built = checkout.build_ebpf(&["--platform", host.platform(), "--output", "objects"]);
        assert_eq!(built.code, 0, "{}", built.stderr);
        test.env(OBJECTS, checkout.path().join("objects"));
    }
    let output = output(test);
    for line in output.lines().filter(|line| line.starts_with("not run: ")) {
        let _ = writeln!(std::io::stderr(), "{line}");
    }
    assert!(output.contains("--- PASS: TestCounters"), "{output}");
}

#[test]
fn the_programs_are_formatted() {
    if has_go() && test_support::tool("gofmt").is_some() {
        assert_eq!(output(command("gofmt", "-l .")), "");
    }
}

#[test]
fn vet_finds_nothing() {
    if !has_go() {
        return;
    }
    for arch in Arch::PUBLISHED {
        let mut vet = command("go", "vet ./...");
        vet.env("CGO_ENABLED", "0").env("GOOS", "linux").env("GOARCH", arch.goarch());
        output(vet);
    }
}

#[test]
fn the_programs_pass_their_tests() {
    if has_go() {
        go_test("test -count=1 -v ./...");
    }
}

#[test]
fn the_programs_have_no_data_races() {
    // The race detector is C.
    if has_go() && test_support::tool("gcc").is_some() {
        go_test("test -count=1 -v -race ./...");
    }
}

/// Returns the table of object files in the programs' source, by GOARCH.
fn object_files() -> BTreeMap<String, String> {
    let path = directory().join("internal/options/object.go");
    let source = std::fs::read_to_string(path).unwrap();
    let (_, table) = source.split_once("var objectFiles = map[string]string{\n").unwrap();
    let (table, _) = table.split_once("\n}").unwrap();
    let row = |line: &str| {
        let words: Vec<_> = line.split('"').collect();
        assert_eq!(words.len(), 5, "{line}");
        (words[1].to_owned(), words[3].to_owned())
    };
    table.lines().map(row).collect()
}

#[test]
fn the_programs_know_the_object_files_that_are_published() {
    let names = |arch: Arch| (arch.goarch().to_owned(), arch.object_file().to_owned());
    assert_eq!(object_files(), Arch::PUBLISHED.map(names).into());
}
