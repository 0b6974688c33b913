//! Licence expressions (SPDX specification 2.3, annex D).

/// What is said where nothing is known.
pub(super) const UNKNOWN: &str = "NOASSERTION";

/// How deep parentheses may be nested: ours have one pair.
const DEPTH_MAX: usize = 32;

/// A licence expression that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expression {
    /// As it was written.
    pub(super) text: String,
    /// The licences in it, each once, with their exceptions.
    pub(super) licenses: Vec<String>,
}

/// Reads an expression; `None` if it is none.
pub(super) fn parse(text: &str) -> Option<Expression> {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words, licenses: Vec::new() };
    parser.expression(0)?;
    if !parser.words.is_empty() {
        return None;
    }
    let mut licenses = parser.licenses;
    licenses.sort();
    licenses.dedup();
    Some(Expression { text: text.trim().to_owned(), licenses })
}

/// Returns the expression as it is stated, or that nothing is known.
pub(super) fn stated(text: &str) -> String {
    parse(text).map_or_else(|| UNKNOWN.to_owned(), |expression| expression.text)
}

struct Parser<'w> {
    words: &'w [&'w str],
    licenses: Vec<String>,
}

impl<'w> Parser<'w> {
    fn next(&mut self) -> Option<&'w str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    fn next_is(&mut self, wanted: &[&str]) -> bool {
        let is_it = self.words.first().is_some_and(|word| wanted.contains(word));
        if is_it {
            self.next();
        }
        is_it
    }

    /// Terms between `AND` and `OR`; which binds stronger does not matter
    /// here.
    fn expression(&mut self, depth: usize) -> Option<()> {
        if depth > DEPTH_MAX {
            return None;
        }
        self.term(depth)?;
        while self.next_is(&["AND", "OR"]) {
            self.term(depth)?;
        }
        Some(())
    }

    fn term(&mut self, depth: usize) -> Option<()> {
        if self.next_is(&["("]) {
            self.expression(depth + 1)?;
            return self.next_is(&[")"]).then_some(());
        }
        let mut license = self.next().filter(|word| is_id(word))?.to_owned();
        if self.next_is(&["WITH"]) {
            let exception = self.next().filter(|word| is_id(word))?;
            license = format!("{license} WITH {exception}");
        }
        self.licenses.push(license);
        Some(())
    }
}

fn is_id(word: &str) -> bool {
    let is_operator = ["AND", "OR", "WITH"].contains(&word);
    let mut bytes = word.bytes();
    !is_operator && bytes.all(|b| b.is_ascii_alphanumeric() || b".-+:".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn expressions_are_checked() {
        let cases: [(&str, Option<&[&str]>); 11] = [
            ("GPL-2.0-only", Some(&["GPL-2.0-only"])),
            ("GPL-2.0-only OR BSD-2-Clause", Some(&["BSD-2-Clause", "GPL-2.0-only"])),
            (
                "((GPL-2.0 WITH Linux-syscall-note) OR MIT)",
                Some(&["GPL-2.0 WITH Linux-syscall-note", "MIT"]),
            ),
            ("(MIT AND MIT) OR LicenseRef-a", Some(&["LicenseRef-a", "MIT"])),
            ("", None),
            ("MIT OR", None),
            ("MIT MIT", None),
            ("(MIT", None),
            ("MIT)", None),
            ("OR", None),
            ("Dual BSD/GPL", None),
        ];
        for (text, licenses) in cases {
            let found = parse(text).map(|expression| expression.licenses);
            let expected = licenses.map(|all| all.iter().map(|one| (*one).to_owned()).collect());
            assert_eq!(found, expected, "{text}");
        }
        assert_eq!(parse(&"(".repeat(100_000)), None);
        assert_eq!((stated(" MIT "), stated("?")), ("MIT".to_owned(), UNKNOWN.to_owned()));
    }

    proptest! {
        #[test]
        fn any_text_is_taken_or_not(text in "[A-Z()a-z0-9 .+-]{0,60}|\\PC{0,40}") {
            let _ = parse(&text);
        }
    }
}
