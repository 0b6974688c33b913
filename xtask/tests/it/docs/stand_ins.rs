//! What a shown command finds here in place of what few machines have: root,
//! bpfman, a cluster.

use std::path::PathBuf;
use std::sync::LazyLock;

use test_support::{go_tool, tool};

use crate::desk::Desk;
use crate::examples::programs::has_go;

/// A cluster that knows what was applied to it: what else is said of an
/// example must be in there.
const KUBECTL: &str = "case $1 in
apply) exec cat >>\"$HOME/applied\" ;;
delete) exec cat >/dev/null ;;
esac
for word; do
    case ${word##*/} in
    go-*) grep -q \"name: ${word##*/}\\$\" \"$HOME/applied\" || exit 1 ;;
    esac
done";

/// Runs programs as who is there, where nobody listens.
const SUDO: &str = "BPFMAN_SOCKET_PATH=\"$HOME/nowhere\" exec \"$@\"";

/// Asked once: where they are not there, that is said once.
static COSIGN: LazyLock<Option<[PathBuf; 2]>> =
    LazyLock::new(|| Some([go_tool("cosign-2")?, go_tool("cosign-3")?]));
static KUSTOMIZE: LazyLock<Option<PathBuf>> = LazyLock::new(|| go_tool("kustomize"));
static HAS_GO: LazyLock<bool> = LazyLock::new(has_go);

/// Gives a desk what the command needs; returns whether it has all of it now,
/// and says what is not there.
pub(super) fn provide(desk: &Desk, command: &str) -> bool {
    let program = command.split(' ').next().unwrap_or_default();
    let has = |parts: &[&str]| parts.iter().any(|part| command.contains(part));
    let is_go = program == "sudo" || program == "make" && has(&["build-us-", "/go-"]);
    let is_there = match program {
        "bpfman" | "cosign" => true,
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
