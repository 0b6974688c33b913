//! Docker archives of every kind that is about, read and written.

use std::path::Path;

use oci::verify::Limits;
use oci::{Artifact, Digest, Image, Named, archive, docker_archive};
use proptest::prelude::*;

use crate::support::{DURABLE, FAST, files, image, index, named, snapshot};

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
fn what_is_written_is_the_same_every_time_and_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/x.tar");
    let one = Artifact::Image(image("linux/amd64", "one"));
    let two = Artifact::Image(image("linux/arm/v7", "two"));
    let batch = [
        named(&["quay.io/b:v2", "quay.io/b:v1"], one.clone()),
        named(&["quay.io/a:latest"], two.clone()),
    ];
    let archived = docker_archive::write(&path, &batch, DURABLE).unwrap();
    assert_eq!((archived.changed, archived.size), (true, path.metadata().unwrap().len()));
    assert_eq!(
        Digest::of(&host::fs::read(&path).unwrap()).to_string(),
        "sha256:f9300474c11e5052cd248590f726ef4cbab161990b308a4b85e2cab6d86153fa"
    );
    let before = snapshot(dir.path());
    assert!(!docker_archive::write(&path, &batch, DURABLE).unwrap().changed);
    // The order in which images and names are given does not matter.
    let mut other = batch.to_vec();
    other.reverse();
    other[1].references.reverse();
    assert!(!docker_archive::write(&path, &other, FAST).unwrap().changed);
    assert_eq!(snapshot(dir.path()), before);
    let expected = [
        (two.digest(), vec!["quay.io/a:latest".to_owned()]),
        (one.digest(), vec!["quay.io/b:v1".to_owned(), "quay.io/b:v2".to_owned()]),
    ];
    assert_eq!(facts(&read(&path).unwrap()), expected);
    // It is an OCI archive as well.
    let layout = archive::open(&path).unwrap();
    assert_eq!(layout.tags(), ["quay.io/a:latest", "quay.io/b:v1", "quay.io/b:v2"]);
    let report = oci::verify::layout(&layout, Limits::default());
    assert_eq!((report.problems, report.notes), (vec![], vec![]));
}

#[test]
fn what_docker_cannot_hold_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.tar");
    let index = index("one");
    let error = |artifact| {
        let batch = [named(&["quay.io/a:v1"], artifact)];
        docker_archive::write(&path, &batch, FAST).unwrap_err().to_string()
    };
    let expected = format!(
        "`{}` is not an image for one platform, and docker archives hold nothing else",
        index.digest()
    );
    assert_eq!(error(index), expected);
    assert_eq!(files(dir.path()), Vec::<String>::new());
    let one = || Artifact::Image(image("linux/amd64", "one"));
    let two = Artifact::Image(image("linux/amd64", "two"));
    let batch = [named(&["quay.io/a:v1"], one()), named(&["quay.io/a:v1"], two)];
    assert_eq!(
        docker_archive::write(&path, &batch, FAST).unwrap_err().to_string(),
        "`quay.io/a:v1` cannot be written to a layout: two different images have that name"
    );
    for path in [dir.path(), "/dev/null".as_ref()] {
        let error = docker_archive::write(path, &[named(&["quay.io/a:v1"], one())], FAST);
        let expected = format!(
            "`{}` is not a usable docker archive: it is not a regular file",
            path.display()
        );
        assert_eq!(error.unwrap_err().to_string(), expected);
        assert_eq!(read(path).unwrap_err().to_string(), expected);
    }
}

#[test]
fn an_archive_of_docker_20_keeps_the_config_and_gets_compressed_layers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.tar");
    let sample = Sample::new();
    let manifest = format!(
        r#"[{{"Config":"{0}","RepoTags":["quay.io/a:v1"],"Layers":["1/layer.tar"]}},
            {{"Config":"{0}","RepoTags":null,"Layers":["2/layer.tar"]}}]"#,
        sample.config_name
    );
    let entries: [(&str, &[u8]); 4] = [
        ("1/layer.tar", &sample.layer),
        ("2/layer.tar", b"->../1/layer.tar"),
        (&sample.config_name, &sample.config),
        ("./manifest.json", manifest.as_bytes()),
    ];
    tar(&path, &entries);
    // The sample was made as layers are made here, so it comes out the same.
    let digest = sample.image.digest();
    let expected = [(digest, vec!["quay.io/a:v1".to_owned()]), (digest, Vec::new())];
    assert_eq!(facts(&read(&path).unwrap()), expected);
    assert_eq!(files(dir.path()), ["x.tar"]);
}

