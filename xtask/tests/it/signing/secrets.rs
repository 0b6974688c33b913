//! Secrets: no password, key or token is seen by who need not see it.

use std::process::Command;

use test_support::Registry;

use super::scene::{PASSWORD, Scene, client_as};
use crate::support::finish;

/// Starts a registry that wants a password.
pub(super) fn with_passwords(accounts: &[(&str, &str)]) -> Option<Registry> {
    let htpasswd = test_support::tool("htpasswd")?;
    Registry::start(|dir| {
        let line = |(name, password): &(&str, &str)| {
            let mut command = Command::new(&htpasswd);
            let output = command.args(["-Bbn", "-C", "4", name, password]).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let path = dir.join("htpasswd");
        std::fs::write(&path, accounts.iter().map(line).collect::<String>()).unwrap();
        format!("auth: {{htpasswd: {{realm: here, path: '{}'}}}}\n", path.display())
    })
}

/// Gives the organizations `a` and `b` their variables.
pub(super) fn organizations(scene: &Scene) {
    let text = scene.checkout.read("images.yaml").replace(
        "images:\n",
        "organizations:\n  \
         a: {username: A_USERNAME, password: A_TOKEN}\n  \
         b: {username: B_USERNAME, password: B_TOKEN}\nimages:\n",
    );
    scene.checkout.write("images.yaml", &text);
}

/// What nobody may read anywhere: as it is, and as it is sent.
const SECRETS: [&str; 6] = [
    "open-sesame-a",
    "cm9ib3QtYTpvcGVuLXNlc2FtZS1h", // robot-a:open-sesame-a
    "open-sesame-b",
    "cm9ib3QtYjpvcGVuLXNlc2FtZS1i", // robot-b:open-sesame-b
    PASSWORD,
    "the-token-of-the-job",
];

/// What of those cosign itself must be told: the password of the key.
const TOLD: [&str; 1] = [PASSWORD];

#[test]
fn secrets_are_told_to_nobody() {
    let accounts = [("robot-a", "open-sesame-a"), ("robot-b", "open-sesame-b")];
    let Some(scene) = Scene::new(&["a/one"]) else { return };
    let Some(registry) = with_passwords(&accounts) else { return };
    organizations(&scene);
    let client = client_as(&registry.name("a"), "robot-a", "open-sesame-a");
    let scene = Scene { client, ..scene };
    let key = std::fs::read_to_string(scene.path("cosign.key")).unwrap();
    let body: Vec<&str> = key.lines().filter(|line| !line.starts_with("---")).collect();
    let mut secrets = SECRETS.to_vec();
    secrets.extend(&body);
    let seen = |text: &str, what: &str| {
        for secret in &secrets {
            assert!(!text.contains(secret), "{what}: {secret} is in {text}");
        }
    };
    let mut subjects = Vec::new();
    let ways: [(&[&str], i32); 4] = [
        (&["-vv"], 0),
        (&["--format", "json"], 0),
        (&["-v", "--signatures", "bundle"], 0),
        (&["-vv"], 1),
    ];
    for (number, (args, code)) in ways.into_iter().enumerate() {
        let tag = format!("v{number}");
        subjects.push(scene.push(&[registry.name(&format!("a/one:{tag}"))]));
        let by_variable = [&["--key", "env://A_KEY", "--tag", &tag], args].concat();
        let mut command = scene.command("sign-images", &registry.address, &by_variable);
        command.envs([("A_USERNAME", "robot-a"), ("A_TOKEN", "open-sesame-a"), ("A_KEY", &key)]);
        command.envs([("B_USERNAME", "robot-b"), ("B_TOKEN", "open-sesame-b")]);
        command.envs([("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "the-token-of-the-job")]);
        command
            .envs([("GITHUB_TOKEN", "the-token-of-the-job"), ("COSIGN_REPOSITORY", "other/place")]);
        if code != 0 {
            command.env("COSIGN_PASSWORD", "wr0ng");
        }
        let run = finish(command.output().unwrap());
        assert_eq!(run.code, code, "{}", run.stderr);
        seen(&run.stdout, "standard output");
        seen(&run.stderr, "standard error");
        let calls = scene.calls();
        assert!(calls.len() > 2);
        for call in calls {
            seen(&call.line(), "arguments");
            let names: Vec<_> =
                call.environment.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
            let needs_key = matches!(call.command(), "sign" | "public-key");
            for (name, is_told) in [("A_KEY", needs_key), ("COSIGN_PASSWORD", needs_key)] {
                assert_eq!(names.contains(&name), is_told, "{name}: {names:?}");
            }
            // It is told no more than its key and what opens that.
            for secret in
                secrets.iter().filter(|secret| !TOLD.contains(secret) && !body.contains(secret))
            {
                assert!(!call.environment.contains(secret), "{secret}: {}", call.environment);
            }
            assert!(!names.contains(&"COSIGN_REPOSITORY"), "{names:?}");
        }
    }
    // Nor does anybody find them in what was published.
    for subject in &subjects[..3] {
        let artifact = scene.client.pull(subject, None).unwrap();
        let companions = scene.client.companions(subject, &artifact).unwrap();
        assert!(!companions.is_empty());
        for blob in companions.iter().flat_map(|companion| companion.artifact.blobs()) {
            seen(&String::from_utf8_lossy(&blob.read(u64::MAX).unwrap()), "published");
        }
    }
}
