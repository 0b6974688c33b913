//! What a write leaves in a tree.

use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;

use oci::layout::Tree;
use oci::{Artifact, Blob, Digest, Layer, Layout, media};

use crate::support::{DURABLE, FAST, files, image, index, named, snapshot, valid_names, write};

#[test]
fn a_tree_has_a_layout_per_repository() {
    let dir = tempfile::tempdir().unwrap();
    let tree = Tree::new(dir.path().join("images"));
    let artifact = index("one");
    let batch = [
        named(
            &["quay.io/a/one:v1", "quay.io/a/one:latest", "localhost:5000/one"],
            artifact.clone(),
        ),
        named(&["quay.io/a/two"], Artifact::Image(image("linux/amd64", "one"))),
    ];
    let written = tree.write(&batch, DURABLE).unwrap();
    let written: Vec<_> = written.into_iter().map(Result::unwrap).collect();
    let names = [
        "localhost:5000/one:latest",
        "quay.io/a/one:latest",
        "quay.io/a/one:v1",
        "quay.io/a/two:latest",
    ];
    assert_eq!(valid_names(&tree), names);
    // Two layers, three configs and manifests, an index: in two layouts,
    // each with two files more. One of each, in one layout.
    assert_eq!((written[0].files_written, written[1].files_written), (2 * 11, 5));
    let on_disk = files(tree.root()).into_iter().filter(|file| !file.starts_with(".lock"));
    assert_eq!(on_disk.count(), 2 * 11 + 5);
    assert!(written.iter().all(|written| written.changed));

    let layout = Layout::open(&tree.directory(&"quay.io/a/one".parse().unwrap())).unwrap();
    let text = host::fs::read_to_string(&layout.path().join("index.json")).unwrap();
    let descriptor = artifact.descriptor();
    let entry = |tag: &str| {
        format!(
            r#"{{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"{}","size":{},"annotations":{{"io.containerd.image.name":"quay.io/a/one:{tag}","org.opencontainers.image.ref.name":"{tag}"}}}}"#,
            descriptor.digest, descriptor.size
        )
    };
    assert_eq!(
        text,
        format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{},{}]}}"#,
            entry("latest"),
            entry("v1")
        )
    );
    let marker = host::fs::read_to_string(&layout.path().join("oci-layout")).unwrap();
    assert_eq!(marker, r#"{"imageLayoutVersion":"1.0.0"}"#);
    for file in files(tree.root()).iter().filter(|file| !file.starts_with(".lock")) {
        let mode = tree.root().join(file).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644, "{file}");
    }
}

