//! `bpfman image copy`: from everywhere to everywhere, without a byte changed.

use oci::registry::{Client, Companion, Link, Settings};
use oci::{Artifact, Reference};
use test_support::Registry;

use crate::forge::{NAME, digest, image, layer, places, put};
use crate::pull::skopeo_digest;

#[test]
fn all_round_the_places() {
    let Some(one) = Registry::anonymous() else { return };
    let Some(other) = Registry::anonymous() else { return };
    let world = places();
    let expected = digest(&world);
    let (first, second) = (one.name("me/pass:v1"), other.name("you/pass:v2"));
    let last = second.replace(':', "_").replace("_v2", ":v2");
    let steps = [
        (format!("oci:images:{NAME}"), first.clone(), &first),
        (first.clone(), format!("docker://{second}"), &second),
        (format!("docker://{second}"), "oci:tree".to_owned(), &second),
        ("tree".to_owned(), "oci-archive:all.tar".to_owned(), &second),
        (format!("oci-archive:all.tar:{second}"), "registry".to_owned(), &second),
        ("all.tar".to_owned(), "oci:last".to_owned(), &second),
    ];
    for (source, destination, name) in &steps {
        let line = world.run(&["copy", source, destination]).done();
        assert_eq!(line, format!("{name}@{expected}\n"), "{source} {destination}");
    }
    for word in
        [format!("docker://{first}"), format!("docker://{second}"), format!("oci:last/{last}")]
    {
        let Some(found) = skopeo_digest(&world, &word) else { return };
        assert_eq!(found, expected, "{word}");
    }
}

#[test]
fn what_a_registry_has_is_not_sent_again() {
    let Some(registry) = Registry::anonymous() else { return };
    let world = places();
    let (first, second) = (registry.name("me/pass:v1"), registry.name("you/pass:v1"));
    world.run(&["copy", "images", &first]).done();
    let again = world.run(&["copy", "images", &first]);
    assert!(again.stderr.contains("Copied 1 image, unchanged in "), "{}", again.stderr);
    let mounted = world.run(&["copy", "-v", &first, &second]);
    assert!(!mounted.stderr.contains("unchanged"), "{}", mounted.stderr);
    mounted.done();
    let client = Client::new(Settings::default());
    let artifact = client.pull(&second.parse().unwrap(), None).unwrap();
    artifact.blobs().for_each(|blob| drop(blob.read(1 << 24).unwrap()));
}

#[test]
fn a_place_is_copied_with_all_that_it_holds() {
    let world = places();
    put(
        &world.here().join("images"),
        "quay.io/me/other:v1",
        Artifact::Image(image("linux/arm64", layer("x.o", b"x"))),
    );
    let run = world.run(&["copy", "--format", "json", "images", "oci-archive:all.tar"]);
    let document: serde_json::Value = serde_json::from_str(&run.done()).unwrap();
    let names: Vec<_> =
        document["images"].as_array().unwrap().iter().map(|i| &i["references"][0]).collect();
    assert_eq!(names, ["quay.io/me/other:v1", NAME]);
    let to = &document["images"][0]["destinations"][0];
    assert_eq!(to["changed"], true);
    let (code, said) = world.run(&["copy", "images", "localhost:1/x/y:v1"]).failed(&world);
    assert_eq!(code, 2);
    assert!(said.starts_with("error: `images` holds 2 images, and one is wanted\n"), "{said}");
}

#[test]
fn an_image_without_a_full_name_gets_one() {
    let Some(registry) = Registry::anonymous() else { return };
    let Some(skopeo) = test_support::tool("skopeo") else { return };
    let world = places();
    let expected = digest(&world);
    let mut command = std::process::Command::new(skopeo);
    command.args(["copy", "-q", "--all", "oci:images/quay.io/me/pass:latest", "oci:bare:some-tag"]);
    assert!(command.current_dir(world.here()).status().unwrap().success());
    let name = registry.name("me/pass:v1");
    for source in ["bare", "oci:bare:some-tag"] {
        assert_eq!(world.run(&["copy", source, &name]).done(), format!("{name}@{expected}\n"));
        let message = format!(
            "error: `some-tag` in `{source}` has no full name\n\nhint: a DST such as \
             `quay.io/me/pass:latest` names it\n"
        );
        assert_eq!(world.run(&["copy", source, "oci:x"]).failed(&world), (2, message));
    }
    // What needs no name does without.
    let text = world.run(&["inspect", "bare"]).done();
    assert!(text.starts_with(&format!("some-tag\n{expected}\n")), "{text}");
}

