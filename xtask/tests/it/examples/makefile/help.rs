//! What `make` says by itself.

use super::{desk, succeed};
use crate::cli::snapshot;

#[test]
fn help_is_as_it_was_and_fits_a_terminal() {
    let Some(desk) = desk() else { return };
    let run = succeed(&desk, "make help", &[]);
    snapshot::check("help-examples.txt", &run.stdout);
    for line in run.stdout.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert_eq!(run.stderr, "");
    let alone = succeed(&desk, "make", &[]);
    assert_eq!(alone.stdout, run.stdout, "nothing is built unasked");
}
