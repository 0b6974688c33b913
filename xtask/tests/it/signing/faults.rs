//! What does not go well: programs, keys and registries that will not do,
//! and what passes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use test_support::Registry;

use super::scene::{Call, Scene};
use crate::registry::relay::{Relay, Verdict};
use crate::support::{Run, finish, program};

/// A program that says which cosign it is, and nothing else.
fn stand_in(dir: &Path, name: &str, version: &str) -> PathBuf {
    let path = dir.join(name);
    program(&path, &format!("echo '{{\"gitVersion\":\"{version}\"}}'"));
    path
}

/// A scene without cosign, and a file for a key.
fn without_cosign() -> Scene {
    let scene = Scene::with(&["a/one"], ["false".into(), "false".into()]);
    scene.write("cosign.key", "no key");
    scene
}

/// Runs a command that finds no cosign but those in `dir`.
fn run_with(scene: &Scene, dir: &Path, args: &[&str]) -> Run {
    let mut command = scene.sign_command("127.0.0.1:1", args);
    finish(command.env("PATH", dir).output().unwrap())
}

const INSTALL: &str = "\
hint: `go install github.com/sigstore/cosign/v2/cmd/cosign@v2.6.5` builds it, and `https://github.com/sigstore/cosign/releases` has it built; put it on PATH as `cosign`, or as `cosign-2` beside another one
";

#[test]
fn programs_that_will_not_do() {
    let scene = without_cosign();
    let (empty, old, three) = (scene.path("none"), scene.path("old"), scene.path("three"));
    let cosign = stand_in(&old, "cosign", "v2.4.1");
    stand_in(&three, "cosign", "v3.1.3");
    let lacks =
        "error: `legacy` signatures are made by cosign 2\n  Caused by: cosign 2 was not found";
    let cases = [
        (&empty, format!("{lacks}\n\n{INSTALL}")),
        (
            &old,
            format!(
                "{lacks}; `{}` is cosign 2.4.1, and 2.6.0 or newer is needed\n\n{INSTALL}",
                cosign.display()
            ),
        ),
        (
            &three,
            format!(
                "{lacks}\n\n{INSTALL}hint: `--signatures bundle` makes do with cosign 3, which is there\n"
            ),
        ),
    ];
    for (dir, expected) in cases {
        let run = run_with(&scene, dir, &[]);
        assert_eq!((run.code, run.stdout.as_str(), run.stderr), (3, "", expected));
    }
    let run = run_with(&scene, &empty, &["--cosign", "/nowhere/cosign"]);
    assert_eq!(
        (run.code, run.stderr.lines().next()),
        (2, Some("error: `/nowhere/cosign` is not there, or no program"))
    );
}

#[test]
fn options_that_will_not_do() {
    let scene = without_cosign();
    let absent = scene.path("absent.key").display().to_string();
    let sign = |args: &[&str]| {
        let run = finish(scene.command("sign-images", "127.0.0.1:1", args).output().unwrap());
        (run.code, run.stderr)
    };
    let build = |args: &[&str]| {
        let run = finish(scene.command("build-images", "127.0.0.1:1", args).output().unwrap());
        (run.code, run.stderr)
    };
    let cases = [
        (
            sign(&["--key", &absent]),
            format!(
                "error: `--key` names a file that is not there\n  \
                 Caused by: failed to open `{absent}`\n  \
                 Caused by: No such file or directory (os error 2)\n\n\
                 hint: `cosign generate-key-pair` makes a pair of keys, `cosign.key` and `cosign.pub`\n"
            ),
        ),
        (
            sign(&["--key", "env://NO_SUCH_KEY"]),
            "error: `--key env://NO_SUCH_KEY`: the variable `NO_SUCH_KEY` is not set\n".to_owned(),
        ),
        (
            build(&["--sign"]),
            "error: `--sign` signs what a registry has, and nothing is to be pushed\n\n\
             hint: add `--push`, or leave it out\n"
                .to_owned(),
        ),
        (
            build(&["--push", "--recursive"]),
            "error: there are options for signing, and nothing is to be signed\n\n\
             hint: add `--sign`, or leave them out\n"
                .to_owned(),
        ),
    ];
    for ((code, said), expected) in cases {
        assert_eq!((code, said), (2, expected));
    }
}

