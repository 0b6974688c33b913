//! What a stage starts from: images with layers, settings and history.

use oci::spec::ContainerConfig;
use oci::{Blob, Digest, Image, Layer, media};
use serde_json::json;

use crate::support::{World, platform, same, show};

/// One entry of a layer: kind, name, link or content.
pub(crate) type Entry = (char, &'static str, &'static str);

/// Makes a layer that is a plain tar: files 'f', directories 'd', links 'l',
/// hard links 'h', pipes 'p'.
pub(crate) fn layer(entries: &[Entry]) -> Layer {
    let mut tar = tar::Builder::new(Vec::new());
    for (kind, name, content) in entries {
        let mut header = tar::Header::new_gnu();
        let (entry_type, size) = match kind {
            'f' => (tar::EntryType::Regular, content.len()),
            'd' => (tar::EntryType::Directory, 0),
            'l' => (tar::EntryType::Symlink, 0),
            'h' => (tar::EntryType::Link, 0),
            _ => (tar::EntryType::Fifo, 0),
        };
        header.set_entry_type(entry_type);
        header.set_size(size as u64);
        header.set_mode(if *kind == 'd' { 0o2775 } else { 0o640 });
        header.set_uid(7);
        header.set_gid(8);
        header.set_mtime(99);
        // As they are, `..` and all.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        if matches!(kind, 'l' | 'h') {
            header.set_link_name_literal(content).unwrap();
        }
        header.set_cksum();
        let content = if *kind == 'f' { content.as_bytes() } else { &[] };
        tar.append(&header, content).unwrap();
    }
    let tar = tar.into_inner().unwrap();
    let diff_id = Digest::of(&tar);
    Layer::new(Blob::from_bytes(media::LAYER_TAR, tar), diff_id)
}

/// Makes an image of such layers.
pub(crate) fn image(layers: &[&[Entry]]) -> Image {
    let builder = Image::builder(platform("linux/amd64"));
    let add = |image: oci::ImageBuilder, entries: &&[Entry]| image.layer(layer(entries), "old");
    layers.iter().fold(builder, add).build().unwrap()
}

fn lower() -> Image {
    image(&[
        &[
            ('d', "etc/", ""),
            ('f', "etc/passwd", "root:x:0:0::/:\nbpf:x:66:67::/:\n"),
            ('f', "etc/a", "1"),
            ('f', "etc/gone", "1"),
            ('d', "opt/", ""),
            ('f', "opt/old", "1"),
            ('f', "usr/lib/x", "x"),
            ('l', "lib", "usr/lib"),
            ('h', "etc/hard", "etc/a"),
        ],
        &[
            ('f', "etc/a", "2"),
            ('f', "etc/.wh.gone", ""),
            ('f', "opt/new", "2"),
            ('f', "opt/.wh..wh..opq", ""),
            ('f', "lib/y", "y"),
            ('p', "etc/pipe", ""),
        ],
    ])
}

#[test]
fn an_image_brings_its_settings_along() {
    let base: ContainerConfig = serde_json::from_value(json!({
        "User": "66",
        "ExposedPorts": {"1/tcp": {}},
        "Env": ["PATH=/bin", "A=1"],
        "Entrypoint": ["/old"],
        "Cmd": ["old"],
        "WorkingDir": "/etc",
        "Labels": {"a": "old", "b": "old"},
        "Shell": ["/bin/ash", "-c"],
        "Healthcheck": {"Test": ["NONE"]},
    }))
    .unwrap();
    let image = Image::builder(platform("linux/amd64"))
        .history("FROM nothing")
        .layer(layer(&[('d', "etc/", "")]), "old")
        .container(base)
        .annotation("of", "the base")
        .build()
        .unwrap();
    let world =
        World::new("FROM base\nLABEL a=new\nENV B=${A}2\nCOPY f .\nCMD x\nEXPOSE 2\nWORKDIR sub\n")
            .file("f", "F")
            .image("base", image);
    let built = world.only(&world.request());
    assert!(built.annotations().is_empty());
    same(
        &show(&built).replace("  d 2775 7:8 etc/\n", ""),
        r#"
        linux/amd64 1970-01-01T00:00:00Z
        {"User":"66","ExposedPorts":{"1/tcp":{},"2/tcp":{}},"Env":["PATH=/bin","A=1","B=12"],"Entrypoint":["/old"],"Cmd":["/bin/ash","-c","x"],"WorkingDir":"/etc/sub","Labels":{"a":"new","b":"old"},"Healthcheck":{"Test":["NONE"]},"Shell":["/bin/ash","-c"]}
        FROM nothing
        old
        LABEL a=new
        ENV B=${A}2
        COPY f .
          f 0644 0:0 etc/f F
        CMD x
        EXPOSE 2
        WORKDIR sub
          d 0755 66:66 etc/sub/
        "#,
    );
}

