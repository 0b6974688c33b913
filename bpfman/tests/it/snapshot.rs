//! Long outputs, compared with the files in `snapshots/`.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test -p bpfman --test it` writes the files anew;
//! the difference is then for the author to read.

use std::path::Path;

/// Compares a text with the snapshot `name`.
#[track_caller]
pub fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/snapshots").join(name);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let differ = expected.lines().zip(text.lines()).position(|(old, new)| old != new);
    let line = differ.unwrap_or(expected.lines().count().min(text.lines().count())) + 1;
    assert!(
        text == expected,
        "{} differs from line {line} on (UPDATE_SNAPSHOTS=1 accepts it):\n{text}",
        path.display()
    );
}

/// Takes digests and sizes in bytes out of a text: they are the compiler's.
pub fn steady(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("sha256:") {
        let (before, after) = rest.split_at(at + "sha256:".len());
        out += before;
        out.push('*');
        rest = after.trim_start_matches(|c: char| c.is_ascii_hexdigit());
    }
    out + rest
}