#[test]
fn a_wrong_password_is_one_failure() {
    let Some(scene) = Scene::new(&["a/one", "b/two"]) else { return };
    let key = scene.path("cosign.key");
    for password in [Some("wr0ng"), None] {
        let mut command = scene.sign_command("127.0.0.1:1", &[]);
        match password {
            Some(password) => command.env("COSIGN_PASSWORD", password),
            None => command.env_remove("COSIGN_PASSWORD"),
        };
        let run = finish(command.output().unwrap());
        let expected = format!(
            "error: the key `{}` cannot be used\n  Caused by: `cosign-3` exited with status 1\n    \
             Error: decrypt: encrypted: decryption failed\n\n\
             hint: the variable COSIGN_PASSWORD holds the key's password; is it that of this key?\n",
            key.display()
        );
        assert_eq!((run.code, run.stdout, run.stderr), (1, String::new(), expected));
        assert!(scene.calls().iter().all(|call| call.command() != "sign"));
    }
}

#[test]
fn what_is_not_there_and_what_may_not_be_written() {
    let Some(scene) = Scene::new(&["a/one", "b/two"]) else { return };
    let Some(registry) = Registry::anonymous() else { return };
    let relay = Relay::judging(&registry.address, |_, line| {
        let writes = !line.starts_with("GET") && !line.starts_with("HEAD");
        if writes && line.contains("/a/one/") { Verdict::Deny } else { Verdict::Pass }
    });
    scene.push(&[registry.name("a/one:latest")]);
    let run = scene.sign(&relay.address, &[]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{}", run.stderr);
    let said = run.stderr.replace(&relay.address, "REGISTRY");
    let absent = "\
error: failed to find `REGISTRY/b/two:latest`
  Caused by: the registry has no such image
";
    assert!(said.contains(absent), "{said}");
    for format in ["legacy", "bundle"] {
        let refused =
            format!("  Caused by: its {format} signature was not made\n  Caused by: `cosign-");
        assert!(said.contains(&refused), "{said}");
    }
    assert_eq!(said.matches("error: failed to sign `REGISTRY/a/one@sha256:").count(), 2, "{said}");
    assert!(said.contains("DENIED: requested access to the resource is denied"), "{said}");
    assert!(said.contains("hint: a signature is written to the image's repository"), "{said}");
    let signs = scene.calls().iter().filter(|call| call.command() == "sign").count();
    assert_eq!(signs, 2, "a refusal does not pass");
}

/// Replaces a cosign by a script that calls the real one as `$REAL`; `$n` is
/// the number of the call that signs.
fn replace(scene: &Scene, script: &str) -> PathBuf {
    let (path, count) = (scene.path("bin/other"), scene.path("count"));
    let real = scene.cosigns[0].display();
    let script = format!(
        "REAL='{real}'; [ \"$1\" = sign ] || exec \"$REAL\" \"$@\"\n\
         echo \"$*\" >>'{0}'; n=$(wc -l <'{0}')\n{script}",
        count.display()
    );
    program(&path, &script);
    path
}

/// Signs in the legacy format by a script.
fn sign_by(scene: &Scene, registry: &str, script: &str) -> Run {
    let other = replace(scene, script);
    scene.sign(
        registry,
        &["--signatures", "legacy", "--cosign", other.to_str().unwrap(), "--jobs", "1"],
    )
}

#[test]
fn a_throttled_registry_is_waited_for() {
    let Some(scene) = Scene::new(&["a/one"]) else { return };
    let Some(registry) = Registry::anonymous() else { return };
    let one = scene.push(&[registry.name("a/one:latest")]);
    let script = "[ $n -ge 3 ] && exec \"$REAL\" \"$@\"\n\
                  echo 'Error: GET https://r/v2/: unexpected status code 429 Too Many Requests' >&2; exit 1";
    let run = sign_by(&scene, &registry.address, script);
    assert_eq!((run.code, run.stdout), (0, format!("{one}: signed\n")), "{}", run.stderr);
    let waits = run.stderr.lines().filter(|line| line.contains("Waiting ")).collect::<Vec<_>>();
    let why =
        format!("to sign `{one}` again: Error: GET https://r/v2/: unexpected status code 429");
    assert!(waits.len() == 2 && waits.iter().all(|line| line.contains(&why)), "{waits:?}");
    assert!(scene.verifies(2, &one, &[]));
}

#[test]
fn one_failure_does_not_keep_the_others() {
    let Some(scene) = Scene::new(&["a/one", "b/two", "c/three"]) else { return };
    let Some(registry) = Registry::anonymous() else { return };
    let push = |name: &str| scene.push(&[registry.name(&format!("{name}:latest"))]);
    let (one, two, three) = (push("a/one"), push("b/two"), push("c/three"));
    let script = "case \"$*\" in *b/two*) echo 'Error: the key burns' >&2; exit 1;; esac\n\
                  exec \"$REAL\" \"$@\"";
    let run = sign_by(&scene, &registry.address, script);
    let expected = format!("{one}: signed\n{three}: signed\n");
    assert_eq!((run.code, run.stdout), (1, expected), "{}", run.stderr);
    let expected = format!(
        "error: failed to sign `{two}`\n  Caused by: its legacy signature was not made\n  \
         Caused by: `other` exited with status 1\n    Error: the key burns\n"
    );
    assert!(run.stderr.ends_with(&expected), "{}", run.stderr);
}

#[test]
fn a_signature_that_is_gone_is_made_again() {
    let Some(scene) = Scene::new(&["a/one"]) else { return };
    let Some(registry) = Registry::anonymous() else { return };
    let one = scene.push(&[registry.name("a/one:latest")]);
    // As if another writer had put back what it read before.
    let run = sign_by(&scene, &registry.address, "[ $n -ge 3 ] && exec \"$REAL\" \"$@\"; exit 0");
    assert_eq!((run.code, run.stdout), (0, format!("{one}: signed\n")), "{}", run.stderr);
    let other = scene.push(&[registry.name("a/one:latest")]);
    assert_eq!(one, other);
    let two = scene.push(&[registry.name("a/one:v2")]);
    let other = replace(&scene, "exit 0");
    let args = ["--tag", "v2", "--signatures", "legacy", "--cosign", other.to_str().unwrap()];
    let run = scene.sign(&registry.address, &args);
    let expected = format!(
        "error: failed to sign `{two}`\n  Caused by: cosign made a legacy signature 3 times, and \
         it is not there: there is none\n\nhint: does another process sign the same images?\n"
    );
    assert_eq!(run.code, 1);
    assert!(run.stderr.ends_with(&expected), "{}", run.stderr);
}

#[test]
fn an_interrupt_ends_what_signs() {
    let Some(scene) = Scene::new(&["a/one"]) else { return };
    let Some(registry) = Registry::anonymous() else { return };
    scene.push(&[registry.name("a/one:latest")]);
    let pid = scene.path("pid");
    let other = replace(
        &scene,
        &format!("echo $$ >'{0}.new'; mv '{0}.new' '{0}'; exec sleep 60", pid.display()),
    );
    let args = ["--signatures", "legacy", "--cosign", other.to_str().unwrap()];
    let mut command = scene.sign_command(&registry.address, &args);
    let temporary = scene.path("tmp");
    std::fs::create_dir(&temporary).unwrap();
    command.env("TMPDIR", &temporary);
    let child = command.stderr(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let child = child.spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    while !pid.exists() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    let sleeper = std::fs::read_to_string(&pid).unwrap();
    let kill = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let run = finish(child.wait_with_output().unwrap());
    assert_eq!(run.code, 130, "{}", run.stderr);
    assert!(run.stderr.ends_with("error: interrupted\n"), "{}", run.stderr);
    assert!(!Path::new("/proc").join(sleeper.trim()).exists(), "it does not go on");
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0, "nothing is left");
}

#[test]
fn a_signature_by_another_key_is_not_the_own_one() {
    let Some(scene) = Scene::new(&["a/one"]) else { return };
    let Some(registry) = Registry::anonymous() else { return };
    let one = scene.push(&[registry.name("a/one:latest")]);
    let run = scene.sign(&registry.address, &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let other = Scene::new(&["a/one"]).unwrap();
    let run = other.sign(&registry.address, &[]);
    assert_eq!((run.code, run.stdout), (0, format!("{one}: signed\n")), "{}", run.stderr);
    for scene in [&scene, &other] {
        assert!(scene.verifies(3, &one, &[]));
        assert!(scene.verifies(3, &one, &["--new-bundle-format=false"]));
        let run = scene.sign(&registry.address, &[]);
        assert_eq!((run.code, run.stdout), (0, format!("{one}: already signed\n")));
    }
    let lines: Vec<_> = other.calls().iter().map(Call::line).collect();
    assert!(lines.iter().all(|line| !line.contains(super::scene::PASSWORD)), "{lines:?}");
}
