//! Whose name is shown to a registry: from variables, from files; and what is
//! said where it is refused.

use std::process::Stdio;

use test_support::Registry;

use super::*;

/// The accounts of the registry. Nobody may know what stands on the right.
const ACCOUNTS: [(&str, &str); 2] = [("robot-a", "open-sesame-a"), ("robot-b", "open-sesame-b")];

/// What must never be printed: passwords, good and bad, and what they are
/// sent as.
const SECRETS: [&str; 6] = [
    "open-sesame-a",
    "open-sesame-b",
    "wr0ng",
    "cm9ib3QtYTpvcGVuLXNlc2FtZS1h",
    "cm9ib3QtYjpvcGVuLXNlc2FtZS1i",
    "cm9ib3QtYTp3cjBuZw",
];

/// Starts a registry that wants a password.
pub fn with_passwords() -> Option<Registry> {
    let htpasswd = test_support::tool("htpasswd")?;
    Registry::start(|dir| {
        let lines = ACCOUNTS.map(|(name, password)| {
            let mut command = Command::new(&htpasswd);
            let output = command.args(["-Bbn", "-C", "4", name, password]).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        });
        let path = dir.join("htpasswd");
        write(&path, &lines.concat());
        format!("auth: {{htpasswd: {{realm: here, path: '{}'}}}}\n", path.display())
    })
}

/// Makes a checkout with an image in each of two organizations that have
/// variables.
pub(super) fn organizations() -> Checkout {
    let checkout = checkout(&["one", "two"]);
    let text = checkout.read("images.yaml").replace(
        "images:\n",
        "organizations:\n  \
         a: {username: A_USERNAME, password: A_TOKEN}\n  \
         b: {username: B_USERNAME, password: B_TOKEN}\nimages:\n",
    );
    let text = text.replacen("organization: o", "organization: a", 1);
    checkout.write("images.yaml", &text.replacen("organization: o", "organization: b", 1));
    checkout
}

/// Runs a push of all that can be said; nothing of it may be a secret.
fn push_with(
    checkout: &Checkout,
    registry: &Registry,
    args: &[&str],
    envs: &[(&str, &str)],
) -> Run {
    let mut run = Run { code: 0, stdout: String::new(), stderr: String::new() };
    for more in [&["-vv"][..], &["--format", "json"], &["-q"]] {
        let mut command = push_command(checkout, &registry.address, &[more, args].concat());
        run = finish(command.envs(envs.iter().copied()).stdin(Stdio::null()).output().unwrap());
        for secret in SECRETS {
            assert!(!run.stdout.contains(secret), "{more:?}: {}", run.stdout);
            assert!(!run.stderr.contains(secret), "{more:?}: {}", run.stderr);
        }
    }
    run
}

pub(super) const A: [(&str, &str); 2] = [("A_USERNAME", "robot-a"), ("A_TOKEN", "open-sesame-a")];
const B: [(&str, &str); 2] = [("B_USERNAME", "robot-b"), ("B_TOKEN", "open-sesame-b")];

#[test]
fn each_organization_has_its_account() {
    let Some(registry) = with_passwords() else { return };
    let checkout = organizations();
    let run = push_with(&checkout, &registry, &[], &[A, B].concat());
    assert_eq!((run.code, run.stdout.lines().count()), (0, 2), "{}", run.stderr);

    // The one's account is not the other's.
    let wrong = [("B_USERNAME", "robot-b"), ("B_TOKEN", "wr0ng")];
    let run = push_with(&checkout, &registry, &["--tag", "v2"], &[A, wrong].concat());
    let said = steady(&run.stderr, &checkout, &registry.address);
    let expected = "\
error: failed to push `REGISTRY/b/two:v2`
  Caused by: `METHOD http://REGISTRY/v2/b/two/WHAT` was answered with 401

hint: the credentials for `REGISTRY/b` are from the variables `B_USERNAME` and `B_TOKEN`, which come before any file; log in with `podman login REGISTRY` or `docker login REGISTRY`
";
    assert_eq!(without_request(&said), expected);
    assert_eq!((run.code, run.stdout.lines().count()), (1, 1));
    assert!(run.stdout.starts_with(&registry.name("a/one:v2@")), "{}", run.stdout);
}

/// Takes out which request was the first to be refused for good.
fn without_request(text: &str) -> String {
    let lines = text.lines().map(|line| match line.strip_prefix("  Caused by: `") {
        Some(rest) => {
            let (request, rest) = rest.split_once("` ").unwrap();
            let (_, url) = request.split_once(' ').unwrap();
            let repository: Vec<_> = url.split('/').take(6).collect();
            format!("  Caused by: `METHOD {}/WHAT` {rest}\n", repository.join("/"))
        }
        None => format!("{line}\n"),
    });
    lines.collect()
}

