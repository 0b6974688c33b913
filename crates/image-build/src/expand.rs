//! Expands variables in a word of a Containerfile.
//!
//! The rules are those of the Dockerfile reference ("Environment
//! replacement") as BuildKit's shell lexer has them: quotes are removed,
//! `$X` and `${X}` are replaced, `${X:-word}`, `${X-word}`, `${X:+word}`,
//! `${X+word}`, `${X:?word}` and `${X?word}` are decided. The forms that take
//! a pattern (`#`, `%`, `/`) are refused. Expansion ends and is bounded
//! whatever the word is. Not here: which variables there are.

use std::iter::Peekable;
use std::str::Chars;

/// Looks up a variable.
pub(crate) trait Variables {
    /// Returns its value, or `None` where it is not set.
    fn get(&self, name: &str) -> Option<&str>;
}

/// What a word becomes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expansion {
    pub(crate) text: String,
    /// The variables that it takes the value of and that are not set.
    pub(crate) unset: Vec<String>,
}

/// Why a word cannot be expanded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// A quote is not closed.
    #[error("a `{0}` is not closed")]
    OpenQuote(char),
    /// A `${` is not closed.
    #[error("a `${{` is not closed")]
    OpenBrace,
    /// A `${` is not followed by a name.
    #[error("a `${{` is not followed by a name")]
    NoName,
    /// What follows the name is not known here.
    #[error("the built-in builder does not know `${{{name}{modifier}…}}`")]
    Modifier {
        /// The variable.
        name: String,
        /// What follows it.
        modifier: String,
    },
    /// The word demands a variable that is not set.
    #[error("`{name}` {message}")]
    Required {
        /// The variable.
        name: String,
        /// What the word says about it.
        message: String,
    },
    /// It is deeper than anyone writes.
    #[error("it is nested more than {MAX_DEPTH} deep")]
    TooDeep,
    /// It is longer than anyone needs.
    #[error("it becomes longer than {MAX_LENGTH} bytes")]
    TooLong,
}

/// How deep `${X:-${Y:-…}}` may be nested.
const MAX_DEPTH: usize = 32;

/// How long a word may become: a few lines of `ARG` could double it for ever.
const MAX_LENGTH: usize = 1 << 20;

/// Expands `word`; `escape` is the file's escape character.
pub(crate) fn expand(
    word: &str,
    escape: char,
    variables: &dyn Variables,
) -> Result<Expansion, ExpandError> {
    let mut run =
        Run { chars: word.chars().peekable(), escape, variables, unset: Vec::new(), depth: 0 };
    let text = run.until(None)?;
    Ok(Expansion { text, unset: run.unset })
}

struct Run<'a> {
    chars: Peekable<Chars<'a>>,
    escape: char,
    variables: &'a dyn Variables,
    unset: Vec<String>,
    depth: usize,
}

