//! `bpfman image pull`: what arrives, and what does not.

use oci::layout::Tree;
use test_support::Registry;

use crate::forge::{NAME, digest, index, layer, places};
use crate::server::Server;
use crate::world::World;

/// Returns the digest that skopeo finds at a place.
pub fn skopeo_digest(world: &World, place: &str) -> Option<String> {
    let skopeo = test_support::tool("skopeo")?;
    let mut command = std::process::Command::new(skopeo);
    command.args(["inspect", "--raw", "--tls-verify=false", place]).current_dir(world.here());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{place}: {output:?}");
    Some(oci::Digest::of(&output.stdout).to_string())
}

#[test]
fn an_image_arrives_whole_under_its_name() {
    let Some(registry) = Registry::anonymous() else { return };
    let world = places();
    let expected = digest(&world);
    let name = registry.name("me/pass:v1");
    world.run(&["copy", &format!("oci:images:{NAME}"), &name]).done();
    std::fs::remove_dir_all(world.here().join("images")).unwrap();
    let line = format!("{name}@{expected}\n");

    let run = world.run(&["pull", &name]);
    let said = format!("  Packaged {name} (4 platforms, ");
    assert!(run.stderr.starts_with(&said), "{}", run.stderr);
    assert_eq!(run.done(), line);
    let again = world.run(&["pull", "-i", &name]);
    assert!(again.stderr.contains("Pulled 1 image, unchanged in "), "{}", again.stderr);
    assert_eq!(again.done(), line);
    let to = ["--to", "oci-archive:x.tar", "--to", "oci:other"];
    let run = world.run(&[&["pull", "--image-url", &name], &to[..]].concat());
    assert_eq!(run.done(), line);

    let layout = name.replace(':', "_").replace("_v1", ":v1");
    let words = [
        format!("docker://{name}"),
        format!("oci:images/{layout}"),
        format!("oci:other/{layout}"),
        format!("oci-archive:x.tar:{name}"),
    ];
    for word in words {
        let Some(found) = skopeo_digest(&world, &word) else { return };
        assert_eq!(found, expected, "{word}");
    }
}

#[test]
fn names_with_digests() {
    let Some(registry) = Registry::anonymous() else { return };
    let world = places();
    let digest = digest(&world);
    let name = registry.name("me/pass");
    world.run(&["copy", &format!("oci:images:{NAME}"), &format!("{name}:v1")]).done();
    let both = format!("{name}:v1@{digest}");
    assert_eq!(world.run(&["pull", "--to", "oci:x", &both]).done(), format!("{both}\n"));
    let message = format!(
        "error: failed to write to `oci:y`\n  Caused by: `{name}@{digest}` has no tag, and an \
         image is found by one\n\nhint: name both: `{name}:TAG@{digest}`\n"
    );
    let without = format!("{name}@{digest}");
    let run = world.run(&[
        "pull",
        "-q",
        "--to",
        &format!("oci:{}", world.here().join("y").display()),
        &without,
    ]);
    let said = run.failed(&world);
    assert_eq!(said, (2, message.replace("oci:y", "oci:HERE/y")));
}

#[test]
fn words_that_cannot_be() {
    let world = World::new();
    let cases: [(&[&str], &str); 3] = [
        (
            &["pull", "--to", "registry", NAME],
            "error: a registry is where the image comes from\n\nhint: `bpfman image copy` copies \
             it to another registry\n",
        ),
        (
            &["pull", "--to", "nowhere", NAME],
            "error: invalid destination `nowhere`: it has no scheme",
        ),
        (&["pull"], "error: the following required arguments were not provided:\n  <REFERENCE>"),
    ];
    for (args, start) in cases {
        let (code, said) = world.run(args).failed(&world);
        assert_eq!(code, 2, "{said}");
        assert!(said.starts_with(start), "{said}");
    }
}

#[test]
fn other_bytes_than_those_of_the_digest_get_no_name() {
    let object = crate::world::object(bpf_arch::Arch::Amd64);
    let artifact = index(vec![crate::forge::image("linux/amd64", layer("pass.o", object))]);
    let blobs: Vec<_> = artifact.blobs().map(oci::Blob::digest).collect();
    for bad in blobs {
        let flip = move |digest, mut bytes: Vec<u8>| {
            if digest == bad {
                bytes[20] ^= 1;
            }
            bytes
        };
        let (world, server) = (World::new(), Server::of(&artifact, flip));
        // A tag alone has no digest to be compared with.
        let name = format!("{}@{}", server.image(), artifact.digest());
        let (code, said) = world.run(&["pull", "-q", &name]).failed(&world);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(&format!("is not `{bad}`: ")), "{said}");
        let tree = Tree::new(world.here().join("images"));
        let names = tree.layouts().unwrap().into_iter().map(|layout| {
            let layout = oci::Layout::open(&layout.path).unwrap();
            layout.index().manifests.len()
        });
        assert_eq!(names.sum::<usize>(), 0, "nothing has a name");
    }
}
