//! The lines of a Containerfile: where an instruction is, and how it reads
//! when its lines are joined.

/// Returns the number of the line, from 1, in which the byte `at` is.
pub(crate) fn number(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
}

/// Returns the text from the byte `at` to the end of its logical line.
///
/// An escape at the end of a line, perhaps before blanks, joins the next one;
/// comments and empty lines in between are left out (Dockerfile reference,
/// "Format").
pub(crate) fn logical(text: &str, at: usize, escape: char) -> String {
    join(text, at, escape).0
}

/// Returns where the logical line that starts at the byte `at` ends: behind
/// its last line.
pub(crate) fn end(text: &str, at: usize, escape: char) -> usize {
    join(text, at, escape).1
}

fn join(text: &str, at: usize, escape: char) -> (String, usize) {
    let (mut joined, mut end) = (String::new(), at);
    let mut is_first = true;
    for line in text.get(at..).unwrap_or_default().split_inclusive('\n') {
        end += line.len();
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let start = line.trim_start();
        if !is_first && (start.is_empty() || start.starts_with('#')) {
            continue;
        }
        is_first = false;
        match line.trim_end_matches([' ', '\t']).strip_suffix(escape) {
            Some(line) => joined.push_str(line),
            None => {
                joined.push_str(line);
                break;
            }
        }
    }
    joined.truncate(joined.trim_end().len());
    (joined, end)
}

/// Returns the text with a blank for each carriage return that ends no line:
/// to the Dockerfile reference it is one, to the parser it is neither.
pub(crate) fn without_lone_returns(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let is_lone = c == '\r' && chars.peek() != Some(&'\n');
        clean.push(if is_lone { ' ' } else { c });
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_joined_as_they_are_run() {
        let cases = [
            ("CMD a\nCMD b", "CMD a"),
            ("CMD a  \r\nCMD b", "CMD a"),
            ("CMD a \\\n  b\nCMD c", "CMD a   b"),
            ("CMD a \\ \t\n# comment\n\n  # another\n b", "CMD a  b"),
            ("CMD a\\\n", "CMD a"),
            ("CMD a\\", "CMD a"),
            ("CMD a # no comment", "CMD a # no comment"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(logical(text, 0, '\\'), expected, "{text:?}");
        }
        assert_eq!(logical("x CMD a`\nb\\\nc", 2, '`'), "CMD ab\\");
    }

    #[test]
    fn a_logical_line_ends_behind_its_last_line() {
        for (text, expected) in
            [("a\nb", 2), ("a\\\n#\n\nb\r\nc", 9), ("a\\\n", 3), ("a", 1), ("", 0)]
        {
            assert_eq!(end(text, 0, '\\'), expected, "{text:?}");
        }
    }

    #[test]
    fn lines_are_counted_from_one() {
        for (at, expected) in [(0, 1), (1, 1), (2, 2), (4, 3), (99, 3)] {
            assert_eq!(number("a\nb\nc", at), expected);
        }
    }

    #[test]
    fn a_return_ends_a_line_or_is_a_blank() {
        assert_eq!(without_lone_returns("a\rb\r\nc\r"), "a b\r\nc ");
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String, at in 0usize..50) {
            let _ = logical(&text, at, '\\');
            let _ = number(&text, at);
            prop_assert_eq!(without_lone_returns(&text).len(), text.len());
        }
    }
}
