//! `verify-images`: what it says of what the real cosigns signed, and what it
//! takes for a signer.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use test_support::Registry;

use super::scene::{PASSWORD, Scene};
use crate::support::{Run, finish};

fn registries() -> Vec<Registry> {
    [Registry::anonymous(), Registry::olareg()].into_iter().flatten().collect()
}

fn verify_with(scene: &Scene, registry: &str, args: &[&str]) -> Run {
    finish(scene.command("verify-images", registry, args).output().unwrap())
}

/// Verifies with the scene's key.
fn verify(scene: &Scene, registry: &str, args: &[&str]) -> Run {
    let key = scene.path("cosign.pub");
    verify_with(scene, registry, &[&["--key", key.to_str().unwrap()], args].concat())
}

/// Returns a run's table: a line for each image, its cells without the digest.
fn rows(run: &Run) -> Vec<Vec<&str>> {
    let cells = |line| {
        let mut cells: Vec<_> = str::split_whitespace(line).collect();
        cells.remove(1);
        cells
    };
    run.stdout.lines().skip(1).map(cells).collect()
}

/// Signs with one of the cosigns, whatever it is told.
fn cosign(scene: &Scene, major: usize, args: &[&str]) {
    let mut command = Command::new(&scene.real[major - 2]);
    command.args(args).current_dir(scene.dir.path()).env("COSIGN_PASSWORD", PASSWORD);
    let output = command.env("TUF_ROOT", scene.path("tuf")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Returns the key's options for cosign 2.
const LEGACY: [&str; 5] = ["sign", "-y", "--tlog-upload=false", "--key", "cosign.key"];

#[test]
fn each_image_has_a_row() {
    let Some(scene) = Scene::new(&["a/both", "a/legacy", "a/none"]) else { return };
    for registry in registries() {
        let push = |name: &str| scene.push(&[registry.name(&format!("a/{name}:latest"))]);
        let [both, legacy, none] = ["both", "legacy", "none"].map(push);
        assert_eq!(scene.sign(&registry.address, &["both", "--recursive"]).code, 0);
        assert_eq!(scene.sign(&registry.address, &["legacy", "--signatures", "legacy"]).code, 0);
        scene.calls();

        let run = verify(&scene, &registry.address, &["both", "--recursive"]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let fine = ["a/both", "ok", "ok", "2/2", "yes", "no", "yes"];
        assert_eq!(rows(&run), [fine]);
        assert!(run.stderr.contains("Verified 1 of 1 image in "), "{}", run.stderr);

        let run = verify(&scene, &registry.address, &["-q"]);
        let expected = [
            ["a/both", "ok", "ok", "yes", "no", "yes"],
            ["a/legacy", "ok", "missing", "yes", "no", "yes"],
            ["a/none", "missing", "missing", "no", "no", "no"],
        ];
        assert_eq!(rows(&run), expected);
        let expected = format!(
            "error: the legacy signature of `{none}`\n  Caused by: there is none\n\
             error: the bundle signature of 2 images\n  Caused by: there is none\n    \
             {legacy}\n    {none}\n\n\
             hint: `cargo xtask sign-images` signs what is not signed\n"
        );
        assert_eq!((run.code, run.stderr), (1, expected));

        let run = verify(&scene, &registry.address, &["legacy", "both", "--require", "legacy"]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let run = verify(&scene, &registry.address, &["legacy", "--recursive", "--require=legacy"]);
        assert_eq!(rows(&run), [["a/legacy", "ok", "missing", "0/2", "yes", "no", "yes"]]);
        assert_eq!(run.code, 1, "its images are not signed");
        assert!(run.stderr.contains("the legacy signature of 2 images"), "{}", run.stderr);

        assert_eq!(scene.calls().len(), 0, "a key is checked without cosign");
        assert_ne!(both, legacy);
    }
}

#[test]
fn what_was_changed_or_is_anothers_is_named() {
    let Some(scene) = Scene::new(&["a/changed", "a/other"]) else { return };
    for registry in registries() {
        let changed = registry.name("a/changed:latest");
        let old = scene.push(std::slice::from_ref(&changed));
        scene.push(&[registry.name("a/other:latest")]);
        assert_eq!(scene.sign(&registry.address, &[]).code, 0);
        // Another image under the tag, with the old one's signatures.
        let old = old.digest().unwrap();
        let new = scene.push(&[registry.name("a/changed:new"), changed]);
        let tag = |digest: oci::Digest| format!("sha256-{}.sig", digest.hex());
        let from = new.with_tag(&tag(old)).unwrap();
        let copied = scene.client.pull(&from, None).unwrap();
        let to = vec![new.with_tag(&tag(new.digest().unwrap())).unwrap()];
        let named = oci::Named { references: to, artifact: copied };
        scene.client.push(&[named], &|_| {}).remove(0).unwrap();

        let run = verify(&scene, &registry.address, &["changed"]);
        assert_eq!(rows(&run), [["a/changed", "other-digest", "missing", "no", "no", "no"]]);
        let reason = format!(
            "error: the legacy signature of `{new}`\n  \
             Caused by: it is of another manifest, `{old}`\n"
        );
        assert_eq!(run.code, 1);
        assert!(run.stderr.contains(&reason), "{}", run.stderr);

        let prefix = format!("by-{}", registry.address.replace(':', "-"));
        cosign(&scene, 3, &["generate-key-pair", "--output-key-prefix", &prefix]);
        let key = scene.path(&format!("{prefix}.pub")).display().to_string();
        let run = verify_with(&scene, &registry.address, &["other", "--key", &key]);
        assert_eq!(rows(&run), [["a/other", "other-key", "other-key", "yes", "no", "no"]]);
        assert!(run.stderr.contains("it is by another key, or was changed since"));
    }
}

#[test]
fn json_and_the_summary_say_the_same() {
    let Some(scene) = Scene::new(&["a/one", "a/none"]) else { return };
    let Some(registry) = Registry::anonymous() else { return };
    let one = scene.push(&[registry.name("a/one:latest"), registry.name("a/one:v1")]);
    assert_eq!(scene.sign(&registry.address, &["one"]).code, 0);
    let summary = scene.write("summary.md", "# Before\n");
    let args = ["--tag=latest,v1", "--format=json", "-q", "--summary", &summary];
    let run = verify(&scene, &registry.address, &[&args[..], &["one"]].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    let digest = one.digest().unwrap().to_string();
    let verified = json!({"status": "verified", "reason": null});
    let expected = json!({
        "schema": 1, "checked_by": "key", "required": ["legacy", "bundle"], "recursive": false,
        "images": [{
            "image": "a/one",
            "references": [registry.name("a/one:latest"), registry.name("a/one:v1")],
            "digest": digest, "legacy": verified, "bundle": verified,
            "accepted_by": [
                {"consumer": "bpfman-rust", "accepted": true, "reason": null},
                {"consumer": "bpfman-go", "accepted": false, "reason": "no certificate"},
                {"consumer": "cosign-3", "accepted": true, "reason": null},
            ],
        }],
        "failures": [],
    });
    assert_eq!(serde_json::from_str::<Value>(&run.stdout).unwrap(), expected);
    let table = format!(
        "# Before\n### Signatures: 1 of 1 image verified\n\n\
         | image | digest | legacy | bundle | bpfman v0.6 | bpfman (Go) | cosign 3 |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n\
         | `a/one` | `{digest}` | ok | ok | yes | no | yes |\n\n"
    );
    assert_eq!(std::fs::read_to_string(scene.path("summary.md")).unwrap(), table);

    // What is not there is said, and the rest is verified.
    let run = verify(&scene, &registry.address, &args);
    let document: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(run.code, 1);
    assert_eq!(document["images"].as_array().unwrap().len(), 1);
    let none = registry.name("a/none");
    let message = document["failures"][0]["message"].to_string();
    assert!(message.contains("failed to find 2 images"), "{message}");
    let summary = std::fs::read_to_string(scene.path("summary.md")).unwrap();
    let line = format!(
        "- failed to find 2 images: the registry has no such image `{none}:latest` `{none}:v1`\n"
    );
    assert!(summary.ends_with(&format!("{line}\n")), "{summary}");
}

/// Makes an authority, and a certificate of it for the URL of a workflow, as
/// Fulcio would; and a key that is the certificate's, for cosign.
fn certify(scene: &Scene) {
    let openssl = |args: &str| {
        let mut command = Command::new("openssl");
        command.args(args.split(' ')).current_dir(scene.dir.path());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let issuer: String = ISSUER.bytes().map(|byte| format!("{byte:02x}")).collect();
    let extensions = format!(
        "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\n\
         extendedKeyUsage=codeSigning\nsubjectAltName=critical,URI:{IDENTITY}\n\
         1.3.6.1.4.1.57264.1.1=DER:{issuer}\n\
         1.3.6.1.4.1.57264.1.8=ASN1:UTF8String:{ISSUER}\n"
    );
    scene.write("extensions", &extensions);
    openssl("ecparam -name prime256v1 -genkey -noout -out ca.key");
    openssl(
        "req -x509 -new -key ca.key -days 36500 -subj /O=test -out ca.pem -addext \
         basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign",
    );
    openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out leaf.pem");
    openssl("req -new -key leaf.pem -subj / -out leaf.csr");
    openssl(
        "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -days 36500 -extfile extensions \
         -out leaf.crt -set_serial 7",
    );
    cosign(scene, 2, &["import-key-pair", "--key", "leaf.pem", "--output-key-prefix", "leaf"]);
    let authority = "--fulcio=url=https://fulcio.test,certificate-chain=ca.pem";
    cosign(scene, 3, &["trusted-root", "create", authority, "--out", "root.json"]);
    cosign(scene, 3, &["signing-config", "create", "--out", "config.json"]);
}

const IDENTITY: &str =
    "https://github.com/bpfman/bpfman/.github/workflows/image-build.yaml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";

#[test]
fn identities_are_checked_by_cosign() {
    let Some(scene) = Scene::new(&["a/one", "a/key"]) else { return };
    certify(&scene);
    for registry in registries() {
        let one = scene.push(&[registry.name("a/one:latest")]).to_string();
        scene.push(&[registry.name("a/key:latest")]);
        let key = ["sign", "-y", "--key", "leaf.key", "--certificate", "leaf.crt"];
        let chain = ["--certificate-chain", "ca.pem", "--tlog-upload=false", &one];
        cosign(&scene, 2, &[&key[..], &chain].concat());
        let config = ["--signing-config", "config.json", "--trusted-root", "root.json", &one];
        cosign(&scene, 3, &[&key[..], &config].concat());
        assert_eq!(scene.sign(&registry.address, &["key"]).code, 0);
        scene.calls();

        let root = scene.path("root.json").display().to_string();
        let ours = ["--trusted-root", &root, "--insecure-ignore-tlog", "--insecure-ignore-sct"];
        let run = |image: &str, identity: [&str; 2], issuer: [&str; 2], more: &[&str]| {
            let words = [&[image][..], &identity, &issuer, more].concat();
            verify_with(&scene, &registry.address, &words)
        };
        let issuer = ["--certificate-oidc-issuer", ISSUER];
        let by_url = ["--certificate-identity", IDENTITY];
        let by_expression = ["--certificate-identity-regexp", "^https://github\\.com/bpfman/.*@"];
        for identity in [by_url, by_expression] {
            let run = run("one", identity, issuer, &ours);
            assert_eq!(run.code, 0, "{}", run.stderr);
            let row = ["a/one", "ok", "ok", "no", "no", "yes"];
            assert_eq!(rows(&run), [row], "the certificate's signature is in no log");
        }
        let other = ["--certificate-identity", "https://github.com/other"];
        let refused = run("one", other, issuer, &ours);
        let row = ["a/one", "other-identity", "other-identity", "no", "no", "no"];
        assert_eq!((refused.code, rows(&refused)), (1, vec![row.to_vec()]), "{}", refused.stderr);
        assert!(refused.stderr.contains("cosign does not accept it: "), "{}", refused.stderr);
        assert!(refused.stderr.contains(IDENTITY), "it says whom it names: {}", refused.stderr);
        // What a key signed has no identity.
        let unnamed = run("key", by_url, issuer, &ours);
        assert_eq!(unnamed.code, 1, "{}", unnamed.stdout);
        let words = scene.calls();
        assert!(words.iter().all(|call| !call.line().contains(PASSWORD)));

        // The environment names an identity too.
        let mut command = scene.command("verify-images", &registry.address, &["one"]);
        command.args(ours).env("CERTIFICATE_IDENTITY", IDENTITY);
        let run = finish(command.env("CERTIFICATE_OIDC_ISSUER", ISSUER).output().unwrap());
        assert_eq!(run.code, 0, "{}", run.stderr);
    }
}

#[test]
fn who_signed_is_said_before_anything_is_asked() {
    // Nobody listens there.
    let registry = "127.0.0.1:1";
    let Some(scene) = Scene::new(&["a/one"]) else { return };
    let public = scene.path("cosign.pub").display().to_string();
    let private = scene.path("cosign.key").display().to_string();
    let key = std::fs::read_to_string(&public).unwrap();
    let identity = ("CERTIFICATE_IDENTITY", "https://x");
    let junk = scene.write("junk", "no key");
    let nowhere = Path::new(&public).with_file_name("nowhere").display().to_string();
    let typed = |option: &'static str, value: &'static str| [option, value];
    let subject = typed("--certificate-identity", "https://x");
    let issuer = typed("--certificate-oidc-issuer", "https://y");
    let expression = typed("--certificate-identity-regexp", "a(");
    type Case<'a> = (Vec<&'a str>, Vec<(&'a str, &'a str)>, &'a str);
    let cases: Vec<Case<'_>> = vec![
        (vec![], vec![], "nothing says who must have signed"),
        (vec![], vec![("COSIGN_PUBLIC_KEY", &key), identity], "name two signers"),
        (vec![], vec![identity], "`CERTIFICATE_OIDC_ISSUER` is not"),
        (vec![], vec![("COSIGN_PUBLIC_KEY", "junk")], "it is not a public key in PEM form"),
        (vec!["--key", &private], vec![], "it is a private key, where the public one is needed"),
        (vec!["--key", &junk], vec![], "it is not a public key in PEM form"),
        (vec!["--key", &nowhere], vec![], "No such file"),
        (vec!["--key", "env://NOT_SET"], vec![], "the variable `NOT_SET` is not set"),
        (vec!["--key", "awskms:///x"], vec![], "a public key is a file or env://VARIABLE"),
        ([&["--key", &public][..], &subject].concat(), vec![], "cannot be used with"),
        (subject.to_vec(), vec![], "an identity is named without its issuer"),
        (issuer.to_vec(), vec![], "an issuer is named without its identity"),
        ([subject, expression].concat(), vec![], "cannot be used with"),
        ([issuer, expression].concat(), vec![], "`--certificate-identity-regexp` is no expression"),
        (
            [issuer, typed("--certificate-identity", "")].concat(),
            vec![],
            "`--certificate-identity` is empty",
        ),
        (vec!["--key", &public, "--require", "all"], vec![], "invalid value 'all'"),
    ];
    for (args, variables, expected) in cases {
        let mut command = scene.command("verify-images", registry, &args);
        let run = finish(command.envs(variables).output().unwrap());
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(expected), "{args:?}: {}", run.stderr);
        assert!(!run.stderr.contains("Verif"), "{args:?}: {}", run.stderr);
        let secret = std::fs::read_to_string(&private).unwrap();
        let secret = secret.lines().nth(1).unwrap();
        assert!(!run.stderr.contains(secret), "{args:?}");
    }
    assert_eq!(scene.calls().len(), 0);

    // Without cosign there is nobody to check an identity.
    let mut command = scene.command("verify-images", registry, &[subject, issuer].concat());
    let run = finish(command.env("PATH", scene.path("empty")).output().unwrap());
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(run.stderr.contains("identities are checked by cosign"), "{}", run.stderr);
    // A registry that is not there is one failure.
    let run = verify(&scene, registry, &["-q"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains("the connection was refused"), "{}", run.stderr);
}

#[test]
fn an_attestation_is_no_signature() {
    let Some(scene) = Scene::new(&["a/one"]) else { return };
    certify(&scene);
    for registry in registries() {
        let one = scene.push(&[registry.name("a/one:latest")]).to_string();
        scene.write("predicate", "{}");
        let attest = ["attest", "-y", "--signing-config", "config.json", "--key", "cosign.key"];
        let what = ["--type", "https://example.org/x", "--predicate", "predicate", &one];
        cosign(&scene, 3, &[&attest[..], &what].concat());
        let run = verify(&scene, &registry.address, &[]);
        assert_eq!(rows(&run), [["a/one", "missing", "missing", "no", "no", "yes"]]);
        assert!(run.stderr.contains("there is none, only an attestation"), "{}", run.stderr);
        cosign(&scene, 2, &[&LEGACY[..], &[&one]].concat());
        let run = verify(&scene, &registry.address, &["--require", "legacy"]);
        assert_eq!((run.code, rows(&run)[0][1]), (0, "ok"), "{}", run.stderr);
    }
}
