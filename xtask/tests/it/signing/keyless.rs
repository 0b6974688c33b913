//! Signing without a key: what cosign is told. It cannot be done for real
//! without Sigstore's services, so a stand-in signs with a key instead.

use std::process::Command;

use test_support::Registry;

use super::scene::{PASSWORD, Scene, record};
use crate::support::{Run, finish, program};

/// What a certificate is asked for with.
const REQUEST: &str = "[req]
distinguished_name = name
prompt = no
x509_extensions = v3
[name]
CN = somebody
[v3]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = codeSigning
subjectAltName = email:somebody@example.com
";

/// Signs with a new key and a certificate of it, as cosign does without a
/// key, and finds every identity but `nobody`.
const TWO: &str = r#"
case $1 in
sign) for last; do :; done
  work=$(mktemp -d) && cd "$work" || exit
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
    -config 'DIR/request.cnf' -keyout own.key -out own.pem 2>&1 || exit
  export COSIGN_PASSWORD=x
  'REAL' import-key-pair --key own.key --output-key-prefix own-cosign || exit
  exec 'REAL' sign --yes --key own-cosign.key --certificate own.pem --tlog-upload=false "$last";;
verify) case "$*" in *nobody*) echo 'Error: no matching signatures' >&2; exit 12;; esac;;
*) exec 'REAL' "$@";;
esac"#;

/// Signs with the scene's key.
const THREE: &str = r#"
case $1 in
sign) for last; do :; done
  COSIGN_PASSWORD=PASSWORD exec 'REAL' sign --yes --key 'DIR/cosign.key' \
    --signing-config='DIR/config.json' "$last";;
*) exec 'REAL' "$@";;
esac"#;

/// Puts stand-ins into the place of both cosigns; the recorders write down
/// what they are told. Returns whether openssl is there for them.
fn without_key(scene: &Scene) -> bool {
    scene.write("request.cnf", REQUEST);
    for (number, script) in [TWO, THREE].into_iter().enumerate() {
        let stand_in = scene.path(&format!("stand-in-{number}"));
        let script = script.replace("DIR", &scene.dir.path().display().to_string());
        let script = script.replace("REAL", &scene.real[number].display().to_string());
        program(&stand_in, &script.replace("=PASSWORD", &format!("={PASSWORD}")));
        let name = ["cosign-2", "cosign-3"][number];
        program(&scene.cosigns[number], &record(name, &scene.path("calls"), &stand_in));
    }
    let mut create = Command::new(&scene.real[1]);
    create.args(["signing-config", "create", "--out"]).arg(scene.path("config.json"));
    assert!(create.output().unwrap().status.success());
    test_support::tool("openssl").is_some()
}

const GITHUB: [(&str, &str); 4] = [
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_WORKFLOW_REF", "bpfman/bpfman/.github/workflows/image-build.yaml@refs/heads/main"),
    ("ACTIONS_ID_TOKEN_REQUEST_URL", "http://127.0.0.1:1/token"),
    ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "the-token-of-the-job"),
];

fn sign(scene: &Scene, registry: &str, args: &[&str], envs: &[(&str, &str)]) -> Run {
    let mut command = scene.command("sign-images", registry, args);
    command.env_remove("COSIGN_PASSWORD").envs(envs.iter().copied());
    finish(command.output().unwrap())
}

#[test]
fn a_workflow_signs_as_itself_and_once() {
    let Some(scene) = Scene::new(&["a/one"]) else { return };
    let Some(registry) = Registry::anonymous() else { return };
    if !without_key(&scene) {
        return;
    }
    super::secrets::organizations(&scene);
    let one = scene.push(&[registry.name("a/one:latest")]);
    let secret = [("A_USERNAME", "robot-a"), ("A_TOKEN", "open-sesame-a")];
    let run = sign(&scene, &registry.address, &[], &[&GITHUB[..], &secret].concat());
    assert_eq!((run.code, run.stdout), (0, format!("{one}: signed\n")), "{}", run.stderr);
    let calls = scene.calls();
    let mut lines: Vec<_> = calls.iter().map(|call| call.line()).collect();
    lines.retain(|line| !line.contains(" version"));
    lines.sort();
    let expected = [
        format!("cosign-2 sign --yes --new-bundle-format=false --fulcio-auth-flow=token {one}"),
        format!("cosign-3 sign --yes --fulcio-auth-flow=token {one}"),
    ];
    assert_eq!(lines, expected);
    for call in calls.iter().filter(|call| call.command() == "sign") {
        assert!(call.environment.contains("ACTIONS_ID_TOKEN_REQUEST_TOKEN="), "{call:?}");
        assert!(!call.environment.contains("open-sesame-a"), "{call:?}");
    }
}

