//! `actions/attest-build-provenance`: needs GitHub. What it would attest is
//! read as it reads it, and shown, so that a test can compare.

use std::collections::BTreeSet;

use super::{Call, Done, Outcome, resolve};

/// How many subjects an attestation may have.
const MOST: usize = 1024;

/// Stands in for it.
pub(super) fn attest(call: &mut Call<'_>) -> Outcome {
    let path = call.required("subject-checksums")?;
    if call.machine.pretends {
        return Ok(Done::default());
    }
    let text = std::fs::read_to_string(resolve(call.machine, path))
        .map_err(|error| format!("`{path}`: {error}"))?;
    let subjects = subjects(&text)?;
    let lines = subjects.iter().map(|(name, digest)| format!("{name}@sha256:{digest}\n"));
    Ok(Done { log: lines.collect(), ..Done::default() })
}

/// Reads what `sha256sum` writes: a digest, two blanks, a name.
fn subjects(text: &str) -> Result<BTreeSet<(String, String)>, String> {
    let mut subjects = BTreeSet::new();
    for line in text.lines() {
        let wrong = || format!("no line of sha256sum: `{line}`");
        let (digest, name) = line.split_once("  ").ok_or_else(wrong)?;
        let is_digest = digest.len() == 64
            && digest.chars().all(|digit| matches!(digit, '0'..='9' | 'a'..='f'));
        if !is_digest || name.trim() != name || name.is_empty() {
            return Err(wrong());
        }
        subjects.insert((name.to_owned(), digest.to_owned()));
    }
    match subjects.len() {
        1..=MOST => Ok(subjects),
        count => Err(format!("{count} subjects")),
    }
}

#[test]
fn subjects_are_lines_of_sha256sum() {
    let digest = "0a".repeat(32);
    let expected = [("q.io/o/a".to_owned(), digest.clone())];
    assert_eq!(subjects(&format!("{digest}  q.io/o/a\n").repeat(2)), Ok(expected.into()));
    for text in
        ["", "\n", "0a  q.io/o/a\n", &format!("{digest} q.io/o/a\n"), &format!("{digest}  \n")]
    {
        assert!(subjects(text).is_err(), "{text}");
    }
}