#[test]
fn layers_lie_one_on_the_other() {
    let world = World::new("FROM scratch\nCOPY --from=base / /\n").image("base", lower());
    let mut request = world.request();
    // What cannot be copied is not, and everything else keeps its owner.
    same(
        &world.fail_with(&request),
        "
        `Containerfile`, line 2: `COPY --from=base / /` failed for linux/amd64
          `etc/pipe` in the image `docker.io/library/base:latest` is a named pipe, which cannot be copied
        ",
    );
    let world = World::new(
        "FROM scratch\nCOPY --from=base /etc/[ahp]* /lib /opt /\nCOPY --from=0 /lib/y /etc/passwd /\nFROM scratch AS b\nCOPY --from=base --chown=bpf lib/../lib/x etc/gone /\n",
    )
    .image("base", lower());
    request = world.request();
    request.target = Some("b".to_owned());
    same(
        &world.fail_with(&request),
        "
        `Containerfile`, line 5: `COPY --from=base --chown=bpf lib/../lib/x etc/gone /` failed for linux/amd64
          the user `bpf` is not in `/etc/passwd` of the stage
        ",
    );
    let world = World::new(
        "FROM base AS it\nCOPY --chown=bpf f /lib/z\nCOPY --from=base etc/a etc/hard /lib/x /opt /etc/new/\nCOPY f /opt/\nFROM scratch\nCOPY --from=it lib /l\nCOPY --from=it etc/passwd etc/new/a /\n",
    )
    .file("f", "F")
    .image("base", lower());
    let text = world.show();
    same(
        &text.lines().skip(2).map(|line| format!("{line}\n")).collect::<String>(),
        "
        COPY --from=it lib /l
          d 0755 0:0 l/
          f 0640 7:8 l/x x
          f 0640 7:8 l/y y
          f 0644 66:67 l/z F
        COPY --from=it etc/passwd etc/new/a /
          f 0640 7:8 a 2
          f 0640 7:8 passwd root:x:0:0::/:
        bpf:x:66:67::/:
        ",
    );
    let mut request = world.request();
    request.target = Some("it".to_owned());
    let text = show(&world.only(&request));
    let ours = text.lines().skip_while(|line| !line.starts_with("COPY"));
    same(
        &ours.map(|line| format!("{line}\n")).collect::<String>(),
        "
        COPY --chown=bpf f /lib/z
          f 0644 66:67 usr/lib/z F
        COPY --from=base etc/a etc/hard /lib/x /opt /etc/new/
          d 0755 0:0 etc/new/
          f 0640 7:8 etc/new/a 2
          f 0640 7:8 etc/new/hard 1
          f 0640 7:8 etc/new/new 2
          f 0640 7:8 etc/new/x x
        COPY f /opt/
          f 0644 0:0 opt/f F
        ",
    );
}

#[test]
fn whiteouts_hide_what_is_below_and_not_beside_them() {
    // Each second layer on `a/x`, `a/y`, and what is left then.
    let cases: [(&[Entry], &[&str]); 8] = [
        (&[], &["a", "a/x", "a/y"]),
        (&[('f', "a/.wh.x", "")], &["a", "a/y"]),
        (&[('f', "a/.wh.x", ""), ('f', "a/x", "")], &["a", "a/x", "a/y"]),
        (&[('f', "a/x", ""), ('f', "a/.wh.x", "")], &["a", "a/x", "a/y"]),
        (&[('f', ".wh.a", "")], &[]),
        (&[('f', "a/z", ""), ('f', ".wh.a", "")], &["a", "a/z"]),
        (&[('f', "a", "")], &["a"]),
        (&[('l', "a", "b"), ('f', "a/z", "")], &["a", "b", "b/z"]),
    ];
    for (second, expected) in cases {
        let below: &[Entry] = &[('f', "a/x", ""), ('f', "a/y", "")];
        let world = World::new("FROM scratch\nCOPY --from=base / /\n")
            .image("base", image(&[below, second]));
        let built = world.only(&world.request());
        let names: Vec<String> = built.layers().iter().flat_map(names).collect();
        assert_eq!(names, expected, "{second:?}");
    }
}

