//! Every command that the documents show, run as it stands.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::documents;
use super::markdown::{Block, blocks, code};
use super::{others, stand_ins};
use crate::desk::Desk;
use crate::support::Checkout;

/// Commands that are shown and not run, and why. Where it is for what few
/// readers have, the block says so in a comment before all else.
const NOT_RUN: [(&str, &str); 11] = [
    ("cargo install --path bpfman", "it compiles the program once more, and for release"),
    (
        "cargo xtask build-images --push csi-node-driver-registrar",
        "it copies from others' registry to the project's",
    ),
    ("cargo xtask test --install-deps", "it runs the suite that this test is part of"),
    ("cargo xtask ci", "it runs the suite that this test is part of"),
    ("cargo xtask test examples::names", "it runs the suite that this test is part of"),
    ("cargo xtask test rehearsal", "it runs the suite that this test is part of"),
    ("sudo bpfman-rpc --timeout=0", "needs bpfman"),
    ("go install github.com/sigstore/cosign/v2/cmd/cosign@v2.6.5", "needs ten minutes"),
    (
        "cargo xtask verify-images --certificate-identity https://github.com/bpfman/bpfman/.github/workflows/image-build.yaml@refs/heads/main --certificate-oidc-issuer https://token.actions.githubusercontent.com",
        "needs what GitHub has signed",
    ),
    ("make load-us-images-kind KIND_CLUSTER_NAME=bpfman-deployment", "needs a kind cluster"),
    (
        "cargo xtask build-images bpfman --source bpfman=../bpfman --variant local --engine podman --platform host",
        "needs the internet",
    ),
];

/// The programs that a shown command may begin with.
const PROGRAMS: [&str; 15] = [
    "bpfman", "cargo", "cosign", "cp", "docker", "go", "kind", "kubectl", "ls", "make", "mkdir",
    "openssl", "podman", "skopeo", "sudo",
];

/// What an example says without bpfman, once all else was as it should be.
const NOBODY_LISTENS: &str = "is bpfman-rpc running";

/// The command that goes on while those behind it are typed elsewhere.
const SERVE: &str = "cargo xtask serve-images";

/// Where documents have the registry. Someone may listen there, so the tests
/// have it where they are told.
const REGISTRY: &str = "127.0.0.1:5000";

/// Where documents have the registry that is pushed to.
const PUSHED_TO: &str = "localhost:5000";

/// The registry that a document has started, ended when dropped.
struct Registry {
    child: Child,
    address: String,
    stdout: String,
}

