//! `doctor --go-tools`: programs are built once, with a Go that a test has
//! made.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::files;
use super::machine::Machine;
use crate::support::{Checkout, finish};

const ARGS: [&str; 4] = ["doctor", "--go-tools", "--format", "json"];

/// The programs, and what is built for them.
const BUILT: [(&str, &str); 11] = [
    ("oci-conformance", "github.com/opencontainers/distribution-spec/conformance"),
    ("olareg", "github.com/olareg/olareg/cmd/olareg"),
    ("kind", "sigs.k8s.io/kind"),
    ("kustomize", "sigs.k8s.io/kustomize/kustomize/v5"),
    ("crane", "github.com/google/go-containerregistry/cmd/crane"),
    ("actionlint", "github.com/rhysd/actionlint/cmd/actionlint"),
    ("cosign-2", "github.com/sigstore/cosign/v2/cmd/cosign"),
    ("cosign-3", "github.com/sigstore/cosign/v3/cmd/cosign"),
    ("push-with-ggcr", "."),
    ("buildx", "github.com/docker/buildx/cmd/buildx"),
    ("buildkitd", "github.com/moby/buildkit/cmd/buildkitd"),
];

/// A Go whose programs are scripts that hold what they were built from.
const GO: &str = "/bin/sleep 0.02
while [ \"$1\" != -o ]; do shift; done
(echo '#!/bin/sh'; /bin/cat go.mod; echo \"$CGO_ENABLED $GOTOOLCHAIN\"; /bin/ls) >\"$2\"
/bin/chmod 755 \"$2\"";

fn machine(script: &str) -> Machine {
    Machine::new().stand_in("clang", "").stand_in("go", script)
}

fn folder(machine: &Machine) -> PathBuf {
    machine.cache().join("bpfman-image-factory/go-tools")
}

/// Returns where doctor found the programs, by name.
fn found(stdout: &str) -> Vec<(String, PathBuf, String)> {
    let report: Value = serde_json::from_str(stdout).unwrap();
    let tools = report["tools"].as_array().unwrap().iter();
    let text = |tool: &Value, key: &str| tool[key].as_str().unwrap_or_default().to_owned();
    tools
        .filter(|tool| BUILT.iter().any(|(name, _)| tool["name"] == *name))
        .map(|tool| (text(tool, "name"), text(tool, "path").into(), text(tool, "version")))
        .collect()
}

/// Returns what Go was told, without the place of the program.
fn runs(machine: &Machine) -> Vec<String> {
    let log = machine.log();
    let runs = log.lines().filter(|line| line.starts_with("go build"));
    let words = |line: &str| {
        let words: Vec<_> = line.split(' ').collect();
        let place = words.iter().position(|word| *word == "-o").unwrap() + 1;
        assert!(words[place].starts_with(folder(machine).to_str().unwrap()), "{line}");
        [&words[..place], &words[place + 1..]].concat().join(" ")
    };
    runs.map(words).collect()
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn programs_are_built_once_each_from_a_module_of_its_own() {
    let (machine, checkout) = (machine(GO), Checkout::cold());
    let run = machine.run(&checkout, &[&ARGS[..], &["--jobs", "3"]].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    let expected = BUILT.map(|(_, package)| {
        format!("go build -trimpath -buildvcs=false -mod=mod -p 3 -o {package}")
    });
    assert_eq!(runs(&machine), expected);
    assert_eq!(run.stderr.lines().count(), BUILT.len(), "a line for each: {}", run.stderr);

    for (name, path, version) in found(&run.stdout) {
        let built = text(&path);
        assert!(path.starts_with(folder(&machine)), "{}", path.display());
        assert!(path.ends_with(&name), "{}", path.display());
        assert!(built.contains(&format!(" v{version}\n")), "{name}: {built}");
        assert!(built.contains("\n0 local\n"), "{name}: {built}");
        assert_eq!(built.contains("main.go"), name == "push-with-ggcr", "{name}: {built}");
        let is_buildkit = name == "buildkitd";
        assert_eq!(built.matches("\nexclude ").count(), if is_buildkit { 2 } else { 0 });
    }
    // Nothing is left of the work, and nothing is done again.
    let before = files(&machine.cache());
    assert_eq!(before.keys().filter(|path| path.extension().is_none()).count(), BUILT.len());
    let again = machine.run(&checkout, &ARGS);
    assert_eq!((again.code, again.stderr.as_str()), (0, ""));
    assert_eq!(again.stdout, run.stdout);
    assert_eq!(runs(&machine).len(), BUILT.len());
    assert_eq!(files(&machine.cache()), before);
}

#[test]
fn two_at_once_share_the_work() {
    let (machine, checkout) = (machine(GO), Checkout::cold());
    let start = || {
        let mut command = machine.command(&checkout, &ARGS);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        command.spawn().unwrap()
    };
    let both = [start(), start(), start()];
    for child in both {
        let run = finish(child.wait_with_output().unwrap());
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert!(found(&run.stdout).iter().all(|(_, path, _)| path.is_file()), "{}", run.stdout);
    }
    assert_eq!(runs(&machine).len(), BUILT.len());
}

#[test]
fn a_go_that_fails_leaves_nothing_and_says_why() {
    let script = "echo half >half; echo 'no such module' >&2; exit 4";
    let (machine, checkout) = (machine(script), Checkout::cold());
    let run = machine.run(&checkout, &ARGS);
    let (_, said) = run.stderr.split_once("error: ").unwrap();
    let expected = "failed to build `oci-conformance`\n  Caused by: `go` exited with status 4\n    \
                    no such module\n";
    assert_eq!((run.code, said), (1, expected));
    let left: Vec<_> = files(&machine.cache()).into_keys().collect();
    assert!(left.iter().all(|path| path.extension().is_some_and(|it| it == "lock")), "{left:?}");
}

#[test]
fn what_a_killed_run_left_is_in_nobodys_way() {
    let (machine, checkout) = (machine(GO), Checkout::cold());
    let key = "crane-v0.22.1";
    for left in [format!("{key}.building/done/crane"), format!("{key}/crane")] {
        let path = folder(&machine).join(left);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "half, and no program").unwrap();
    }
    let run = machine.run(&checkout, &ARGS);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(text(&folder(&machine).join(key).join("crane")).starts_with("#!/bin/sh"));
    assert!(!folder(&machine).join(format!("{key}.building")).exists());
}

#[test]
fn without_go_or_a_place_nothing_can_be_built() {
    let checkout = Checkout::cold();
    let machine = Machine::new().stand_in("clang", "").manager("dnf");
    let run = machine.run(&checkout, &ARGS);
    let names: Vec<_> = BUILT.iter().map(|(name, _)| format!("`{name}`")).collect();
    let expected = format!(
        "error: Go is missing to build {}\n\nhint: `{}dnf install -y golang` installs it\n",
        names.join(", "),
        if super::machine::is_root() { "" } else { "sudo " }
    );
    assert_eq!((run.code, run.stderr.as_str()), (3, expected.as_str()));

    let machine = self::machine(GO);
    let mut command = machine.command(&checkout, &ARGS);
    // A relative path counts as none.
    let output = command.env("XDG_CACHE_HOME", "cache").env_remove("HOME").output();
    let run = finish(output.unwrap());
    let expected = "error: neither XDG_CACHE_HOME nor HOME says where built programs can be kept\n";
    assert_eq!((run.code, run.stderr.as_str()), (3, expected));
    assert_eq!(machine.log(), "", "nothing was run");
}

/// Returns what the tests were told of the programs: which must be there, and
/// where they are.
fn told(machine: &Machine, checkout: &Checkout, args: &[&str]) -> (Vec<String>, Vec<PathBuf>) {
    machine.run(checkout, args);
    let said = text(&machine.cache().join("told"));
    let (required, found) = said.trim_end().split_once('|').unwrap();
    let built = |name: &&str| BUILT.iter().any(|(known, _)| known == name);
    let required = required.split(',').filter(built).map(str::to_owned).collect();
    (required, std::env::split_paths(found).filter(|path| path != Path::new("")).collect())
}

#[test]
fn tests_use_what_is_built_and_the_slow_ones_have_it_built() {
    let tell = "echo \"$XTASK_TEST_REQUIRE|$XTASK_TEST_GO_TOOLS\" >\"$XDG_CACHE_HOME/told\"";
    let machine = machine(GO).stand_in("cargo", tell);
    std::fs::create_dir(machine.cache()).unwrap();
    let checkout = Checkout::cold();
    assert_eq!(told(&machine, &checkout, &["test"]), (vec![], vec![]));
    assert_eq!(runs(&machine), [""; 0], "without --slow nothing is built");

    let all = BUILT.iter().map(|(name, _)| *name);
    let names: Vec<_> = all.filter(|name| *name != "push-with-ggcr").collect();
    let (required, slow) = told(&machine, &checkout, &["test", "--slow"]);
    assert_eq!(required, names);
    assert_eq!(slow.len(), names.len());
    for (directory, name) in slow.iter().zip(&names) {
        assert!(directory.join(name).is_file(), "{}", directory.display());
    }
    assert_eq!(runs(&machine).len(), names.len());
    // What is there is used the next time, and need not be.
    assert_eq!(told(&machine, &checkout, &["test"]), (vec![], slow));
}