fn names(layer: &Layer) -> Vec<String> {
    let entries = layer.entries(oci::EntryLimits::default()).unwrap();
    entries.into_iter().map(|entry| entry.name.trim_end_matches('/').to_owned()).collect()
}

#[test]
fn docker_s_media_types_become_oci_s() {
    let oci = image(&[&[('f', "x", "x")]]);
    let layer = oci.layers()[0].blob().read(1 << 20).unwrap();
    let layer = Blob::from_bytes(media::DOCKER_LAYER_TAR, layer);
    let config = Blob::from_bytes(media::DOCKER_CONFIG, oci.config_blob().read(1 << 20).unwrap());
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media::DOCKER_MANIFEST,
        "config": config.descriptor(),
        "layers": [layer.descriptor()],
    });
    let manifest = Blob::from_bytes(media::DOCKER_MANIFEST, manifest.to_string().into_bytes());
    let docker = Image::from_parts(manifest, config, vec![layer]).unwrap();
    let world = World::new("FROM base\nCOPY f /\n").file("f", "F").image("base", docker);
    let built = world.only(&world.request());
    let types = built.layers().iter().map(|layer| layer.blob().descriptor().media_type.clone());
    assert_eq!(types.collect::<Vec<_>>(), [media::LAYER_TAR, media::LAYER_GZIP]);
    assert_eq!(built.descriptor().media_type, media::MANIFEST);
}

#[test]
fn instructions_for_who_builds_on_an_image_are_an_error() {
    let container: ContainerConfig =
        serde_json::from_value(json!({"OnBuild": ["COPY . /src", "RUN make"]})).unwrap();
    let image = Image::builder(platform("linux/amd64")).container(container).build().unwrap();
    let world = World::new("FROM quay.io/x/base:1\n").image("quay.io/x/base:1", image);
    same(
        &world.fail(),
        "
        `Containerfile`, line 1: `FROM quay.io/x/base:1` failed for linux/amd64
          `quay.io/x/base:1` has instructions for who builds on it (`ONBUILD COPY . /src`)
        hint: build with `--engine docker` or `--engine podman`
        ",
    );
}

#[test]
fn an_image_is_asked_for_once_for_each_platform() {
    let world = World::new("FROM base AS a\nFROM base\nCOPY --from=a / /\nCOPY --from=base / /\n");
    let mut request = world.request();
    request.platforms = ["linux/amd64", "linux/arm64"].map(platform).to_vec();
    let asked = std::sync::Mutex::new(Vec::new());
    let resolve = |reference: &oci::Reference, platform: &oci::Platform| {
        asked.lock().unwrap().push(format!("{reference} {platform}"));
        Ok(Image::builder(platform.clone()).build()?)
    };
    image_build::native::build(&request, &world.context(), &resolve).unwrap();
    let mut asked = asked.into_inner().unwrap();
    asked.sort();
    let name = "docker.io/library/base:latest";
    assert_eq!(asked, [format!("{name} linux/amd64"), format!("{name} linux/arm64")]);
}

#[test]
fn an_image_for_another_machine_is_refused() {
    let image = Image::builder(platform("linux/arm64")).build().unwrap();
    let world = World::new("FROM base\n").image("base", image);
    same(
        &world.fail(),
        "
        `Containerfile`, line 1: `FROM base` failed for linux/amd64
          `docker.io/library/base:latest` is for `linux/arm64`, not for linux/amd64
        ",
    );
}

#[test]
fn extended_attributes_are_missed_aloud() {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(1);
    header.set_mode(0o755);
    tar.append_pax_extensions([("SCHILY.xattr.security.capability", b"x".as_slice())]).unwrap();
    tar.append_data(&mut header, "ping", &b"P"[..]).unwrap();
    let tar = tar.into_inner().unwrap();
    let diff_id = Digest::of(&tar);
    let layer = Layer::new(Blob::from_bytes(media::LAYER_TAR, tar), diff_id);
    let base = Image::builder(platform("linux/amd64")).layer(layer, "old").build().unwrap();
    let world = World::new("FROM scratch\nCOPY --from=base /ping /\n").image("base", base);
    let warnings = world.build(&world.request()).unwrap().warnings;
    assert_eq!(
        warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "`ping` in the image `docker.io/library/base:latest` has extended attributes (capabilities, perhaps), which were not copied"
        ]
    );
}