#[test]
fn what_is_written_loads_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let tree = Tree::new(dir.path());
    let artifact = index("one");
    write(&tree, &[named(&["quay.io/a:v1"], artifact.clone())]);
    let layout = Layout::open(&dir.path().join("quay.io/a")).unwrap();
    assert_eq!(layout.tags(), ["v1"]);
    let child = artifact.images()[1].digest();
    for name in ["v1", "quay.io/a:v1", &artifact.digest().to_string()] {
        let loaded = layout.load(&layout.resolve(name).unwrap()).unwrap();
        let digests = |artifact: &Artifact| artifact.blobs().map(Blob::digest).collect::<Vec<_>>();
        assert_eq!(digests(&loaded), digests(&artifact), "{name}");
    }
    let loaded = layout.load(&layout.resolve(&child.to_string()).unwrap()).unwrap();
    assert_eq!((loaded.digest(), loaded.platforms()[0].to_string()), (child, "linux/arm64".into()));
    let absent = Digest::of(b"absent").to_string();
    let cases = [("v2", "no `v2`; it has `v1`"), (absent.as_str(), "is missing from")];
    for (name, message) in cases {
        let error = layout.resolve(name).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn nothing_is_written_when_nothing_changed() {
    let dir = tempfile::tempdir().unwrap();
    let tree = Tree::new(dir.path());
    let batch = [named(&["quay.io/a:v1", "quay.io/b:v1"], index("one"))];
    assert!(write(&tree, &batch)[0].changed);
    let before = snapshot(dir.path());
    for _ in 0..2 {
        let again = &write(&tree, &batch)[0];
        assert_eq!((again.changed, again.files_written, again.bytes_written), (false, 0, 0));
        assert_eq!(snapshot(dir.path()), before);
    }
    // Nor if what is written was read from there.
    let layout = Layout::open(&dir.path().join("quay.io/a")).unwrap();
    let loaded = layout.load(&layout.resolve("v1").unwrap()).unwrap();
    assert!(!write(&tree, &[named(&["quay.io/a:v1", "quay.io/b:v1"], loaded)])[0].changed);
    assert_eq!(snapshot(dir.path()), before);
}

#[test]
fn a_tag_is_replaced_and_the_others_stay() {
    let dir = tempfile::tempdir().unwrap();
    let tree = Tree::new(dir.path());
    let (one, two) = (index("one"), index("two"));
    write(&tree, &[named(&["quay.io/a:v1", "quay.io/a:latest"], one.clone())]);
    let written = write(&tree, &[named(&["quay.io/a:latest"], two.clone())]);
    // Everything but the other tag's entry is new, the marker is not.
    assert_eq!(written[0].files_written, 10);
    let layout = Layout::open(&dir.path().join("quay.io/a")).unwrap();
    assert_eq!(layout.resolve("v1").unwrap().digest, one.digest());
    assert_eq!(layout.resolve("latest").unwrap().digest, two.digest());
    // A tag that moves back needs its entry alone.
    let written = write(&tree, &[named(&["quay.io/a:latest"], one)]);
    assert_eq!((written[0].files_written, written[0].changed), (1, true));
}

#[test]
fn equal_blobs_of_a_tree_are_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let tree = Tree::new(dir.path());
    let artifact = index("one");
    write(&tree, &[named(&["quay.io/a", "quay.io/b", "[::1]:5000/c"], artifact.clone())]);
    for blob in artifact.blobs() {
        let inode = |repository: &str| {
            let path = format!("{repository}/blobs/sha256/{}", blob.digest().hex());
            dir.path().join(path).metadata().unwrap().ino()
        };
        assert_eq!(inode("quay.io/a"), inode("quay.io/b"));
        assert_eq!(inode("quay.io/a"), inode("[__1]_5000/c"));
    }
}

#[test]
fn corrupt_blobs_are_repaired() {
    let dir = tempfile::tempdir().unwrap();
    let tree = Tree::new(dir.path());
    let batch = [named(&["quay.io/a:v1", "quay.io/b:v1"], index("one"))];
    write(&tree, &batch);
    for blob in batch[0].artifact.blobs() {
        // The same length, another, and none: in both, for they are linked.
        let bytes = blob.read(9999).unwrap();
        for bad in [vec![b'x'; bytes.len()], b"short".to_vec(), Vec::new()] {
            let path = dir.path().join("quay.io/a/blobs/sha256").join(blob.digest().hex());
            std::fs::OpenOptions::new().write(true).truncate(true).open(&path).unwrap();
            host::fs::write_atomic(&path, &bad).unwrap();
            let written = &write(&tree, &batch)[0];
            assert!(written.changed && written.files_written > 0);
            assert_eq!(valid_names(&tree), ["quay.io/a:v1", "quay.io/b:v1"]);
        }
    }
}