#[test]
fn what_an_identity_has_signed_is_not_signed_again() {
    let Some(scene) = Scene::new(&["a/one"]) else { return };
    let Some(registry) = Registry::anonymous() else { return };
    if !without_key(&scene) {
        return;
    }
    // By the stand-in that finds identities.
    program(&scene.cosigns[1], "exit 1");
    let one = scene.push(&[registry.name("a/one:latest")]);
    let subject =
        "https://github.com/bpfman/bpfman/.github/workflows/image-build.yaml@refs/heads/main";
    let github = "https://token.actions.githubusercontent.com";
    let verify = |subject: &str, issuer: &str| {
        format!(
            "cosign-2 verify --certificate-identity={subject} \
             --certificate-oidc-issuer={issuer} {one}"
        )
    };
    let signs =
        format!("cosign-2 sign --yes --new-bundle-format=false --fulcio-auth-flow=token {one}");
    let nobody = ["--certificate-identity", "nobody", "--certificate-oidc-issuer", "https://x"];
    type Case<'a> = (&'a [&'a str], &'a str, Vec<String>);
    let cases: [Case<'_>; 3] = [
        (&[], "signed", vec![signs.clone()]),
        (&[], "already signed", vec![verify(subject, github)]),
        (&nobody, "signed", vec![signs.clone(), verify("nobody", "https://x")]),
    ];
    for (args, how, expected) in cases {
        let args = [args, &["--signatures", "legacy"]].concat();
        let run = sign(&scene, &registry.address, &args, &GITHUB);
        assert_eq!((run.code, run.stdout), (0, format!("{one}: {how}\n")), "{}", run.stderr);
        let mut lines: Vec<_> = scene.calls().iter().map(|call| call.line()).collect();
        lines.retain(|line| !line.contains(" version"));
        lines.sort();
        assert_eq!(lines, expected);
    }
    assert_eq!(scene.signatures(&one).facts().legacy, 2);

    // Nobody says whom to expect: everything is signed.
    let token = [("SIGSTORE_ID_TOKEN", "a-token")];
    let run = sign(&scene, &registry.address, &["--signatures", "legacy"], &token);
    assert_eq!((run.code, run.stdout), (0, format!("{one}: signed\n")), "{}", run.stderr);
    assert_eq!(scene.signatures(&one).facts().legacy, 3);
}

#[test]
fn a_job_that_may_not_say_who_it_is_is_told_so() {
    let Some(scene) = Scene::new(&["a/one"]) else { return };
    let run = sign(&scene, "127.0.0.1:1", &[], &GITHUB[..2]);
    let expected = "\
error: this job cannot say who it is, so it cannot sign without a key

hint: a job may ask for a token that has the permission `id-token: write`
hint: `--key`, or the variable `COSIGN_PRIVATE_KEY`, signs with a key
";
    assert_eq!((run.code, run.stderr.as_str()), (1, expected));
}

#[test]
fn a_key_of_a_variable_is_used_where_it_is_not_empty() {
    let Some(scene) = Scene::new(&["a/one"]) else { return };
    let Some(registry) = Registry::anonymous() else { return };
    let one = scene.push(&[registry.name("a/one:latest")]);
    let key = std::fs::read_to_string(scene.path("cosign.key")).unwrap();
    let envs = [("COSIGN_PRIVATE_KEY", key.as_str()), ("COSIGN_PASSWORD", PASSWORD)];
    let run = sign(&scene, &registry.address, &[], &envs);
    assert_eq!((run.code, run.stdout), (0, format!("{one}: signed\n")), "{}", run.stderr);
    assert!(scene.verifies(3, &one, &[]));
    let calls = scene.calls();
    let signs: Vec<_> = calls.iter().filter(|call| call.command() == "sign").collect();
    assert_eq!(signs.len(), 2);
    assert!(signs.iter().all(|call| call.line().contains(" --key=env://COSIGN_PRIVATE_KEY ")));
    let empty = [GITHUB[0], ("COSIGN_PRIVATE_KEY", "")];
    let run = sign(&scene, &registry.address, &[], &empty);
    assert!(run.stderr.starts_with("error: this job cannot say who it is"), "{}", run.stderr);
}
