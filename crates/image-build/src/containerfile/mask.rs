//! Hides from the parser what it does not understand and other builders do.
//!
//! `ENTRYPOINT []`, which takes an entrypoint away, and the here-documents of a
//! RUN that do not stand first on its line: a stage that nobody needs may hold
//! them. Byte for byte, so that every position stays what it was. Not here:
//! here-documents of COPY and ADD, which the parser finds.

use std::ops::Range;

use super::{lines, words};

/// Returns a text of the same length that the parser understands.
pub(super) fn mask(text: &str) -> String {
    let escape = escape(text);
    let mut masked = text.as_bytes().to_vec();
    let mut at = 0;
    while at < text.len() {
        let first = text[at..].split_inclusive('\n').next().unwrap_or_default();
        if first.trim_start().starts_with('#') {
            // An escape at the end of a comment is none.
            at += first.len();
            continue;
        }
        let end = lines::end(text, at, escape);
        let line = lines::logical(text, at, escape);
        let line = line.trim_start();
        let (keyword, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let (keyword, rest) = match keyword.to_ascii_uppercase().as_str() {
            "ONBUILD" => {
                let rest = rest.trim_start();
                rest.split_once(char::is_whitespace).unwrap_or((rest, ""))
            }
            _ => (keyword, rest),
        };
        at = match keyword.to_ascii_uppercase().as_str() {
            "ENTRYPOINT" if is_empty_array(rest) => {
                hide(&mut masked, at..end, b"[");
                end
            }
            "RUN" => match after_documents(text, end, rest, escape) {
                Some(after) => {
                    hide(&mut masked, at..end, b"<");
                    blank(&mut masked, end..after);
                    after
                }
                None => end,
            },
            _ => end,
        };
    }
    // Only whole characters were replaced, and by ASCII.
    String::from_utf8(masked).unwrap_or_else(|_| text.to_owned())
}

/// Returns the escape character that the directive at the top names.
fn escape(text: &str) -> char {
    for line in text.lines() {
        let directive = line.trim_start().strip_prefix('#').and_then(|it| it.split_once('='));
        let Some((name, value)) = directive else { break };
        match name.trim().to_ascii_lowercase().as_str() {
            "escape" if value.trim() == "`" => return '`',
            "syntax" | "check" => {}
            _ => break,
        }
    }
    '\\'
}

fn is_empty_array(words: &str) -> bool {
    let inside = words.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inside.is_some_and(|inside| inside.trim().is_empty())
}

/// Returns where the here-documents end that the words of a RUN announce and
/// that start at `start`, or `None` if there are none, or one has no end.
fn after_documents(text: &str, start: usize, words: &str, escape: char) -> Option<usize> {
    let mut at = start;
    for word in words::split(words, escape) {
        let Some((name, tabs)) = document(&word) else { continue };
        loop {
            if at >= text.len() {
                return None;
            }
            let end = text[at..].find('\n').map_or(text.len(), |length| at + length + 1);
            let line = text[at..end].trim_end_matches(['\n', '\r']);
            at = end;
            if name == if tabs { line.trim_start_matches('\t') } else { line } {
                break;
            }
        }
    }
    Some(at).filter(|at| *at > start)
}

/// Returns the name behind a word such as `<<NAME`, `3<<-"NAME"`, and whether
/// tabs before it do not count.
fn document(word: &str) -> Option<(String, bool)> {
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<")?;
    let (rest, tabs) = rest.strip_prefix('-').map_or((rest, false), |rest| (rest, true));
    let name = rest.replace(['"', '\''], "");
    Some((name, tabs)).filter(|(name, _)| !name.is_empty() && !name.contains('<'))
}

/// Replaces characters that mean something.
fn hide(text: &mut [u8], range: Range<usize>, characters: &[u8]) {
    for byte in &mut text[range] {
        if characters.contains(byte) {
            *byte = b'_';
        }
    }
}

/// Leaves nothing but the ends of lines.
fn blank(text: &mut [u8], range: Range<usize>) {
    for byte in &mut text[range] {
        if !matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_what_would_be_misread_is_hidden() {
        let cases = [
            ("ENTRYPOINT []", "ENTRYPOINT _]"),
            ("entrypoint \\\n# no\n [ ]\nCMD []", "entrypoint \\\n# no\n _ ]\nCMD []"),
            ("ENTRYPOINT [\"\"]", "ENTRYPOINT [\"\"]"),
            ("ENTRYPOINT [] x", "ENTRYPOINT [] x"),
            ("CMD []\nVOLUME []", "CMD []\nVOLUME []"),
            ("RUN cat <<A > x\nFROM é\nA\nUSER 1", "RUN cat __A > x\n       \n \nUSER 1"),
            ("RUN a <<A 3<<-'B'\nA\n\tB\nUSER 1", "RUN a __A 3__-'B'\n \n  \nUSER 1"),
            ("RUN a \\\n <<A\nx\\\nA\nA", "RUN a \\\n __A\n  \n \nA"),
            ("# no \\\nRUN a <<A\nx\nA", "# no \\\nRUN a __A\n \n "),
            ("ONBUILD RUN a <<A\nx\nA", "ONBUILD RUN a __A\n \n "),
            // No here-documents, or none that ends.
            ("RUN a <<<A\nA", "RUN a <<<A\nA"),
            ("RUN a '<<A'\nA", "RUN a '<<A'\nA"),
            ("RUN a <<A\nx", "RUN a <<A\nx"),
            ("RUN a << A\nA", "RUN a << A\nA"),
            ("# escape=`\nRUN a `\n <<A\nA\nUSER 1", "# escape=`\nRUN a `\n __A\n \nUSER 1"),
        ];
        for (text, expected) in cases {
            assert_eq!(mask(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_position_stays(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    "RUN ", "ENTRYPOINT ", "[]", "<<A", "A", "\n", "\\\n", "é", " ", "#", "\r\n", "'",
                ]),
                0..30,
            )
        ) {
            let text = pieces.concat();
            let masked = mask(&text);
            let ends = |text: &str| text.match_indices('\n').map(|(at, _)| at).collect::<Vec<_>>();
            prop_assert_eq!(masked.len(), text.len());
            prop_assert_eq!(ends(&masked), ends(&text));
        }
    }
}
