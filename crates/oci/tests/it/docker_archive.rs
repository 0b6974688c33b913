//! Docker archives of every kind that is about, read and written.

use std::path::Path;

use oci::{Artifact, Digest, Named, docker_archive};

use crate::support::{FAST, image, named};

/// Writes a tar of these entries; one whose text starts with `->` is a link.
pub(crate) fn tar(path: &Path, entries: &[(&str, &[u8])]) {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_mode(0o644);
        if let Some(target) = bytes.strip_prefix(b"->") {
            header.set_entry_type(tar::EntryType::Symlink);
            header.as_old_mut().linkname[..target.len()].copy_from_slice(target);
            header.set_size(0);
            header.set_cksum();
            builder.append(&header, &b""[..]).unwrap();
        } else {
            header.set_size(bytes.len() as u64);
            header.set_cksum();
            builder.append(&header, *bytes).unwrap();
        }
    }
    host::fs::write_atomic(path, &builder.into_inner().unwrap()).unwrap();
}

fn read(path: &Path) -> Result<Vec<Named>, oci::Error> {
    docker_archive::read(path, path.parent().unwrap())
}

/// What an image is in registries, and its names.
fn facts(batch: &[Named]) -> Vec<(Digest, Vec<String>)> {
    let names = |named: &Named| named.references.iter().map(ToString::to_string).collect();
    batch.iter().map(|named| (named.artifact.digest(), names(named))).collect()
}

#[test]
fn what_is_written_reads_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.tar");
    let one = Artifact::Image(image("linux/amd64", "one"));
    let two = Artifact::Image(image("linux/arm/v7", "two"));
    let batch = [
        named(&["quay.io/b:v2", "quay.io/b:v1"], one.clone()),
        named(&["quay.io/a:latest"], two.clone()),
    ];
    docker_archive::write(&path, &batch, FAST).unwrap();
    let expected = [
        (two.digest(), vec!["quay.io/a:latest".to_owned()]),
        (one.digest(), vec!["quay.io/b:v1".to_owned(), "quay.io/b:v2".to_owned()]),
    ];
    assert_eq!(facts(&read(&path).unwrap()), expected);
}

#[test]
fn an_archive_of_docker_20_keeps_the_config_and_gets_compressed_layers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.tar");
    let image = image("linux/amd64", "one");
    let config = image.config_blob().read(1 << 20).unwrap();
    let hex = image.config_blob().digest().hex();
    let unpacked = dir.path().join("layer");
    image.layers()[0].unpack(&unpacked, 1 << 20).unwrap();
    let layer = host::fs::read(&unpacked).unwrap();
    let manifest = format!(
        r#"[{{"Config":"{hex}.json","RepoTags":["quay.io/a:v1"],"Layers":["1/layer.tar"]}},
            {{"Config":"{hex}.json","RepoTags":null,"Layers":["2/layer.tar"]}}]"#
    );
    let entries: [(&str, &[u8]); 4] = [
        ("1/layer.tar", &layer),
        ("2/layer.tar", b"->../1/layer.tar"),
        (&format!("{hex}.json"), &config),
        ("manifest.json", manifest.as_bytes()),
    ];
    tar(&path, &entries);
    // The sample was made as layers are made here, so it comes out the same.
    let expected =
        [(image.digest(), vec!["quay.io/a:v1".to_owned()]), (image.digest(), Vec::new())];
    assert_eq!(facts(&read(&path).unwrap()), expected);
}
