//! What a shown command finds here in place of what few machines have: root,
//! bpfman, a cluster.

use std::path::PathBuf;
use std::sync::LazyLock;

use test_support::{go_tool, tool};

use crate::desk::Desk;
use crate::examples::programs::has_go;

/// A cluster that knows what was applied to it: what else is said of an
/// example must be in there. bpfman runs in it once it was deployed, with its
/// image if that was loaded.
const KUBECTL: &str = "case \"$*\" in
apply*) exec cat >>\"$HOME/applied\" ;;
delete*) exec cat >/dev/null ;;
'get pods -A')
    [ -s \"$HOME/deployed\" ] || exit 1
    echo 'NAMESPACE NAME READY STATUS RESTARTS AGE'
    echo 'bpfman bpfman-daemon-87fqg 3/3 Running 0 16m'
    exec echo 'bpfman bpfman-operator-7f67bc7c57-bc6lk 2/2 Running 0 16m' ;;
'describe pod -n bpfman bpfman-daemon-87fqg')
    exec grep -x -f \"$HOME/deployed\" \"$HOME/loaded\" ;;
esac
for word; do
    case ${word##*/} in
    go-*) grep -q \"name: ${word##*/}\\$\" \"$HOME/applied\" || exit 1 ;;
    esac
done";

/// Runs programs as who is there, where nobody listens.
const SUDO: &str = "BPFMAN_SOCKET_PATH=\"$HOME/nowhere\" exec \"$@\"";

/// docker, which knows what it was told to build, if it could have: where the
/// Containerfile and what it is about are, and what is to stay out.
const DOCKER: &str = "case $1 in
build)
    [ \"$2 $4 $5\" = '-f . -t' ] && [ -s \"$3\" ] && [ -s \"$3.dockerignore\" ] && [ -s Cargo.toml ] &&
        echo \"$6\" >>\"$HOME/built\" ;;
push) grep -qx \"$2\" \"$HOME/built\" ;;
*) exit 1 ;;
esac";

/// kind, which knows what was loaded into the one cluster: what docker has
/// built, or an archive that is there.
const KIND: &str = "[ \"$1 $4 $5\" = 'load --name bpfman-deployment' ] || exit 1
case $2 in
docker-image) grep -x \"$3\" \"$HOME/built\" >>\"$HOME/loaded\" ;;
image-archive) tar -xOf \"$3\" manifest.json >>\"$HOME/archives\" ;;
*) exit 1 ;;
esac";

/// Asked once: where they are not there, that is said once.
static COSIGN: LazyLock<Option<[PathBuf; 2]>> =
    LazyLock::new(|| Some([go_tool("cosign-2")?, go_tool("cosign-3")?]));
static KUSTOMIZE: LazyLock<Option<PathBuf>> = LazyLock::new(|| go_tool("kustomize"));
static HAS_GO: LazyLock<bool> = LazyLock::new(has_go);

/// Returns the program of a command, which variables may stand before.
pub(super) fn program_of(command: &str) -> &str {
    command.split(' ').find(|word| !word.contains('=')).unwrap_or_default()
}

/// Gives a desk what the command needs; returns whether it has all of it now,
/// and says what is not there.
pub(super) fn provide(desk: &Desk, command: &str) -> bool {
    let program = program_of(command);
    let has = |parts: &[&str]| parts.iter().any(|part| command.contains(part));
    let is_go = program == "sudo" || program == "make" && has(&["build-us-", "/go-"]);
    let is_there = match program {
        "bpfman" | "cosign" | "docker" | "kind" => true,
        "kubectl" | "sudo" => tool("make").is_some(),
        _ => tool(program).is_some(),
    };
    if !is_there || is_go && !*HAS_GO {
        return false;
    }
    // What nobody could sign is not ready.
    if has(&["cosign", " --key ", " --sign", "check-registry"]) {
        let Some([two, three]) = &*COSIGN else { return false };
        for (name, program) in [("cosign-2", two), ("cosign-3", three), ("cosign", three)] {
            // Where documents say that a variable holds the password.
            let run = format!("COSIGN_PASSWORD=shown exec '{}' \"$@\"", program.display());
            desk.stand_in(name, &run);
        }
    }
    if program == "docker" {
        desk.stand_in("docker", DOCKER);
    }
    if program == "kind" || has(&["kind:"]) {
        desk.stand_in("kind", KIND);
    }
    if program == "sudo" {
        desk.stand_in("sudo", SUDO);
    }
    if program == "kubectl" || has(&["render-", "deploy"]) {
        let Some(kustomize) = &*KUSTOMIZE else { return false };
        desk.stand_in("kustomize", &format!("exec '{}' \"$@\"", kustomize.display()));
        desk.stand_in("kubectl", KUBECTL);
    }
    true
}