#[test]
fn half_a_pair_of_variables() {
    let checkout = organizations();
    let run = |variable: &str| {
        let mut command = push_command(&checkout, "127.0.0.1:1", &["-q"]);
        // An empty variable is one that is not set.
        let run = finish(command.env(variable, "wr0ng").env("B_TOKEN", "").output().unwrap());
        (run.code, run.stdout + &run.stderr)
    };
    let hint = "hint: together they are the credentials for `a` (images.yaml)\n";
    let expected = format!("error: `A_TOKEN` is set and `A_USERNAME` is not\n\n{hint}");
    assert_eq!(run("A_TOKEN"), (2, expected));
    let expected = format!("error: `A_USERNAME` is set and `A_TOKEN` is not\n\n{hint}");
    assert_eq!(run("A_USERNAME"), (2, expected));
}

#[test]
fn files_of_credentials() {
    let Some(registry) = with_passwords() else { return };
    let checkout = organizations();
    // `robot-a:open-sesame-a`
    let auth = "cm9ib3QtYTpvcGVuLXNlc2FtZS1h";
    let text = format!(r#"{{"auths": {{"{}": {{"auth": "{auth}"}}}}}}"#, registry.address);
    checkout.write("auth.json", &text);
    checkout.write("home/.docker/config.json", &text);
    let file = checkout.path().join("auth.json");
    let file = file.to_str().unwrap();
    let home = checkout.path().join("nobody");
    let home = ("HOME", home.to_str().unwrap());
    type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], i32);
    let cases: [Case<'_>; 5] = [
        (&["--registry-auth", file], &[home], 0),
        (&[], &[home, ("REGISTRY_AUTH_FILE", file)], 0),
        (&[], &[], 0),
        (&[], &[home], 1),
        // What was named stands alone: of these variables one is wrong.
        (&["--registry-auth", file], &[home, A[0], ("A_TOKEN", "wr0ng")], 0),
    ];
    for (number, (args, envs, code)) in cases.into_iter().enumerate() {
        let tag = format!("v{number}");
        let run = push_with(&checkout, &registry, &[args, &["--tag", &tag]].concat(), envs);
        assert_eq!(run.code, code, "{args:?} {envs:?}: {}", run.stderr);
    }
}

#[test]
fn refusals_say_whose_name_was_shown() {
    let Some(registry) = with_passwords() else { return };
    let checkout = organizations();
    // `robot-a:wr0ng`
    let text =
        format!(r#"{{"auths": {{"{}": {{"auth": "cm9ib3QtYTp3cjBuZw"}}}}}}"#, registry.address);
    checkout.write("auth.json", &text);
    let hints = |args: &[&str], envs: &[(&str, &str)]| {
        let run = push_with(&checkout, &registry, &[args, &["a/"]].concat(), envs);
        assert_eq!(run.code, 1);
        let said = steady(&run.stderr, &checkout, &registry.address);
        said.split_once("\n\n").unwrap().1.to_owned()
    };
    let log_in = "log in with `podman login REGISTRY` or `docker login REGISTRY`\n";
    let whose = "the credentials for `REGISTRY` are from `CHECKOUT/auth.json`";
    let expected = format!("hint: {whose}; {log_in}");
    assert_eq!(hints(&["--registry-auth", "auth.json"], &[]), expected);
    let file = checkout.path().join("absent.json");
    let absent = [("REGISTRY_AUTH_FILE", file.to_str().unwrap())];
    let whose = "no credentials for `REGISTRY/a/one` in `CHECKOUT/absent.json`";
    let expected = format!("hint: {whose}; {log_in}");
    assert_eq!(hints(&[], &absent), expected);

    checkout.write("auth.json", r#"{"auths": {"x": {"auth": "wr0ng"}}"#);
    let run = push_with(&checkout, &registry, &["--registry-auth", "auth.json"], &[]);
    let expected = "\
error: failed to push 2 images
  Caused by: `CHECKOUT/auth.json` is not a usable file of credentials: it is not JSON of the known form (line 1, column 34)
    REGISTRY/a/one:latest
    REGISTRY/b/two:latest

hint: correct the file, or take the entry out and log in again
";
    assert_eq!(steady(&run.stderr, &checkout, &registry.address), expected);
}
