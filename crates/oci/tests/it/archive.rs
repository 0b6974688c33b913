//! Archives, written and read back.

use oci::layout::{IMAGE_NAME, REF_NAME, Tree};
use oci::verify::Limits;
use oci::{Artifact, Blob, Digest, archive};

use crate::support::{DURABLE, FAST, files, image, index, named, snapshot, texts, write};

#[test]
fn an_archive_is_the_same_every_time_and_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/images.tar");
    let (one, two) = (index("one"), Artifact::Image(image("linux/arm/v7", "two")));
    let batch = [named(&["quay.io/b:v1", "quay.io/b:v2"], one.clone()), named(&["quay.io/a"], two)];
    let archived = archive::write(&path, &batch, DURABLE).unwrap();
    assert_eq!((archived.changed, archived.size), (true, path.metadata().unwrap().len()));
    assert_eq!(
        Digest::of(&host::fs::read(&path).unwrap()).to_string(),
        "sha256:faaabd492f3b10ee84e7c08461e7f9a0f47303e3924b559a32f42e2e927c4c36"
    );
    let before = snapshot(dir.path());
    assert!(!archive::write(&path, &batch, DURABLE).unwrap().changed);
    assert_eq!(snapshot(dir.path()), before);
    assert_eq!(files(dir.path()), ["new/images.tar"]);

    let layout = archive::open(&path).unwrap();
    let names = ["quay.io/a:latest", "quay.io/b:v1", "quay.io/b:v2"];
    assert_eq!(layout.tags(), names);
    for (entry, name) in layout.index().manifests.iter().zip(names) {
        assert_eq!((&*entry.annotations[REF_NAME], &*entry.annotations[IMAGE_NAME]), (name, name));
    }
    let report = oci::verify::layout(&layout, Limits::default());
    assert_eq!((report.problems, report.notes), (vec![], vec![]));
    assert_eq!(report.names[0].images[0].platform.to_string(), "linux/arm/v7");

    // From the archive to a tree, without unpacking.
    let loaded = layout.load(&layout.resolve("quay.io/b:v1").unwrap()).unwrap();
    let digests = |artifact: &Artifact| artifact.blobs().map(Blob::digest).collect::<Vec<_>>();
    assert_eq!(digests(&loaded), digests(&one));
    let tree = Tree::new(dir.path().join("tree"));
    write(&tree, &[named(&["quay.io/b:v1"], loaded.clone())]);
    assert_eq!(crate::support::valid_names(&tree), ["quay.io/b:v1"]);
    // And from the archive to an archive that replaces it.
    let smaller = [named(&["quay.io/c"], loaded)];
    assert!(archive::write(&path, &smaller, FAST).unwrap().changed);
    assert_eq!(archive::open(&path).unwrap().tags(), ["quay.io/c:latest"]);
}

#[test]
fn what_is_no_archive_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.tar");
    archive::write(&path, &[named(&["quay.io/a"], index("one"))], FAST).unwrap();
    let good = host::fs::read(&path).unwrap();
    let cases: [(&[u8], &str); 5] = [
        (b"", "it has no `oci-layout`"),
        (
            &[b'x'; 2048],
            "it is not a tar of one: numeric field was not a number: xxxxxxxx when getting cksum for xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ),
        (&good[..good.len() - 2048], "it has no `oci-layout`"),
        (&good[..good.len() - 1536], "it is not a tar of one: it ends in the middle of an entry"),
        (&good[..1536 + 10], "it is not a tar of one: it ends in the middle of an entry"),
    ];
    for (bytes, reason) in cases {
        host::fs::write_atomic(&path, bytes).unwrap();
        let error = archive::open(&path).unwrap_err().to_string();
        let expected = format!("`{}` is not a usable OCI image layout: {reason}", path.display());
        assert_eq!(error, expected);
    }
}

#[test]
fn a_failed_write_leaves_the_old_archive() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.tar");
    archive::write(&path, &[named(&["quay.io/a"], index("one"))], FAST).unwrap();
    let layout = archive::open(&path).unwrap();
    let loaded = layout.load(&layout.resolve("quay.io/a:latest").unwrap()).unwrap();
    // Damage a layer of the source, which is noticed on the way only.
    let other = dir.path().join("other.tar");
    let batch = [named(&["quay.io/a"], loaded)];
    let mut bytes = host::fs::read(&path).unwrap();
    let layer = batch[0].artifact.images()[0].layers()[0].blob().clone();
    let oci::Content::File { offset, .. } = layer.content() else { panic!("it is in the archive") };
    bytes[*offset as usize] ^= 1;
    host::fs::write_atomic(&path, &bytes).unwrap();
    archive::write(&other, &[named(&["quay.io/old"], index("two"))], FAST).unwrap();
    let before = host::fs::read(&other).unwrap();
    let error = archive::write(&other, &batch, FAST).unwrap_err().to_string();
    assert!(error.starts_with(&format!("`{}` in", layer.digest())), "{error}");
    assert_eq!(host::fs::read(&other).unwrap(), before);
    assert_eq!(files(dir.path()), ["other.tar", "x.tar"]);
    let report = oci::verify::layout(&archive::open(&path).unwrap(), Limits::default());
    assert_eq!(texts(&report.problems).len(), 2);
}

#[test]
fn what_is_no_file_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    host::Cmd::new("mkfifo").arg(&pipe).run().unwrap();
    for path in [pipe.as_path(), dir.path(), "/dev/null".as_ref()] {
        let expected = format!(
            "`{}` is not a usable OCI image layout: it is not a regular file",
            path.display()
        );
        let error = archive::write(path, &[named(&["quay.io/a"], index("one"))], FAST).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert_eq!(archive::open(path).unwrap_err().to_string(), expected);
    }
    let absent = dir.path().join("absent");
    let error = archive::open(&absent).unwrap_err().to_string();
    assert_eq!(error, format!("failed to open `{}`", absent.display()));
}
