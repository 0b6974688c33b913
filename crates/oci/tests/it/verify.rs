//! What is said of layouts that are damaged, and of hostile ones.

use std::path::PathBuf;

use oci::layout::{Tree, blob_path};
use oci::spec::{ImageConfig, Index, Manifest};
use oci::verify::Limits;
use oci::{Artifact, Blob, Digest, Image, Layer, Layout, media};

use crate::forge::{Forge, for_platform};
use crate::support::{image, index, judge, named, texts, write};

struct Sample {
    _dir: tempfile::TempDir,
    path: PathBuf,
    artifact: Artifact,
}

fn sample() -> Sample {
    let dir = tempfile::tempdir().unwrap();
    let artifact = index("one");
    write(&Tree::new(dir.path()), &[named(&["quay.io/a:v1"], artifact.clone())]);
    Sample { path: dir.path().join("quay.io/a"), _dir: dir, artifact }
}

impl Sample {
    fn damage(&self, digest: Digest, bytes: Option<&[u8]>) -> PathBuf {
        let path = blob_path(&self.path, digest);
        match bytes {
            Some(bytes) => host::fs::write_atomic(&path, bytes).unwrap(),
            None => host::fs::remove_file(&path).unwrap(),
        }
        path
    }
}

#[test]
fn a_good_layout_has_facts_and_no_problems() {
    let sample = sample();
    let stray = Blob::from_bytes("", *b"stray");
    host::fs::write_atomic(&blob_path(&sample.path, stray.digest()), b"stray").unwrap();
    let report = judge(&sample.path);
    assert_eq!(report.problems, []);
    assert_eq!(texts(&report.notes), [format!("nothing names the blob `{}`", stray.digest())]);
    let [name] = report.names.as_slice() else { panic!("there is one name") };
    assert_eq!(name.tag.as_deref(), Some("v1"));
    assert_eq!(name.full_name.as_deref(), Some("quay.io/a:v1"));
    assert_eq!(name.descriptor.digest, sample.artifact.digest());
    for (verified, image) in name.images.iter().zip(sample.artifact.images()) {
        assert_eq!(verified.platform, image.platform());
        assert_eq!(&verified.descriptor, image.descriptor());
        assert_eq!(&*verified.config, image.config());
        assert_eq!(&*verified.manifest, image.manifest());
    }
    assert_eq!(name.images.len(), 3);
}

#[test]
fn damage_is_named_with_the_way_to_it() {
    let digests = |sample: &Sample| {
        let images = sample.artifact.images();
        let layer = |i: usize| images[i].layers()[0].blob().digest();
        (sample.artifact.digest(), images[2].digest(), images[2].config_blob().digest(), layer(0))
    };
    let check = |damaged: Digest, bytes: Option<&[u8]>, sample: &Sample, expected: &[&str]| {
        let path = sample.damage(damaged, bytes);
        let place = if bytes.is_some() { &path } else { &sample.path };
        let expected: Vec<_> = expected
            .iter()
            .map(|line| line.replace("FILE", &format!("`{damaged}` in `{}`", place.display())))
            .map(|line| {
                line.replace("GONE", &format!("`{damaged}` is missing from `{}`", place.display()))
            })
            .collect();
        assert_eq!(texts(&judge(&sample.path).problems), expected);
    };
    let sample1 = sample();
    let (index, manifest, config, shared) = digests(&sample1);
    check(index, None, &sample1, &["`v1`: GONE"]);
    check(
        index,
        Some(b"x"),
        &sample1,
        &[&format!(
            "`v1`: FILE is corrupt: it is 1 bytes long instead of {}",
            sample1.artifact.descriptor().size
        )],
    );
    let sample2 = sample();
    check(manifest, None, &sample2, &["`v1` → `linux/s390x`: GONE"]);
    let sample3 = sample();
    check(config, None, &sample3, &["`v1` → `linux/s390x`: GONE"]);
    let sample4 = sample();
    // Two platforms share it.
    check(shared, None, &sample4, &["`v1` → `linux/amd64`: GONE", "`v1` → `linux/arm64`: GONE"]);
    let sample5 = sample();
    let size = sample5.artifact.images()[0].layers()[0].blob().size() as usize;
    let zeros = vec![0; size];
    let reason = format!("FILE is corrupt: its bytes are those of `{}`", Digest::of(&zeros));
    let lines = ["amd64", "arm64"].map(|arch| format!("`v1` → `linux/{arch}`: {reason}"));
    check(shared, Some(&zeros), &sample5, &[&lines[0], &lines[1]]);
    let sample6 = sample();
    let truncated = sample6.artifact.images()[2].config_blob().read(9999).unwrap();
    let (size, cut) = (truncated.len(), truncated.len() - 1);
    let line = format!("FILE is corrupt: it is {cut} bytes long instead of {size}");
    check(config, Some(&truncated[..cut]), &sample6, &[&format!("`v1` → `linux/s390x`: {line}")]);
}

/// What cannot be read might name anything: then nothing is called useless.
#[test]
fn files_of_no_use_are_noted() {
    let sample = sample();
    let notes = || texts(&judge(&sample.path).notes);
    let strays: Vec<_> = [b"1", b"2"].map(|bytes| Blob::from_bytes("", *bytes)).into();
    for stray in &strays {
        let path = blob_path(&sample.path, stray.digest());
        host::fs::write_atomic(&path, &stray.read(9).unwrap()).unwrap();
    }
    let first = strays.iter().map(Blob::digest).min().unwrap();
    let lost = format!("nothing names 2 of its blobs, `{first}` for one");
    assert_eq!(notes(), std::slice::from_ref(&lost));
    let leftover = sample.path.join(".staged-index.json");
    host::fs::write_atomic(&leftover, b"{").unwrap();
    let left = format!("an interrupted write left `{}`", leftover.display());
    assert_eq!(notes(), [lost, left.clone()]);
    sample.damage(sample.artifact.images()[0].digest(), None);
    assert_eq!(notes(), [left]);
    host::fs::write_atomic(&sample.path.join("blobs/sha256/.staged-x"), b"").unwrap();
    let left = format!("interrupted writes left 2 files, `{}` for one", leftover.display());
    assert_eq!(notes(), [left]);
}

