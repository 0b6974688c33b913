//! The same bytes, wherever the checkout and the workspace lie and whatever
//! the user has set.

use std::os::unix::process::CommandExt;

use super::{Scene, bytes, scene};
use crate::support::finish;

/// What must not get into programs, or stop them from being built.
const HOSTILE: [(&str, &str); 12] = [
    ("RUSTFLAGS", "-Copt-level=0"),
    ("CARGO_ENCODED_RUSTFLAGS", "--cfg\u{1f}unexpected"),
    ("CARGO_BUILD_RUSTFLAGS", "-Cdebuginfo=2"),
    ("CARGO_BUILD_TARGET", "wasm32-unknown-unknown"),
    ("CARGO_INCREMENTAL", "1"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
    ("CARGO_PROFILE_RELEASE_STRIP", "none"),
    ("RUSTC_WRAPPER", "/no/such/wrapper"),
    ("RUSTC_WORKSPACE_WRAPPER", "/no/such/wrapper"),
    ("CC", "/no/such/cc"),
    ("CFLAGS", "-O0"),
    ("SOURCE_DATE_EPOCH", "1234567890"),
];

/// The same as a file of cargo's.
const CONFIG: &str = "[build]\nrustflags = [\"-Copt-level=0\"]\nrustc-wrapper = \"/no/such\"\n\
                      [profile.release]\nstrip = \"none\"\nincremental = true\n";

#[test]
fn two_directories_and_two_users_give_the_same_bytes() {
    let Some(one) = scene() else { return };
    let run = one.run(&["--platform", "host"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let other = Scene::at("deep down/under another name/b");
    let above = other.source().parent().unwrap().join(".cargo");
    std::fs::create_dir(&above).unwrap();
    std::fs::write(above.join("config.toml"), CONFIG).unwrap();
    let mut command = other.command(&["--platform", "host", "--jobs", "1"]);
    command.envs(HOSTILE);
    // What is made is readable for nobody else, and of mode 0755 all the same.
    let umask = std::process::Command::new("sh");
    let mut shell = umask;
    shell.arg("-c").arg("umask 077; exec \"$0\" \"$@\"").arg(command.get_program());
    shell.args(command.get_args()).current_dir(other.checkout.path()).env_clear();
    shell.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
    shell.arg0("sh");
    let again = finish(shell.output().unwrap());
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(again.stdout, run.stdout, "the same places in each workspace");
    assert!(bytes(&one.paths(&run)) == bytes(&other.paths(&again)), "the programs differ");
    for program in bytes(&one.paths(&run)) {
        for path in [one.source(), one.checkout.path().to_owned()] {
            let path = path.display().to_string();
            let mut windows = program.windows(path.len());
            assert!(!windows.any(|window| window == path.as_bytes()), "`{path}` is in a program");
        }
    }
}

#[test]
fn checkouts_of_one_name_are_not_taken_for_each_other() {
    let Some(scene) = scene() else { return };
    let args = ["--platform", "host", "--program", "bpfman"];
    let run = scene.run(&args);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let before = bytes(&scene.paths(&run));
    // Another comes to the same place, with files that are older.
    let place = scene.source();
    let other = Scene::new();
    other.write("bpfman/src/main.rs", "//! Another.\nfn main() {}\n");
    std::fs::rename(&place, place.with_file_name("moved")).unwrap();
    for file in ["Cargo.toml", "Cargo.lock", "bpfman/src/main.rs", "bpfman/src/lib.rs"] {
        let file = std::fs::File::options().append(true).open(other.source().join(file)).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1)).unwrap();
    }
    std::fs::rename(other.source(), &place).unwrap();
    let run = scene.run(&args);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(bytes(&scene.paths(&run)) != before, "the other checkout's program");
}
