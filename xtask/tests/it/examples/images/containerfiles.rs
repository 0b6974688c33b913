//! The nine Containerfiles, as text.

use std::path::PathBuf;

use super::PROGRAMS;
use crate::support::Checkout;

fn containerfile(name: &str) -> PathBuf {
    PathBuf::from(format!("examples/{name}/container-deployment/Containerfile.{name}"))
}

fn read(checkout: &Checkout, name: &str) -> String {
    checkout.read(containerfile(name).to_str().unwrap())
}

#[test]
fn they_differ_in_names_and_texts_alone() {
    let checkout = Checkout::whole();
    let plain = |name: &str| {
        let text = read(&checkout, name).replace(name, "NAME");
        let lines = text.lines().map(|line| match line.split_once("image.description=") {
            Some((before, _)) => format!("{before}image.description=TEXT \\\n"),
            None => format!("{line}\n"),
        });
        let text: String = lines.collect();
        let (head, rest) = text.split_once('\n').unwrap();
        (head.to_owned(), rest.to_owned())
    };
    let (head, expected) = plain(PROGRAMS[0]);
    for name in PROGRAMS {
        let (own, text) = plain(name);
        if name == "go-target" {
            assert!(own.starts_with("# The image of NAME: the program alone, with the symbols"));
            assert_eq!(text, expected.replace(" -ldflags='-s -w'", ""), "probes need symbols");
        } else {
            assert_eq!((own, text), (head.clone(), expected.clone()), "{name}");
        }
    }
    assert!(expected.contains(" -ldflags='-s -w'"));
}

#[test]
fn the_image_that_they_build_in_has_the_go_that_the_module_needs() {
    let checkout = Checkout::whole();
    let module = checkout.read("examples/go.mod");
    let needed = module.lines().find_map(|line| line.strip_prefix("go ")).unwrap();
    let minor = |version: &str| -> Vec<u32> {
        version.split('.').take(2).map(|part| part.parse().unwrap()).collect()
    };
    for name in PROGRAMS {
        let text = read(&checkout, name);
        let (_, tag) = text.split_once("docker.io/library/golang:").unwrap();
        let tag = tag.split_whitespace().next().unwrap();
        // Its newest release is as new as any of that version.
        assert!(minor(tag) >= minor(needed), "{name}: {tag} is older than {needed}");
        assert_eq!(tag.split('.').count(), 2, "{name}: {tag}");
    }
}