impl Registry {
    /// Types a line that starts the registry.
    fn serve(desk: &Desk, line: &str) -> Registry {
        let path = |name: &str| desk.checkout.path().join(name);
        let file = |name: &str| std::fs::File::create(path(name)).unwrap();
        // The shell makes way, so that the registry is this process's child.
        let mut command = desk.command(&format!("exec {line} --listen 127.0.0.1:0"));
        command.stdin(Stdio::null()).stdout(file("serve.out")).stderr(file("serve.err"));
        let mut child = command.spawn().unwrap();
        let started = Instant::now();
        while !desk.checkout.read("serve.err").contains(" Serving ") {
            let said = desk.checkout.read("serve.err");
            assert!(child.try_wait().unwrap().is_none(), "`{line}`: {said}");
            assert!(started.elapsed() < Duration::from_secs(60), "`{line}`: {said}");
            std::thread::sleep(Duration::from_millis(10));
        }
        let stdout = desk.checkout.read("serve.out");
        let (_, address) = stdout.lines().next().unwrap().split_once("://").unwrap();
        Registry { child, address: address.to_owned(), stdout: stdout.clone() }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the command of a line, without a comment behind it.
fn command_of(line: &str) -> &str {
    line.split(" #").next().unwrap_or_default().trim()
}

/// What trying one document's commands came to.
struct Trial {
    document: String,
    /// Where commands are typed, below the top of the checkout.
    directory: PathBuf,
    /// Made for the first command.
    desk: Option<Desk>,
    registry: Option<Registry>,
    /// Started for the first command that needs it.
    pushed_to: Option<test_support::Registry>,
    /// The output of the last command, until it was compared.
    said: Option<String>,
    ran: usize,
    not_run: Vec<String>,
}

impl Trial {
    fn of(document: String, text: &str) -> Trial {
        let mut trial = Trial {
            document,
            directory: PathBuf::new(),
            desk: None,
            registry: None,
            pushed_to: None,
            said: None,
            ran: 0,
            not_run: Vec::new(),
        };
        for block in blocks(text) {
            match block.language.as_str() {
                "sh" => trial.block(&block),
                "text" if block.follows => trial.compare(&block),
                _ => {}
            }
        }
        trial
    }

    /// Runs the lines of a block, which may open with what they need.
    fn block(&mut self, block: &Block) {
        let mut needs = "";
        for (number, line) in &block.lines {
            match (line.strip_prefix("# "), line.strip_prefix("cd ")) {
                (Some(comment), _) => needs = comment,
                (_, Some(directory)) => self.go(directory),
                _ if line.trim().is_empty() => {}
                _ => self.line(*number, line, needs),
            }
        }
    }

    /// Goes to a directory below, or to another checkout.
    fn go(&mut self, directory: &str) {
        let desk = self.desk.get_or_insert_with(Desk::new);
        match others::directory(desk, directory) {
            Some(other) => self.directory = other,
            None => self.directory.push(directory),
        }
    }

    /// Runs one line, unless it is one of those that are not run.
    fn line(&mut self, number: usize, line: &str, needs: &str) {
        // What is not run says nothing.
        self.said = None;
        let command = command_of(line);
        let program = stand_ins::program_of(command);
        let place = format!("{}:{number}: `{command}`", self.document);
        assert!(PROGRAMS.contains(&program), "{place}: this test knows no such program");
        if let Some((_, why)) = NOT_RUN.iter().find(|(known, _)| *known == command) {
            assert!(!why.starts_with("needs ") || *why == needs, "{place} {why}: say so");
            self.not_run.push(command.to_owned());
        } else if stand_ins::provide(self.desk.get_or_insert_with(Desk::new), command) {
            let Some(line) = self.with_registry(line) else { return };
            let desk = self.desk.get_or_insert_with(Desk::new);
            let line = others::with_others(desk, &line);
            self.run(&line, &place, needs);
            self.ran += 1;
        }
    }

    fn run(&mut self, line: &str, place: &str, needs: &str) {
        let desk = self.desk.get_or_insert_with(Desk::new);
        let command = command_of(line);
        if command.starts_with(SERVE) {
            // The one before is not served any more.
            self.registry = None;
            let registry = Registry::serve(desk, command);
            self.said = Some(registry.stdout.replace(&registry.address, REGISTRY));
            self.registry = Some(registry);
            return;
        }
        let address = self.registry.as_ref().map_or(REGISTRY, |registry| &registry.address);
        // Whose account it is, documents leave open.
        let typed = format!("export QUAY_USER=me; {}", line.replace(REGISTRY, address));
        let run = desk.type_line(&self.directory, &typed);
        if line.starts_with("sudo ") {
            let asked = run.code == 1 && run.stderr.contains(NOBODY_LISTENS);
            assert!(asked && needs == "needs bpfman", "{place}: {}", run.stderr);
            self.said = None;
        } else {
            assert_eq!(run.code, 0, "{place}: {}", run.stderr);
            self.said = Some(run.stdout);
        }
        let is_cluster = match stand_ins::program_of(command) {
            "kubectl" => true,
            "make" => line.contains("deploy"),
            _ => false,
        };
        assert!(!is_cluster || needs == "needs a cluster", "{place} needs a cluster: say so");
    }

    /// Returns a line with the registry that is pushed to where it is; `None`
    /// where there is none.
    fn with_registry(&mut self, line: &str) -> Option<String> {
        if !line.contains(PUSHED_TO) {
            return Some(line.to_owned());
        }
        self.pushed_to = self.pushed_to.take().or_else(test_support::Registry::anonymous);
        Some(line.replace(PUSHED_TO, &self.pushed_to.as_ref()?.address))
    }

    /// A block of text behind a block of commands is what the last one says.
    fn compare(&mut self, block: &Block) {
        if let Some(said) = self.said.take() {
            let shown = block.lines.iter().flat_map(|(_, line)| line.split_whitespace());
            let said: Vec<_> = said.split_whitespace().collect();
            assert_eq!(said, shown.collect::<Vec<_>>(), "{}", self.document);
        }
    }
}

#[test]
fn shown_commands_work_and_show_what_they_say() {
    let trials = documents().into_iter().map(|(document, text)| Trial::of(document, &text));
    let trials: Vec<_> = trials.collect();
    let not_run: BTreeSet<_> = trials.iter().flat_map(|trial| trial.not_run.clone()).collect();
    assert_eq!(not_run, NOT_RUN.map(|(command, _)| command.to_owned()).into(), "shown nowhere");
    let ran: usize = trials.iter().map(|trial| trial.ran).sum();
    assert!(ran >= 8, "only {ran} commands were run");
}

#[test]
fn mentioned_commands_exist() {
    let checkout = Checkout::cold();
    let mut seen = 0;
    for (document, text) in documents() {
        let mentioned = code(&text).into_iter().filter(|code| code.starts_with("cargo xtask "));
        for command in mentioned.filter(|command| !command.contains('…')) {
            // What stands before `--help` is checked before it is answered.
            let words = command.split(' ').skip(2).chain(["--help"]);
            let run = checkout.run(&words.collect::<Vec<_>>());
            assert_eq!(run.code, 0, "{document}: `{command}`: {}", run.stderr);
            seen += 1;
        }
    }
    assert!(seen > 0);
}

/// What targets begin with, of which there are many.
const TARGETS: [&str; 6] = ["build-", "deploy-", "load-", "push-", "render-", "undeploy-"];

/// Returns whether a word without `make` before it is a target or variable.
fn is_make(word: &str) -> bool {
    TARGETS.iter().any(|start| word.starts_with(start) && word != *start)
        || word.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_')
}

#[test]
fn mentioned_targets_and_variables_exist() {
    // Another test sees to it that this is what make says.
    let help = include_str!("../snapshots/help-examples.txt");
    let known: BTreeSet<_> =
        help.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let document = documents().into_iter().find(|(name, _)| name == "examples/README.md");
    let mut seen = 0;
    for mentioned in code(&document.unwrap().1) {
        let (words, is_named) = match mentioned.strip_prefix("make ") {
            Some(words) => (words, true),
            None => (mentioned.as_str(), false),
        };
        for word in words.split(' ').map(|word| word.split('=').next().unwrap()) {
            if is_named || is_make(word) {
                assert!(known.contains(word), "`{mentioned}`: make help knows no `{word}`");
                seen += 1;
            }
        }
    }
    assert!(seen > 10, "{seen}");
}
