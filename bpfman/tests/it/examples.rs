//! The help of the commands that move and show images: what it shows can be
//! typed.

use bpf_arch::Arch;
use test_support::Registry;

use crate::forge::{NAME, places};
use crate::world::object;

const COMMANDS: [&str; 6] = ["copy", "extract", "inspect", "lint", "manifest", "pull"];

#[test]
fn every_example_does_what_it_says() {
    let Some(registry) = Registry::anonymous() else { return };
    let Some(other) = Registry::anonymous() else { return };
    for command in COMMANDS {
        let world = places();
        world.write("pass.o", object(Arch::S390x));
        world.write("bpf_arm64_bpfel.o", object(Arch::Arm64));
        let help = world.run(&[command, "--help"]).done();
        let examples = help.split("Examples:\n").nth(1).unwrap();
        let lines: Vec<_> = examples.lines().take_while(|line| !line.is_empty()).collect();
        assert!(lines.len() > 2, "{command}");
        for line in lines {
            // The image lies in both places of the world under its own name,
            // and in a registry that stands for quay.io.
            let image = format!("oci:images:{NAME}");
            for tag in ["latest", "v1"] {
                world.run(&["copy", &image, &registry.name(&format!("me/pass:{tag}"))]).done();
            }
            let typed = line.trim().strip_prefix("bpfman image ").unwrap();
            let typed = typed.split(" > ").next().unwrap();
            let words: Vec<String> = typed
                .split(' ')
                .map(|word| match word.starts_with("oci") {
                    true => word.to_owned(),
                    false => word
                        .replace("quay.io", &registry.address)
                        .replace("localhost:5000", &other.address),
                })
                .collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            if words == ["copy", "oci-archive:pass.tar", "registry"] {
                // Its name is of the real one.
                let name = registry.name("me/pass:latest");
                world.run(&["copy", &name, "oci-archive:pass.tar"]).done();
            }
            let run = world.run(&words);
            assert_eq!(run.code, 0, "{line}: {}", run.stderr);
        }
    }
}

#[test]
fn the_help_fits_a_terminal() {
    let world = crate::world::World::new();
    for command in COMMANDS {
        for flag in ["-h", "--help"] {
            let mut run = world.command(&[command, flag]);
            let help = crate::world::finish(run.env("COLUMNS", "80").output().unwrap()).done();
            for line in help.lines() {
                assert!(line.chars().count() <= 80, "{command} {flag}: {line}");
            }
            let first = help.lines().next().unwrap();
            assert!(!first.ends_with('.') && first.len() < 70, "{first}");
        }
    }
}
