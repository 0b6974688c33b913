//! Lines that fit any terminal, and words of strangers made fit for it.

/// As wide as any terminal.
const WIDTH: usize = 80;

/// Makes the words of a stranger fit for a terminal, which they could
/// command.
pub(crate) fn plain(text: &str) -> String {
    let shown = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().map(shown).collect()
}

/// Puts a text behind a first word; its later lines are as far to the right.
pub(crate) fn wrapped(first: &str, text: &str) -> String {
    let indent = if first.is_empty() { 2 } else { first.chars().count() };
    filled(first.to_owned(), text.split(' '), indent)
}

/// Puts a list behind a first word, with commas.
pub(crate) fn listed(first: &str, words: &[&str]) -> String {
    let last = words.len().saturating_sub(1);
    let words: Vec<String> = words
        .iter()
        .enumerate()
        .map(|(index, word)| format!("{word}{}", if index < last { "," } else { "" }))
        .collect();
    let start = if first.is_empty() { String::new() } else { format!("{first} ") };
    filled(start, words.iter().map(String::as_str), 2)
}

/// Lists the words of a stranger.
pub(crate) fn list_of(first: &str, words: &[impl AsRef<str>]) -> String {
    let words: Vec<String> = words.iter().map(|word| plain(word.as_ref())).collect();
    listed(first, &words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Fills lines with pieces that are not broken. The first stands right behind
/// what is there.
fn filled<'a>(start: String, pieces: impl Iterator<Item = &'a str>, indent: usize) -> String {
    let mut lines = Vec::new();
    let mut line = start;
    let mut is_open = true;
    for piece in pieces {
        let gap = if is_open { "" } else { " " };
        if line.chars().count() + gap.len() + piece.chars().count() > WIDTH && !line.is_empty() {
            lines.push(line.trim_end().to_owned());
            line = format!("{}{piece}", " ".repeat(indent));
        } else {
            line += &format!("{gap}{piece}");
        }
        is_open = false;
    }
    lines.push(line.trim_end().to_owned());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_a_terminal() {
        let text = listed("words", &["0123456789"; 15]);
        let widths: Vec<_> = text.lines().map(str::len).collect();
        assert_eq!(widths, [77, 73, 36]);
        assert!(text.lines().skip(1).all(|line| line.starts_with("  0")), "{text}");
        let long = "x".repeat(100);
        assert_eq!(listed("a", &[&long, "b"]), format!("a\n  {long},\n  b"));
        let text = wrapped("    mend  ", &"word ".repeat(16));
        let expected = format!("    mend  {}\n          word word", "word ".repeat(14));
        assert_eq!(text, expected.replace(" \n", "\n"));
    }

    #[test]
    fn short_ones_are_one_line() {
        assert_eq!(listed("", &["a", "b"]), "a, b");
        assert_eq!(listed("none", &[]), "none");
        assert_eq!(wrapped("", "a b"), "a b");
        assert_eq!(plain("a\u{1b}[31m\nb"), "a\u{fffd}[31m\u{fffd}b");
    }
}