#[test]
fn a_tag_that_stands_twice_is_a_problem() {
    let sample = sample();
    let file = sample.path.join("index.json");
    let mut index: Index = serde_json::from_slice(&host::fs::read(&file).unwrap()).unwrap();
    index.manifests.push(index.manifests[0].clone());
    host::fs::write_atomic(&file, &serde_json::to_vec(&index).unwrap()).unwrap();
    let expected = format!("`v1`: `{}`: another entry has the same tag", sample.artifact.digest());
    assert_eq!(texts(&judge(&sample.path).problems), [expected]);
}

#[test]
fn claims_that_are_not_true_are_named() {
    let forge = Forge::new();
    let layer = Layer::single_file("a.o", b"bytes", 0).unwrap();
    let wrong = Layer::new(layer.blob().clone(), Digest::of(b"wrong"));
    let build = |layer: Layer| {
        Image::builder("linux/arm/v7".parse().unwrap()).layer(layer, "COPY").build().unwrap()
    };
    let (good, bad) = (build(layer.clone()), build(wrong));
    let (good_descriptor, bad_descriptor) = (forge.image(&good), forge.image(&bad));

    let mut no_platform: ImageConfig = good.config().clone();
    no_platform.os = String::new();
    no_platform.rootfs.diff_ids.clear();
    let config = forge.json(media::CONFIG, &no_platform);
    let broken = forge.json(
        media::MANIFEST,
        &Manifest {
            schema_version: 1,
            media_type: Some(media::DOCKER_MANIFEST.into()),
            config: config.clone(),
            ..good.manifest().clone()
        },
    );
    let unparsable = forge.json(
        media::MANIFEST,
        &Manifest { config: forge.blob(media::CONFIG, b"[]"), ..good.manifest().clone() },
    );
    let other = forge.blob("text/plain", b"text");

    let nested = forge.json(
        media::INDEX,
        &Index::new(vec![
            for_platform(&good_descriptor, "linux/arm/v7"),
            for_platform(&good_descriptor, "linux/arm/v6"),
            for_platform(&good_descriptor, "linux/arm"),
            for_platform(&good_descriptor, "linux/arm"),
            for_platform(&bad_descriptor, "linux/s390x"),
        ]),
    );
    let outer = forge.json(media::INDEX, &Index::new(vec![nested.clone()]));
    let way = format!("`{}` → `{}`", outer.digest, nested.digest);
    let unparsable_digest = unparsable.digest;
    let report =
        forge.judge(vec![outer, broken.clone(), unparsable, other.clone()], Limits::default());
    let (good_digest, bad_digest) = (good.digest(), bad.digest());
    let array = Digest::of(b"[]");
    let expected = [
        format!(
            "{way} → `linux/arm/v6`: `{good_digest}`: its config is for `linux/arm/v7`, but it is named as for `linux/arm/v6`"
        ),
        format!(
            "{way} → `linux/arm`: `{good_digest}`: the index has several images for this platform"
        ),
        format!(
            "{way} → `linux/s390x`: `{bad_digest}`: its config is for `linux/arm/v7`, but it is named as for `linux/s390x`"
        ),
        format!(
            "{way} → `linux/s390x`: `{}`: its tar is `{}`, but the config says `{}`",
            layer.blob().digest(),
            layer.diff_id(),
            Digest::of(b"wrong")
        ),
        format!("`{0}`: `{0}`: its schema version is 1, not 2", broken.digest),
        format!(
            "`{0}`: `{0}`: its media type is `{1}`, but it is named as `{2}`",
            broken.digest,
            media::DOCKER_MANIFEST,
            media::MANIFEST
        ),
        format!("`{0}`: `{0}`: its config names no platform", broken.digest),
        format!("`{}`: `{}`: its config has 0 diff_ids for 1 layers", broken.digest, config.digest),
        format!(
            "`{unparsable_digest}`: `{array}` is not a valid image config: invalid type: sequence, expected struct ImageConfig at line 1 column 0"
        ),
        format!("`{0}`: `{0}`: its media type `text/plain` is none of a manifest", other.digest),
    ];
    let found = texts(&report.problems);
    assert_eq!(found.join("\n"), expected.join("\n"));
}

#[test]
fn an_artifact_that_is_no_image_is_noted() {
    let forge = Forge::new();
    let config = forge.blob("application/vnd.oci.empty.v1+json", b"{}");
    let text = forge.blob("text/plain", b"text");
    let manifest =
        Manifest { config, layers: vec![text], ..image("linux/amd64", "x").manifest().clone() };
    let descriptor = forge.json(media::MANIFEST, &manifest);
    let report = forge.judge(vec![descriptor.clone()], Limits::default());
    assert_eq!(report.problems, []);
    let note = "it is no image: its config has the media type `application/vnd.oci.empty.v1+json`";
    assert_eq!(texts(&report.notes), [format!("`{0}`: `{0}`: {note}", descriptor.digest)]);
    assert!(Layout::open(forge.path()).unwrap().load(&descriptor).is_ok());
}
