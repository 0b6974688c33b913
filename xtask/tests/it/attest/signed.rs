//! What is attached, attested by the real cosign with a key.

use std::path::Path;

use cosign::Cosigns;
use test_support::{Registry, go_tool};

use super::*;

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