/// An image and its parts as docker keeps them.
struct Sample {
    image: Image,
    config_name: String,
    config: Vec<u8>,
    layer: Vec<u8>,
}

impl Sample {
    fn new() -> Sample {
        let dir = tempfile::tempdir().unwrap();
        let image = image("linux/amd64", "one");
        let layer = dir.path().join("layer");
        image.layers()[0].unpack(&layer, 1 << 20).unwrap();
        Sample {
            config_name: format!("{}.json", image.config_blob().digest().hex()),
            config: image.config_blob().read(1 << 20).unwrap(),
            layer: host::fs::read(&layer).unwrap(),
            image,
        }
    }

    /// What `docker save` of 25 and newer adds: a layout. Its manifest is of
    /// another kind where the layers are not compressed, and it may name
    /// platforms that are not there.
    fn layout(&self) -> [(String, Vec<u8>); 4] {
        let blob = |digest: Digest| format!("blobs/sha256/{}", digest.hex());
        let manifest = self.image.manifest_blob().read(1 << 20).unwrap();
        let own = self.image.descriptor();
        let inner = format!(
            r#"{{"schemaVersion":2,"manifests":[
                {{"mediaType":"{0}","digest":"{1}","size":{2}}},
                {{"mediaType":"{0}","digest":"{3}","size":5}}]}}"#,
            own.media_type,
            own.digest,
            own.size,
            Digest::of(b"other")
        );
        let index = format!(
            r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"{}","digest":"{}","size":{}}}]}}"#,
            oci::media::INDEX,
            Digest::of(inner.as_bytes()),
            inner.len()
        );
        [
            ("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
            (blob(own.digest), manifest),
            (blob(Digest::of(inner.as_bytes())), inner.into_bytes()),
            ("index.json".to_owned(), index.into_bytes()),
        ]
    }
}

#[test]
fn an_archive_of_docker_25_keeps_its_manifest() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.tar");
    // With an annotation, which only its own manifest has.
    let plain = Sample::new();
    let annotated = Image::builder("linux/amd64".parse().unwrap())
        .layer(plain.image.layers()[0].clone(), "COPY prog.bpf.o /")
        .label("io.ebpf.programs", r#"{"pass":"xdp"}"#)
        .annotation("k", "v")
        .build()
        .unwrap();
    assert_eq!(annotated.config_blob().digest(), plain.image.config_blob().digest());
    let sample = Sample { image: annotated, ..plain };
    let layer = sample.image.layers()[0].blob();
    let blob = |digest: Digest| format!("blobs/sha256/{}", digest.hex());
    let config = blob(sample.image.config_blob().digest());
    let manifest = format!(
        r#"[{{"Config":"{config}","RepoTags":["a:v1"],"Layers":["{}"]}}]"#,
        blob(layer.digest())
    );
    let layer = (blob(layer.digest()), layer.read(1 << 20).unwrap());
    let more = [(config, sample.config.clone()), ("manifest.json".into(), manifest.into_bytes())];
    let mut all: Vec<(String, Vec<u8>)> = sample.layout().to_vec();
    all.extend(more);
    let write = |all: &[(String, Vec<u8>)]| {
        let entries = all.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
        tar(&path, &entries.collect::<Vec<_>>());
    };
    write(&[all.clone(), vec![layer]].concat());
    let expected = [(sample.image.digest(), vec!["docker.io/library/a:v1".to_owned()])];
    assert_eq!(facts(&read(&path).unwrap()), expected);
    // Its layer is not there: neither is that of `manifest.json`.
    write(&all);
    let error = read(&path).unwrap_err().to_string();
    assert!(error.contains("is not a usable docker archive: it has no file `blobs/"), "{error}");
}