/// Gives an image a signature as cosign has it and another that refers to it.
fn sign(client: &Client, name: &Reference) -> [String; 2] {
    let artifact = client.pull(name, None).unwrap();
    let tag = format!("sha256-{}.sig", artifact.digest().hex());
    let signature = Artifact::Image(image("linux/amd64", layer("sig", b"signed")));
    let about = Artifact::Image(image("linux/amd64", layer("about", b"about it")));
    let subject = artifact.digest();
    let descriptor = Box::new(about.descriptor().clone());
    let companions = [
        Companion { artifact: signature.clone(), link: Link::Tag(tag.clone()) },
        Companion { artifact: about.clone(), link: Link::Referrer { subject, descriptor } },
    ];
    client.push_companions(name, &companions).unwrap();
    [tag, about.digest().to_string()]
}

#[test]
fn what_refers_to_an_image_comes_along_if_it_is_asked_for() {
    let Some(one) = Registry::anonymous() else { return };
    let Some(other) = Registry::anonymous() else { return };
    let world = places();
    let source = one.name("me/pass:v1");
    world.run(&["copy", "images", &source]).done();
    let client = Client::new(Settings::default());
    let [tag, about] = sign(&client, &source.parse().unwrap());
    let there = |name: &str| client.resolve(&name.parse().unwrap()).unwrap().is_some();

    let plain = other.name("plain/pass:v1");
    world.run(&["copy", &source, &plain]).done();
    assert!(!there(&other.name(&format!("plain/pass:{tag}"))));

    let whole = other.name("whole/pass:v1");
    let run = world.run(&["copy", "--referrers", &source, &whole]);
    assert!(run.stderr.contains("Copied 1 image and 2 that refer to it in "), "{}", run.stderr);
    assert_eq!(run.done(), format!("{whole}@{}\n", digest(&world)));
    assert!(there(&other.name(&format!("whole/pass:{tag}"))));
    assert!(there(&other.name(&format!("whole/pass@{about}"))));
    let subject: Reference = whole.parse().unwrap();
    let listed = client.companions(&subject, &client.pull(&subject, None).unwrap()).unwrap();
    assert_eq!(listed.len(), 2);

    world.run(&["copy", "--referrers", &source, "oci:tree"]).done();
    let layout = source.trim_end_matches(":v1").replace(':', "_");
    if let Some(found) = skopeo_digest(&world, &format!("oci:tree/{layout}:{tag}")) {
        let name = one.name(&format!("me/pass:{tag}"));
        assert_eq!(
            Some(found),
            client.resolve(&name.parse().unwrap()).unwrap().map(|d| d.digest.to_string())
        );
    }
    // They are no images of a program.
    world.run(&["extract", "-o", "x", "tree"]).done();
    world.run(&["lint", "tree"]).done();
}