#[test]
fn layouts_that_cannot_be_understood_are_refused_and_left_alone() {
    let cases = [
        ("index.json", "{", "`index.json` is not valid: EOF while parsing an object"),
        (
            "index.json",
            r#"{"schemaVersion":1,"manifests":[]}"#,
            "`index.json` has schema version 1, not 2",
        ),
        ("oci-layout", r#"{"imageLayoutVersion":"9"}"#, "`oci-layout` has version `9`, not 1.0.0"),
        ("oci-layout", "", "`oci-layout` is not valid: EOF"),
    ];
    for (file, text, reason) in cases {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::new(dir.path());
        write(&tree, &[named(&["quay.io/a:v1"], index("one"))]);
        let path = dir.path().join("quay.io/a").join(file);
        host::fs::write_atomic(&path, text.as_bytes()).unwrap();
        let batch = [named(&["quay.io/a:v2"], index("one")), named(&["quay.io/b"], index("two"))];
        let outcomes = tree.write(&batch, FAST).unwrap();
        let error = outcomes[0].as_ref().unwrap_err();
        let layout = dir.path().join("quay.io/a");
        let expected = format!("`{}` is not a usable OCI image layout: {reason}", layout.display());
        assert!(error.to_string().starts_with(&expected), "{error}");
        assert!(error.hint().unwrap().contains("move"));
        assert_eq!(host::fs::read_to_string(&path).unwrap(), text);
        // The other artifact of the batch is not concerned.
        assert!(outcomes[1].as_ref().unwrap().changed);
        let error = Layout::open(&layout).unwrap_err().to_string();
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[test]
fn impossible_names_are_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let tree = Tree::new(dir.path().join("images"));
    let (one, other) = (index("one"), Digest::of(b"other"));
    let untagged = format!("quay.io/a@{}", one.digest());
    let wrong = format!("quay.io/a:v1@{other}");
    let cases = [
        (
            vec![named(&[&untagged], one.clone())],
            format!("`{untagged}` cannot be written to a layout: it has no tag"),
        ),
        (
            vec![named(&[&wrong], one.clone())],
            format!("`{wrong}` cannot be written to a layout: the image has another digest"),
        ),
        (
            vec![named(&[], one.clone())],
            format!(
                "failed to assemble the image: `{}` has no name to be written under",
                one.digest()
            ),
        ),
        (
            vec![named(&["quay.io/a"], one.clone()), named(&["quay.io/a:latest"], index("two"))],
            "`quay.io/a:latest` cannot be written to a layout: two different images have that name"
                .into(),
        ),
    ];
    for (batch, message) in cases {
        assert_eq!(tree.write(&batch, FAST).unwrap_err().to_string(), message);
        assert!(!tree.root().exists());
    }
    // The same twice is no contradiction.
    write(&tree, &[named(&["quay.io/a"], one.clone()), named(&["quay.io/a:latest"], one)]);
}

#[test]
fn layers_may_be_files_and_are_checked_on_the_way() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("layer.tar.gz");
    let layer = Layer::single_file("big", &vec![3; 1 << 20], 0).unwrap();
    host::fs::write_atomic(&source, &layer.blob().read(1 << 24).unwrap()).unwrap();
    let blob = Blob::from_file(media::LAYER_GZIP, &source).unwrap();
    let build = |blob: Blob| {
        let layer = Layer::new(blob, layer.diff_id());
        let builder = oci::Image::builder("linux/amd64".parse().unwrap());
        Artifact::Image(builder.layer(layer, "COPY").build().unwrap())
    };
    let artifact = build(blob.clone());
    assert_eq!(artifact.digest(), build(layer.blob().clone()).digest());
    let tree = Tree::new(dir.path().join("images"));
    let batch = [named(&["quay.io/a"], artifact)];
    write(&tree, &batch);
    assert!(!write(&tree, &batch)[0].changed);
    assert_eq!(valid_names(&tree), ["quay.io/a:latest"]);

    host::fs::write_atomic(&source, b"changed behind our back").unwrap();
    let other = Tree::new(dir.path().join("other"));
    let error = other.write(&batch, FAST).unwrap().remove(0).unwrap_err().to_string();
    assert!(error.contains(&format!("in `{}` is corrupt", source.display())), "{error}");
    assert!(other.layouts().unwrap().is_empty());
}
