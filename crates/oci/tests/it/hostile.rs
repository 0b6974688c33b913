//! Layouts made to harm who looks at them.

use oci::layout::Tree;
use oci::spec::{Descriptor, Index};
use oci::verify::{Limits, Report};
use oci::{Digest, Image, Layer, Layout, archive, media};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::forge::Forge;
use crate::support::{FAST, image, index, named, texts, write};

fn messages(report: &Report) -> Vec<&str> {
    report.problems.iter().map(|problem| problem.message.as_str()).collect()
}

#[test]
fn a_bomb_is_cut_off() {
    let forge = Forge::new();
    let layer = Layer::single_file("zeros", &vec![0; 50_000_000], 0).unwrap();
    let bomb = Image::builder("linux/amd64".parse().unwrap())
        .layer(layer.clone(), "COPY")
        .build()
        .unwrap();
    let descriptor = forge.image(&bomb);
    let limits = Limits { layer: 1 << 20, ..Limits::default() };
    let report = forge.judge(vec![descriptor], limits);
    let message = format!(
        "the content of the layer `{}` is larger than 1048576 bytes",
        layer.blob().digest()
    );
    assert_eq!(messages(&report), [message]);
}

#[test]
fn indexes_in_indexes_end() {
    let forge = Forge::new();
    let mut wide = forge.image(&image("linux/amd64", "x"));
    let mut deep = wide.clone();
    for _ in 0..5 {
        wide = forge.json(media::INDEX, &Index::new(vec![wide; 100]));
    }
    for _ in 0..20 {
        deep = forge.json(media::INDEX, &Index::new(vec![deep]));
    }
    let report = forge.judge(vec![wide.clone()], Limits::default());
    let last = &report.problems.last().unwrap().message;
    assert!(last.ends_with("there is too much to look at; the rest was not"), "{last}");
    let report = forge.judge(vec![deep.clone()], Limits::default());
    let [problem] = report.problems.as_slice() else { panic!("{:?}", report.problems) };
    assert!(problem.message.ends_with("the indexes are nested too deep"));
    let layout = Layout::open(forge.path()).unwrap();
    for descriptor in [wide, deep] {
        let error = layout.load(&descriptor).unwrap_err().to_string();
        assert!(error.ends_with("names too many manifests"), "{error}");
    }
}

/// No document can name itself truly: somewhere on the way round, the bytes
/// are not those of the digest.
#[test]
fn a_cycle_ends() {
    let forge = Forge::new();
    let inner = Digest::of(b"not really");
    let outer = Index::new(vec![Descriptor::new(media::INDEX, inner, 0)]);
    let size = serde_json::to_vec(&outer).unwrap().len() as u64 + 2;
    let outer = Index::new(vec![Descriptor::new(media::INDEX, inner, size)]);
    let outer = forge.json(media::INDEX, &outer);
    let circle = serde_json::to_vec(&Index::new(vec![outer.clone()])).unwrap();
    assert_eq!(circle.len() as u64, size);
    let path = oci::layout::blob_path(forge.path(), inner);
    host::fs::write_atomic(&path, &circle).unwrap();
    let report = forge.judge(vec![outer.clone()], Limits::default());
    let expected = format!(
        "`{0}` → `{inner}`: `{inner}` in `{1}` is corrupt: its bytes are those of `{2}`",
        outer.digest,
        path.display(),
        Digest::of(&circle)
    );
    assert_eq!(texts(&report.problems), [expected]);
    assert!(Layout::open(forge.path()).unwrap().load(&outer).is_err());
}

#[test]
fn sizes_that_nobody_has_are_refused() {
    let forge = Forge::new();
    let huge = forge.blob(media::MANIFEST, &vec![b' '; 5 << 20]);
    let claimed = Descriptor { size: u64::MAX, ..huge.clone() };
    let report = forge.judge(vec![huge.clone(), claimed], Limits::default());
    assert_eq!(
        report.problems[0].message,
        format!("`{}` is larger than 4194304 bytes", huge.digest)
    );
    assert!(report.problems[1].message.ends_with(&format!("instead of {}", u64::MAX)));
    host::fs::write_atomic(&forge.path().join("index.json"), &vec![b' '; 5 << 20]).unwrap();
    assert!(Layout::open(forge.path()).is_err());
}

