//! What is attached, attested by the real cosign with a key.

use std::path::Path;

use cosign::Cosigns;
use test_support::{Registry, go_tool};

use super::*;
use crate::support::program;

/// Makes a pair of keys without a password; `None` where there is no cosign.
fn keys(dir: &Path) -> Option<[std::path::PathBuf; 2]> {
    let (two, three) = (go_tool("cosign-2")?, go_tool("cosign-3")?);
    std::fs::create_dir_all(dir).unwrap();
    let cosigns = Cosigns::find(&[two.clone(), three.clone()]).unwrap();
    let cosign = host::Cmd::new(cosigns.any().unwrap().path()).dir(dir);
    cosign.env("COSIGN_PASSWORD", "").arg("generate-key-pair").run().unwrap();
    Some([two, three])
}

#[test]
fn what_is_attached_is_attested_once() {
    for registry in [Registry::anonymous(), Registry::olareg()] {
        let Some(registry) = registry else { continue };
        let checkout = checkout();
        let Some([two, three]) = keys(&checkout.path().join("keys")) else { return };
        let Some(_) = keys(&checkout.path().join("others")) else { return };
        let tool = |path: &std::path::PathBuf| path.to_str().unwrap().to_owned();
        let cosigns = ["--cosign".to_owned(), tool(&two), "--cosign".to_owned(), tool(&three)];
        let sign = |name: &str, args: &[&str]| {
            let head = match name {
                "build-images" => command(&checkout, name, &["--push", "--sign", "--attest"]),
                _ => checkout.command(&[name, "--attest"]),
            };
            let mut command = head;
            command.args(["--registry", &registry.address, "--key", "keys/cosign.key"]);
            command.args(&cosigns).args(args).args(["--format", "json"]);
            command.env("COSIGN_PASSWORD", "").env("HOME", checkout.path().join("home"));
            let run = finish(command.output().unwrap());
            assert_eq!(run.code, 0, "{}", run.stderr);
            run
        };
        sign("build-images", &[]);
        let name = registry.name("o/one:latest");
        let digest = client().resolve(&reference(&name)).unwrap().unwrap().digest;
        let count = || client().referrers(&reference(&name), digest, None).unwrap().len();
        // Two documents, a signature and two attestations.
        assert_eq!(count(), 5);
        let again = sign("sign-images", &[]);
        let json: Value = serde_json::from_str(&again.stdout).unwrap();
        let expected = serde_json::json!({
            "https://bpfman.io/attestation/bytecode-build/v1": "already signed",
            "https://spdx.dev/Document": "already signed",
        });
        assert_eq!(json["images"][0]["attestations"], expected);
        sign("build-images", &[]);
        assert_eq!(count(), 5);
        for (kind, word) in [(attestation::PREDICATE, attestation::PREDICATE), ("spdx", "spdxjson")]
        {
            let mut verify = Command::new(&three);
            verify.args(["verify-attestation", "--key", "keys/cosign.pub", "--type", word]);
            verify.args(["--insecure-ignore-tlog=true", &name]).current_dir(checkout.path());
            let verified = finish(verify.output().unwrap());
            assert_eq!(verified.code, 0, "{kind}: {}", verified.stderr);
        }
        let reproduce = |key: &str| run(&checkout, "reproduce", &["--key", key, &name]);
        let same = reproduce("keys/cosign.pub");
        assert_eq!(same.stdout, format!("{name}@{digest}: identical\n"), "{}", same.stderr);
        let refused = reproduce("others/cosign.pub");
        assert_eq!(refused.code, 1);
        let message = format!("error: `{name}` has no record that this key attests\n");
        assert!(refused.stderr.starts_with(&message), "{}", refused.stderr);
    }
}

/// Stands for cosign 3 without a key: it signs with one, and a certificate of
/// it, and finds every identity but `nobody`.
const WITHOUT_KEY: &str = r#"
export COSIGN_PASSWORD=
case $1 in
sign|attest) exec 'REAL' "$@" --key 'DIR/own-cosign.key' --certificate 'DIR/own.pem' \
  --signing-config 'DIR/config.json' ;;
verify-attestation) case "$*" in *nobody*) echo 'Error: no matching attestations' >&2; exit 12;; esac ;;
*) exec 'REAL' "$@" ;;
esac"#;

/// Makes the stand-in; `None` where something is missing for it.
fn without_key(dir: &Path) -> Option<std::path::PathBuf> {
    let (real, openssl) = (go_tool("cosign-3")?, test_support::tool("openssl")?);
    let call = |program: &Path, args: &str| {
        let args = args.split(' ').filter(|word| !word.is_empty());
        let run = host::Cmd::new(program).dir(dir).args(args).env("COSIGN_PASSWORD", "").run();
        run.unwrap();
    };
    let certificate = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
                       -subj /CN=somebody -addext extendedKeyUsage=codeSigning \
                       -addext subjectAltName=email:somebody@example.com \
                       -keyout own.key -out own.pem";
    call(&openssl, certificate);
    call(&real, "import-key-pair --key own.key --output-key-prefix own-cosign");
    call(&real, "signing-config create --out config.json");
    let script = WITHOUT_KEY.replace("REAL", &real.display().to_string());
    let path = dir.join("cosign-3");
    program(&path, &script.replace("DIR", &dir.display().to_string()));
    Some(path)
}

#[test]
fn what_an_identity_has_attested_is_not_attested_again() {
    let Some(registry) = Registry::anonymous() else { return };
    let (checkout, dir) = (checkout(), tempfile::tempdir().unwrap());
    let Some(cosign) = without_key(dir.path()) else { return };
    let name = registry.name("o/one:latest");
    let github = "bpfman/bpfman/.github/workflows/image-build.yaml@refs/heads/main";
    let push = |args: &[&str]| {
        let head = ["--push", "--sign", "--attest", "--signatures", "bundle", "--format", "json"];
        let mut command = command(&checkout, "build-images", &head);
        command.args(["--registry", &registry.address, "--cosign"]).arg(&cosign).args(args);
        command.env("GITHUB_ACTIONS", "true").env("GITHUB_WORKFLOW_REF", github);
        command.env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "the-token-of-the-job");
        let run = finish(command.output().unwrap());
        assert_eq!(run.code, 0, "{}", run.stderr);
        let digest = client().resolve(&reference(&name)).unwrap().unwrap().digest;
        client().referrers(&reference(&name), digest, None).unwrap().len()
    };
    // Two documents, a signature and two attestations.
    assert_eq!(push(&[]), 5);
    assert_eq!(push(&[]), 5, "the same workflow");
    let nobody = ["--certificate-identity", "nobody", "--certificate-oidc-issuer", "https://x"];
    assert_eq!(push(&nobody), 8, "somebody else");
    assert_eq!(push(&[]), 8, "the same workflow");
}