impl Run<'_> {
    /// Expands up to the character `stop`, which is consumed, or to the end.
    fn until(&mut self, stop: Option<char>) -> Result<String, ExpandError> {
        let mut text = String::new();
        loop {
            if text.len() > MAX_LENGTH {
                return Err(ExpandError::TooLong);
            }
            match self.chars.next() {
                None if stop.is_some() => return Err(ExpandError::OpenBrace),
                None => return Ok(text),
                Some(c) if Some(c) == stop => return Ok(text),
                Some('\'') => self.single_quoted(&mut text)?,
                Some('"') => self.double_quoted(&mut text)?,
                Some('$') => text.push_str(&self.dollar()?),
                // An escape at the very end is dropped.
                Some(c) if c == self.escape => text.extend(self.chars.next()),
                Some(c) => text.push(c),
            }
        }
    }

    fn single_quoted(&mut self, text: &mut String) -> Result<(), ExpandError> {
        loop {
            match self.chars.next() {
                None => return Err(ExpandError::OpenQuote('\'')),
                Some('\'') => return Ok(()),
                Some(c) => text.push(c),
            }
        }
    }

    /// In double quotes an escape is one only before `"`, `$` and itself.
    fn double_quoted(&mut self, text: &mut String) -> Result<(), ExpandError> {
        loop {
            match self.chars.next() {
                None => return Err(ExpandError::OpenQuote('"')),
                Some('"') => return Ok(()),
                Some('$') => text.push_str(&self.dollar()?),
                Some(c) if c == self.escape => match self.chars.peek().copied() {
                    Some(next) if next == '"' || next == '$' || next == self.escape => {
                        text.extend(self.chars.next());
                    }
                    Some(_) => text.push(c),
                    None => {}
                },
                Some(c) => text.push(c),
            }
            if text.len() > MAX_LENGTH {
                return Err(ExpandError::TooLong);
            }
        }
    }

    /// Expands what follows a `$`.
    fn dollar(&mut self) -> Result<String, ExpandError> {
        if self.chars.next_if_eq(&'{').is_none() {
            let name = self.name();
            return Ok(if name.is_empty() { "$".to_owned() } else { self.value(&name) });
        }
        match self.chars.peek() {
            None => return Err(ExpandError::OpenBrace),
            Some('{' | '}' | ':') => return Err(ExpandError::NoName),
            Some(_) => {}
        }
        let name = self.name();
        if name.is_empty() {
            return Err(ExpandError::NoName);
        }
        match self.chars.next() {
            None => Err(ExpandError::OpenBrace),
            Some('}') => Ok(self.value(&name)),
            Some(':') => {
                let operator = self.chars.next().ok_or(ExpandError::OpenBrace)?;
                self.decide(&name, operator, true)
            }
            Some(operator) => self.decide(&name, operator, false),
        }
    }

    /// Expands `${NAME<operator>word}` from the word on. With a colon, a
    /// variable that is empty counts as not set.
    fn decide(&mut self, name: &str, operator: char, colon: bool) -> Result<String, ExpandError> {
        if !matches!(operator, '-' | '+' | '?') {
            let modifier = format!("{}{operator}", if colon { ":" } else { "" });
            return Err(ExpandError::Modifier { name: name.to_owned(), modifier });
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ExpandError::TooDeep);
        }
        let seen = self.unset.len();
        let word = self.until(Some('}'))?;
        self.depth -= 1;
        let value = self.variables.get(name);
        let usable = value.filter(|value| !(colon && value.is_empty()));
        let takes_word = match operator {
            '-' => usable.is_none(),
            '+' => usable.is_some(),
            _ => false,
        };
        if !takes_word {
            // The word's own variables do not matter then.
            self.unset.truncate(seen);
        }
        match (operator, usable) {
            _ if takes_word => Ok(word),
            ('-', Some(value)) => Ok(value.to_owned()),
            ('?', Some(value)) => Ok(value.to_owned()),
            ('?', None) => {
                let missing = if value.is_none() { "is not set" } else { "is empty" };
                let message = if word.is_empty() { missing.to_owned() } else { word };
                Err(ExpandError::Required { name: name.to_owned(), message })
            }
            _ => Ok(String::new()),
        }
    }

    fn value(&mut self, name: &str) -> String {
        let value = self.variables.get(name);
        if value.is_none() && !self.unset.iter().any(|seen| seen == name) {
            self.unset.push(name.to_owned());
        }
        value.unwrap_or_default().to_owned()
    }

    /// Reads a name: letters, digits and underscores; or digits alone; or one
    /// of the shell's special parameters.
    fn name(&mut self) -> String {
        let mut name = String::new();
        if let Some(special) = self.chars.next_if(|c| "@*#?-$!".contains(*c)) {
            return special.to_string();
        }
        let only_digits = self.chars.peek().is_some_and(char::is_ascii_digit);
        let belongs = |c: &char| match only_digits {
            true => c.is_ascii_digit(),
            false => c.is_alphanumeric() || *c == '_',
        };
        while let Some(c) = self.chars.next_if(belongs) {
            name.push(c);
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Table;
    impl Variables for Table {
        fn get(&self, name: &str) -> Option<&str> {
            let table = [
                ("X", "value"),
                ("EMPTY", ""),
                ("JSON", r#"{"a":"b c","d":"'$X\\"}"#),
                ("Ünï_1", "unicode"),
            ];
            table.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
        }
    }

    fn text(word: &str) -> String {
        expand(word, '\\', &Table).map_or_else(|e| format!("error: {e}"), |e| e.text)
    }

    #[test]
    fn words_expand_as_by_buildkit() {
        let cases = [
            ("", ""),
            ("plain", "plain"),
            ("$X", "value"),
            ("a${X}b", "avalueb"),
            ("a$X-b", "avalue-b"),
            ("$Xb|", "|"),
            ("$X$X", "valuevalue"),
            ("$Ünï_1", "unicode"),
            ("$", "$"),
            ("$ $%", "$ $%"),
            ("$$X", "X"),
            ("$0X|$12X|$00X", "X|X|X"),
            // The value is taken as it is.
            ("$JSON", r#"{"a":"b c","d":"'$X\\"}"#),
            (r#""$JSON""#, r#"{"a":"b c","d":"'$X\\"}"#),
            // Quotes and escapes.
            ("'$X'", "$X"),
            (r#""$X""#, "value"),
            (r#"a" b "c' d 'e"#, "a b c d e"),
            (r#""it's""#, "it's"),
            (r#"'a"b'"#, r#"a"b"#),
            (r"\$X", "$X"),
            (r"\\$X", r"\value"),
            (r"a\ b\c", "a bc"),
            (r"end\", "end"),
            (r#""\$X \" \\ \a""#, r#"$X " \ \a"#),
            (r"'\'", r"\"),
            // What is not set, or empty.
            ("${X:-w}", "value"),
            ("${X-w}", "value"),
            ("${EMPTY:-w}", "w"),
            ("${EMPTY-w}", ""),
            ("${NO:-w}", "w"),
            ("${NO-w}", "w"),
            ("${X:+w}", "w"),
            ("${X+w}", "w"),
            ("${EMPTY:+w}", ""),
            ("${EMPTY+w}", "w"),
            ("${NO:+w}", ""),
            ("${NO+w}", ""),
            ("${X:?w}|${X?w}|${EMPTY?w}", "value|value|"),
            // Words in words.
            ("${NO:-$X}", "value"),
            ("${NO:-${EMPTY:-${X}}}", "value"),
            ("${NO:-a'}'b}", "a}b"),
            (r#"${NO:-"a b"}"#, "a b"),
            (r"${NO:-a\}b}", "a}b"),
            ("${NO:-}", ""),
        ];
        for (word, expected) in cases {
            assert_eq!(text(word), expected, "{word}");
        }
    }

    #[test]
    fn the_escape_is_the_file_s() {
        let cases = [("`$X", "$X"), (r"\$X", r"\value"), (r#""`" ``""#, r#"" `"#)];
        for (word, expected) in cases {
            assert_eq!(expand(word, '`', &Table).unwrap().text, expected, "{word}");
        }
    }

    #[test]
    fn what_cannot_be_expanded_says_why() {
        let cases = [
            ("'a", "a `'` is not closed"),
            (r#""a"#, "a `\"` is not closed"),
            ("${X", "a `${` is not closed"),
            ("${", "a `${` is not closed"),
            ("${X:", "a `${` is not closed"),
            ("${X:-w", "a `${` is not closed"),
            ("${}", "a `${` is not followed by a name"),
            ("${:-x}", "a `${` is not followed by a name"),
            ("${{X}}", "a `${` is not followed by a name"),
            ("${.X}", "a `${` is not followed by a name"),
            ("${X#v}", "the built-in builder does not know `${X#…}`"),
            ("${X%%e}", "the built-in builder does not know `${X%…}`"),
            ("${X/a/b}", "the built-in builder does not know `${X/…}`"),
            ("${X:0:1}", "the built-in builder does not know `${X:0…}`"),
            ("${NO?}", "`NO` is not set"),
            ("${EMPTY:?}", "`EMPTY` is empty"),
            ("${NO:?give $X}", "`NO` give value"),
        ];
        for (word, expected) in cases {
            assert_eq!(text(word), format!("error: {expected}"), "{word}");
        }
        let deep = format!("{}x{}", "${NO:-".repeat(33), "}".repeat(33));
        assert_eq!(text(&deep), "error: it is nested more than 32 deep");
        let long = "$JSON".repeat(60_000);
        assert_eq!(text(&long), "error: it becomes longer than 1048576 bytes");
    }

    #[test]
    fn variables_that_are_not_set_are_named_if_they_matter() {
        let cases: [(&str, &[&str]); 7] = [
            ("$NO-${NO}-$X", &["NO"]),
            ("$A$B", &["A", "B"]),
            ("${NO:-x}", &[]),
            ("${NO:-$A}", &["A"]),
            ("${X:-$A}", &[]),
            ("${X:+$A}", &["A"]),
            ("'$NO'$EMPTY", &[]),
        ];
        for (word, expected) in cases {
            assert_eq!(expand(word, '\\', &Table).unwrap().unset, expected, "{word}");
        }
    }

    proptest! {
        #[test]
        fn expansion_is_total(word: String, escape in prop::sample::select(vec!['\\', '`'])) {
            let _ = expand(&word, escape, &Table);
        }

        #[test]
        fn words_of_the_grammar_are_total(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "$", "{", "}", "${", "X", "NO", ":", "-", "+", "?", "#", "'", "\"", "\\", " ",
                    "${NO:-", "é",
                ]),
                0..60,
            )
        ) {
            let _ = expand(&parts.concat(), '\\', &Table);
        }

        #[test]
        fn what_needs_no_expansion_stays(word in "[^$'\"\\\\]*") {
            prop_assert_eq!(text(&word), word);
        }
    }
}
