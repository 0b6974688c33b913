//! Long outputs, compared with the files in `snapshots/`.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test -p xtask --test it cli` writes the files
//! anew; the difference is then for the author to read.

use std::path::Path;

/// Compares a text with the snapshot `name`. Blanks at the ends of lines do
/// not count.
pub fn check(name: &str, text: &str) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/snapshots");
    let path = dir.join(name);
    let text: String = text.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        text == expected,
        "{} differs from what is printed (UPDATE_SNAPSHOTS=1 accepts it):\n{}",
        path.display(),
        difference(&expected, &text)
    );
}

/// Returns the first line that differs, with those around it.
fn difference(expected: &str, text: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (expected.lines().collect(), text.lines().collect());
    let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let part = |lines: &[&str], mark: &str| -> String {
        let shown = lines.iter().skip(same).take(5);
        shown.map(|line| format!("{mark} {line}\n")).collect()
    };
    format!("line {}:\n{}{}", same + 1, part(&old, "-"), part(&new, "+"))
}

#[test]
fn a_difference_is_shown_from_its_first_line() {
    assert_eq!(difference("a\nb\n", "a\nc\nd\n"), "line 2:\n- b\n+ c\n+ d\n");
}