#[test]
fn podman_saves_what_reads_back() {
    let Some(podman) = test_support::tool("podman") else { return };
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let storage = format!(
        "[storage]\ndriver = \"vfs\"\ngraphroot = \"{0}/graph\"\nrunroot = \"{0}/run\"\n",
        dir.path().display()
    );
    host::fs::write_atomic(&at("storage.conf"), storage.as_bytes()).unwrap();
    let run = |args: &[&str]| {
        let command = host::Cmd::new(&podman).env("CONTAINERS_STORAGE_CONF", at("storage.conf"));
        let done = command.args(args).run();
        done.unwrap_or_else(|error| panic!("podman {args:?}: {error}: {}", error.stderr));
    };
    let (one, two) = (image("linux/amd64", "one"), image("linux/amd64", "two"));
    let batch = [
        named(&["quay.io/a:v1"], Artifact::Image(one.clone())),
        named(&["quay.io/b:v1"], Artifact::Image(two.clone())),
    ];
    let (loaded, saved) = (at("x.tar"), at("saved.tar"));
    docker_archive::write(&loaded, &batch, FAST).unwrap();
    run(&["load", "-q", "-i", loaded.to_str().unwrap()]);
    let to = saved.to_str().unwrap();
    run(&[
        "save",
        "-q",
        "-m",
        "--format",
        "docker-archive",
        "-o",
        to,
        "quay.io/a:v1",
        "quay.io/b:v1",
    ]);
    let read = docker_archive::read(&saved, dir.path()).unwrap();
    let mut facts = facts(&read);
    facts.sort_by(|a, b| a.1.cmp(&b.1));
    let expected = [
        (one.digest(), vec!["quay.io/a:v1".to_owned()]),
        (two.digest(), vec!["quay.io/b:v1".to_owned()]),
    ];
    assert_eq!(facts, expected);
}

#[test]
fn skopeo_reads_it() {
    let Some(skopeo) = test_support::tool("skopeo") else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.tar");
    let (one, two) = (image("linux/amd64", "one"), image("linux/s390x", "two"));
    let batch = [
        named(&["quay.io/a:v1"], Artifact::Image(one.clone())),
        named(&["quay.io/b:v1"], Artifact::Image(two.clone())),
    ];
    docker_archive::write(&path, &batch, FAST).unwrap();
    for (name, image) in [("quay.io/a:v1", one), ("quay.io/b:v1", two)] {
        let source = format!("docker-archive:{}:{name}", path.display());
        let command = host::Cmd::new(&skopeo).args(["inspect", "--config", "--raw", &source]);
        let output = command.run().unwrap_or_else(|error| panic!("{error}: {}", error.stderr));
        assert_eq!(output.stdout, image.config_blob().read(1 << 20).unwrap());
        // It checks each layer against the config.
        let copy = format!("oci:{}:x", dir.path().join(image.platform().architecture).display());
        let command = host::Cmd::new(&skopeo).args(["--insecure-policy", "copy", &source, &copy]);
        command.run().unwrap_or_else(|error| panic!("{error}: {}", error.stderr));
    }
}