#[test]
fn a_pipe_is_not_waited_for() {
    let forge = Forge::new();
    let index = forge.path().join("index.json");
    host::fs::remove_file(&index).unwrap();
    host::Cmd::new("mkfifo").arg(&index).run().unwrap();
    let error = Layout::open(forge.path()).unwrap_err().to_string();
    assert!(error.ends_with("it is not a regular file"), "{error}");
}

#[test]
fn every_limit_ends_the_walk_with_one_problem() {
    let forge = Forge::new();
    let entries: Vec<_> = (0..50)
        .map(|i| {
            let image = image("linux/amd64", &i.to_string());
            let gone = Descriptor::new(media::MANIFEST, Digest::of(&[i]), 1);
            [forge.image(&image), gone]
        })
        .collect();
    let entries = entries.concat();
    let all = forge.judge(entries.clone(), Limits::default());
    assert_eq!((all.problems.len(), all.notes.len()), (50, 0));
    let too_much = "there is too much to look at; the rest was not";
    let limits = Limits::default();
    let cases = [
        (Limits { documents: 10_000, ..limits }, too_much),
        (Limits { descriptors: 20, ..limits }, too_much),
        (
            Limits { findings: 9, ..limits },
            "there is too much to report; the rest was not looked at",
        ),
    ];
    for (limits, last) in cases {
        let report = forge.judge(entries.clone(), limits);
        assert!(report.problems.len() <= 20, "{:?}", report.problems);
        let messages = messages(&report);
        assert!(messages.last().unwrap().ends_with(last), "{messages:?}");
        assert_eq!(report.names.len(), 100);
        assert!(report.notes.is_empty());
    }
}

#[test]
fn what_strangers_wrote_is_shown_short_and_without_control() {
    let forge = Forge::new();
    let mut entry = Descriptor::new("x", Digest::of(b""), 1);
    let name = format!("\u{1b}[2J{}", "long".repeat(1000));
    entry.annotations.insert(oci::layout::REF_NAME.into(), name);
    let report = forge.judge(vec![entry], Limits::default());
    let shown = &report.problems[0].trail[0];
    assert_eq!(shown.chars().count(), 1001);
    assert!(shown.starts_with("\u{fffd}[2Jlong") && shown.ends_with('…'), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a byte of a layout becomes, judging ends, and the damage of a
    /// blob is found.
    #[test]
    fn mutated_layouts_never_panic(which: u8, at: u16, byte: u8) {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::new(dir.path());
        write(&tree, &[named(&["quay.io/a:v1"], index("one"))]);
        let layout_path = dir.path().join("quay.io/a");
        let mut paths = host::fs::read_dir(&layout_path.join("blobs/sha256")).unwrap();
        paths.extend([layout_path.join("index.json"), layout_path.join("oci-layout")]);
        let path = &paths[usize::from(which) % paths.len()];
        let mut bytes = host::fs::read(path).unwrap();
        let at = usize::from(at) % bytes.len();
        let is_change = bytes[at] != byte;
        bytes[at] = byte;
        host::fs::write_atomic(path, &bytes).unwrap();
        if let Ok(layout) = Layout::open(&layout_path) {
            let report = oci::verify::layout(&layout, Limits::default());
            let is_blob = path.parent().is_some_and(|parent| parent.ends_with("sha256"));
            prop_assert!(!(is_blob && is_change && report.problems.is_empty()));
            for entry in &layout.index().manifests {
                let _ = layout.load(entry);
            }
        }
        let _ = tree.prune(None, FAST);
    }

    /// The same of an archive: what its headers claim is only claimed.
    #[test]
    fn mutated_archives_never_panic(edits in vec((any::<u16>(), any::<u8>()), 1..4), cut: u16) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.tar");
        archive::write(&path, &[named(&["quay.io/a:v1"], index("one"))], FAST).unwrap();
        let mut bytes = host::fs::read(&path).unwrap();
        for (at, byte) in edits {
            let at = usize::from(at) % bytes.len();
            bytes[at] = byte;
        }
        let length = bytes.len();
        bytes.truncate(length - usize::from(cut).saturating_sub(30_000) % length);
        host::fs::write_atomic(&path, &bytes).unwrap();
        if let Ok(layout) = archive::open(&path) {
            let _ = oci::verify::layout(&layout, Limits::default());
            for entry in &layout.index().manifests {
                let _ = layout.load(entry);
            }
        }
    }
}