#[test]
fn what_refers_to_an_image_comes_along_from_layouts_and_archives() {
    let Some(one) = Registry::anonymous() else { return };
    let Some(other) = Registry::anonymous() else { return };
    let world = places();
    let source = one.name("me/pass:v1");
    world.run(&["copy", "images", &source]).done();
    let client = Client::new(Settings::default());
    let [tag, about] = sign(&client, &source.parse().unwrap());
    let there = |name: &str| client.resolve(&name.parse().unwrap()).unwrap().is_some();
    world.run(&["copy", "--referrers", &source, "oci:tree"]).done();
    world.run(&["copy", "--referrers", &format!("oci:tree:{source}"), "oci-archive:a.tar"]).done();
    let layout = format!("tree/{}", source.trim_end_matches(":v1").replace(':', "_"));
    let words = [
        "tree".to_owned(),
        format!("oci:tree:{source}"),
        layout.clone(),
        format!("oci:{layout}:v1"),
        "oci-archive:a.tar".to_owned(),
        format!("oci-archive:a.tar:{source}"),
    ];
    for (i, word) in words.iter().enumerate() {
        // By its name alone, an image goes without them.
        let (plain, whole) = (other.name(&format!("plain{i}/x")), other.name(&format!("x{i}/x")));
        world.run(&["copy", word, &format!("{plain}:v2")]).done();
        assert!(!there(&format!("{plain}:{tag}")), "{word}");

        let run = world.run(&["copy", "--referrers", word, &format!("{whole}:v2")]);
        assert!(run.stderr.contains("Copied 1 image and 2 that refer to it in "), "{}", run.stderr);
        assert_eq!(run.done(), format!("{whole}:v2@{}\n", digest(&world)), "{word}");
        assert!(there(&format!("{whole}:{tag}")), "{word}");
        let name: Reference = format!("{whole}:v2").parse().unwrap();
        let listed = client.companions(&name, &client.pull(&name, None).unwrap()).unwrap();
        let mut digests: Vec<_> =
            listed.iter().map(|it| it.artifact.digest().to_string()).collect();
        digests.sort_by_key(|own| *own == about);
        assert_eq!((digests.len(), digests.last()), (2, Some(&about)), "{word}");
    }
    // A whole place keeps its names, and its lists are nobody's images.
    let run = world.run(&["copy", "--referrers", "tree", "oci:again"]);
    assert!(run.stderr.contains("Copied 1 image and 2 that refer to it in "), "{}", run.stderr);
    assert_eq!(run.done(), format!("{source}@{}\n", digest(&world)));
    let index = |tree: &str| {
        let path = world.here().join(layout.replacen("tree", tree, 1)).join("index.json");
        std::fs::read_to_string(path).unwrap()
    };
    assert_eq!(index("again"), index("tree"));
    // Where nothing can belong to an image, nothing is asked for.
    world.run(&["copy", &words[1], "docker-archive:d.tar"]).done();
    let run = world.run(&["copy", "--referrers", "d.tar", "oci:z"]);
    assert!(run.stderr.contains("Copied 1 image in "), "{}", run.stderr);
    run.done();
}

#[test]
fn places_that_take_nothing() {
    let world = places();
    let cases = [
        ("localhost:1/x:v1", 1, "error: failed to push `localhost:1/x:v1`\n"),
        ("oci:pass.tar", 1, "error: failed to write to `oci:"),
        ("me/pass", 2, "error: invalid destination `me/pass`: it has no scheme"),
        ("docker://Upper", 2, "error: invalid reference `Upper`: "),
    ];
    for (destination, code, start) in cases {
        let (own, said) = world.run(&["copy", "-q", "images", destination]).failed(&world);
        assert_eq!(own, code, "{said}");
        assert!(said.starts_with(start), "{said}");
    }
}

#[test]
fn a_docker_archive_takes_one_platform_and_is_read_by_its_path() {
    let host = bpf_arch::Arch::host().unwrap();
    let world = places();
    let run = world.run(&["copy", "images", "docker-archive:d.tar"]);
    let note =
        format!("`docker-archive:{}` gets {host} only", world.here().join("d.tar").display());
    assert!(run.stderr.starts_with(&note), "{}", run.stderr);
    let tree = oci::layout::Tree::new(world.here().join("images"));
    let layout = oci::Layout::open(&tree.directory(&NAME.parse().unwrap())).unwrap();
    let whole = layout.load(&layout.resolve("latest").unwrap()).unwrap();
    let own = whole.images().into_iter().find(|own| own.platform().to_string() == host.platform());
    assert_eq!(run.done(), format!("{NAME}@{}\n", own.unwrap().digest()), "what is there is named");
    // Where another destination takes all, that is the image.
    let both = ["--to", "docker-archive:e.tar", "--to", "oci:all"];
    let run = world.run(&[&["build", "-c", "objects", "-t", NAME], &both[..]].concat());
    assert_eq!(run.done(), format!("{NAME}@{}\n", digest(&world)));

    for word in ["d.tar", "docker-archive:d.tar", &format!("docker-archive:d.tar:{NAME}")] {
        assert_eq!(
            world.run(&["extract", "-o", "x", word]).done(),
            format!("x/{}\n", host.object_file()),
            "{word}"
        );
    }
    let bytes = std::fs::read(world.here().join("x").join(host.object_file())).unwrap();
    assert_eq!(bytes, crate::world::object(host));
}