#[test]
fn what_is_wrong_with_an_archive_is_told() {
    let sample = Sample::new();
    let config_name = sample.config_name.as_str();
    let diff_id = sample.image.layers()[0].diff_id();
    let manifest = |config: &str, layers: &str| {
        format!(r#"[{{"Config":"{config}","RepoTags":["a:v1"],"Layers":[{layers}]}}]"#)
    };
    let good = manifest(config_name, r#""l.tar""#);
    let mut damaged = sample.layer.clone();
    damaged[600] ^= 1;
    let damaged_digest = Digest::of(&damaged);
    let other = image("linux/amd64", "two").layers()[0].clone();
    let other_gzip = other.blob().read(1 << 20).unwrap();
    let huge = vec![b' '; (4 << 20) + 1];
    let (zstd, hex) = ([0x28, 0xb5, 0x2f, 0xfd, 0], Digest::of(b"").hex());
    type Entries<'a> = Vec<(&'a str, &'a [u8])>;
    let config: (&str, &[u8]) = (config_name, &sample.config);
    let with = |manifest: &str, more: Entries<'_>, why: &str| {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("in");
        host::fs::create_dir_all(&inner).unwrap();
        let path = inner.join("x.tar");
        let mut entries = vec![("manifest.json", manifest.as_bytes()), config];
        entries.extend(more);
        tar(&path, &entries);
        let error = read(&path).unwrap_err().to_string();
        let shown = path.display().to_string();
        assert_eq!(
            error.replace(&shown, "X"),
            why.replace("NOT", "`X` is not a usable docker archive:")
        );
        assert_eq!(files(dir.path()), ["in/x.tar"], "{why}");
    };
    let layer = sample.layer.as_slice();
    let json = "`manifest.json` is not valid: expected value at line 1 column 1";
    with("what?", vec![], &format!("NOT {json}"));
    with(&good, vec![], "NOT it has no file `l.tar`");
    with(&manifest("absent.json", ""), vec![], "NOT it has no file `absent.json`");
    let ids = format!("NOT `{config_name}` has 1 diff_ids for 0 layers");
    with(&manifest(config_name, ""), vec![], &ids);
    // Names and links that lead out, or round.
    for name in ["../l.tar", "/etc/passwd", "a/../../l.tar", "..", ""] {
        let text = manifest(config_name, &format!(r#""{name}""#));
        with(&text, vec![(name, layer)], &format!("NOT it has no file `{name}`"));
    }
    let links: [&[u8]; 5] =
        [b"->/etc/passwd", b"->../../etc/passwd", b"->l.tar", b"->m.tar", b"->."];
    for link in links {
        let entries = vec![("l.tar", link), ("m.tar", b"->l.tar".as_slice())];
        with(&good, entries, "NOT it has no file `l.tar`");
    }
    // Bytes that are others than they should be.
    let corrupt =
        format!("`{diff_id}` in `X` is corrupt: its bytes are those of `{damaged_digest}`");
    with(&good, vec![("l.tar", &damaged)], &corrupt);
    let holds = format!("NOT `l.tar` holds `{}` instead of `{diff_id}`", other.diff_id());
    with(&good, vec![("l.tar", &other_gzip)], &holds);
    with(
        &good,
        vec![("l.tar", &zstd)],
        "NOT `l.tar` is compressed with zstd, which cannot be read",
    );
    let text = manifest(&format!("{hex}.json"), "");
    let own = sample.image.config_blob().digest();
    let named = format!("{hex}.json");
    let why = format!("NOT `{hex}.json` has the bytes of `{own}`");
    with(&text, vec![(&named, &sample.config)], &why);
    with(
        &good,
        vec![("manifest.json", &huge)],
        "`manifest.json` in `X` is larger than 4194304 bytes",
    );
    let text = good.replace("a:v1", "A:v1");
    let why = "invalid reference `A:v1`: the repository has uppercase letters";
    with(&text, vec![("l.tar", layer)], why);
}

#[test]
fn what_is_no_archive_at_all_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.tar");
    docker_archive::write(
        &path,
        &[named(&["quay.io/a:v1"], Artifact::Image(image("linux/amd64", "one")))],
        FAST,
    )
    .unwrap();
    let good = host::fs::read(&path).unwrap();
    archive::write(&path, &[named(&["quay.io/a:v1"], index("one"))], FAST).unwrap();
    let of_oci = host::fs::read(&path).unwrap();
    let cases: [(&[u8], &str); 4] = [
        (b"", "it has no file `manifest.json`"),
        (&of_oci, "it has no file `manifest.json`"),
        (b"\x1f\x8b\x08\x00", "it is compressed; `gunzip` makes it one"),
        (&good[..1536 + 10], "it is not a tar of one: it ends in the middle of an entry"),
    ];
    for (bytes, why) in cases {
        host::fs::write_atomic(&path, bytes).unwrap();
        let expected = format!("`{}` is not a usable docker archive: {why}", path.display());
        assert_eq!(read(&path).unwrap_err().to_string(), expected);
    }
    let absent = dir.path().join("absent");
    let expected = format!("failed to open `{}`", absent.display());
    assert_eq!(read(&absent).unwrap_err().to_string(), expected);
}

proptest! {
    #[test]
    fn mutated_archives_never_panic_and_leave_nothing(
        edits in prop::collection::vec((any::<u16>(), any::<u8>()), 0..8),
        cut in any::<u16>(),
        legacy: bool,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("in");
        host::fs::create_dir_all(&inner).unwrap();
        let path = inner.join("x.tar");
        if legacy {
            let sample = Sample::new();
            let manifest = format!(r#"[{{"Config":"{}","Layers":["l"]}}]"#, sample.config_name);
            tar(&path, &[
                ("manifest.json", manifest.as_bytes()),
                ("l", b"->./m"),
                ("m", &sample.layer),
                (&sample.config_name, &sample.config),
            ]);
        } else {
            let batch = [named(&["quay.io/a:v1"], Artifact::Image(image("linux/amd64", "one")))];
            docker_archive::write(&path, &batch, FAST).unwrap();
        }
        let mut bytes = host::fs::read(&path).unwrap();
        for (at, byte) in edits {
            let at = usize::from(at) % bytes.len();
            bytes[at] = byte;
        }
        host::fs::write_atomic(&path, &bytes).unwrap();
        let _ = read(&path);
        bytes.truncate(usize::from(cut));
        host::fs::write_atomic(&path, &bytes).unwrap();
        let _ = read(&path);
        prop_assert_eq!(files(dir.path()), ["in/x.tar"]);
    }
}
