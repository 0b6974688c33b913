//! Splits the arguments of ARG, ENV and LABEL into words.
//!
//! The rules are those of BuildKit's line parser: blanks separate words,
//! except in quotes or behind an escape. Quotes and escapes stay: they mean
//! something when the word is expanded.

/// A name, and what stands behind its equals sign.
pub(crate) type Pair = (String, String);

/// Why arguments cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WordsError {
    /// A word is no pair.
    #[error("`{0}` has no `=`; write `NAME=VALUE`")]
    NoEquals(String),
    /// A pair has no name.
    #[error("a name is missing before `={0}`")]
    NoName(String),
    /// There is nothing to set.
    #[error("there is no `NAME=VALUE`")]
    Nothing,
}

/// Splits into words.
pub(crate) fn split(arguments: &str, escape: char) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = arguments.chars();
    while let Some(c) = chars.next() {
        if quote.is_none() && c.is_whitespace() {
            words.extend(word.take());
            continue;
        }
        let word = word.get_or_insert_default();
        match quote {
            // Nothing is escaped in single quotes.
            Some('\'') if c != '\'' => word.push(c),
            _ if c == escape => {
                // An escape at the end is dropped.
                if let Some(next) = chars.next() {
                    word.extend([c, next]);
                }
            }
            Some(open) => {
                word.push(c);
                if c == open {
                    quote = None;
                }
            }
            None => {
                word.push(c);
                if matches!(c, '\'' | '"') {
                    quote = Some(c);
                }
            }
        }
    }
    words.extend(word.filter(|word| !word.is_empty()));
    words
}

/// Splits the arguments of ENV and LABEL: `NAME=VALUE…`, or the old form
/// `NAME VALUE`.
pub(crate) fn pairs(arguments: &str, escape: char) -> Result<Vec<Pair>, WordsError> {
    let words = split(arguments, escape);
    let first = words.first().ok_or(WordsError::Nothing)?;
    if !first.contains('=') {
        let arguments = arguments.trim();
        let (name, value) = arguments
            .split_once(char::is_whitespace)
            .ok_or_else(|| WordsError::NoEquals(first.clone()))?;
        return Ok(vec![(name.to_owned(), value.trim_start().to_owned())]);
    }
    words.into_iter().map(|word| pair(&word)).collect()
}

/// Splits the arguments of ARG: each `NAME` or `NAME=VALUE`.
pub(crate) fn arguments(
    text: &str,
    escape: char,
) -> Result<Vec<(String, Option<String>)>, WordsError> {
    let words = split(text, escape);
    if words.is_empty() {
        return Err(WordsError::Nothing);
    }
    let argument = |word: String| match word.contains('=') {
        true => pair(&word).map(|(name, value)| (name, Some(value))),
        false => Ok((word, None)),
    };
    words.into_iter().map(argument).collect()
}

fn pair(word: &str) -> Result<Pair, WordsError> {
    let (name, value) =
        word.split_once('=').ok_or_else(|| WordsError::NoEquals(word.to_owned()))?;
    if name.is_empty() {
        return Err(WordsError::NoName(value.to_owned()));
    }
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_keep_their_quotes() {
        let cases: [(&str, &[&str]); 12] = [
            ("", &[]),
            ("  a\tb  ", &["a", "b"]),
            ("a='b c' d", &["a='b c'", "d"]),
            (r#"a="b ' c""#, &[r#"a="b ' c""#]),
            (r"a=b\ c d", &[r"a=b\ c", "d"]),
            (r#"a="b\" c" d"#, &[r#"a="b\" c""#, "d"]),
            (r"a='b\' c", &[r"a='b\'", "c"]),
            (r#""" b"#, &[r#""""#, "b"]),
            (r"a\", &["a"]),
            (r"\", &[]),
            ("'open a b", &["'open a b"]),
            ("a`b", &["a`b"]),
        ];
        for (text, expected) in cases {
            assert_eq!(split(text, '\\'), expected, "{text}");
        }
        assert_eq!(split("a` b", '`'), ["a` b"]);
    }

    #[test]
    fn pairs_have_two_forms() {
        let cases: [(&str, &[(&str, &str)]); 6] = [
            ("a=b", &[("a", "b")]),
            ("a=b c='d e'", &[("a", "b"), ("c", "'d e'")]),
            ("a=b=c d=", &[("a", "b=c"), ("d", "")]),
            ("a b c=d  e", &[("a", "b c=d  e")]),
            ("a\t\tb", &[("a", "b")]),
            (r#""io.x"=$Y"#, &[("\"io.x\"", "$Y")]),
        ];
        for (text, expected) in cases {
            let owned = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
            assert_eq!(pairs(text, '\\'), Ok(expected.iter().map(owned).collect()), "{text}");
        }
        let errors = [
            ("", "there is no `NAME=VALUE`"),
            ("a", "`a` has no `=`; write `NAME=VALUE`"),
            ("a=b c", "`c` has no `=`; write `NAME=VALUE`"),
            ("=b", "a name is missing before `=b`"),
        ];
        for (text, message) in errors {
            assert_eq!(pairs(text, '\\').unwrap_err().to_string(), message, "{text}");
        }
    }

    #[test]
    fn arguments_may_have_no_value() {
        let found = arguments(r#"A B=c D="" E='f g'"#, '\\').unwrap();
        let expected = [("A", None), ("B", Some("c")), ("D", Some("\"\"")), ("E", Some("'f g'"))];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.map(str::to_owned)));
        assert_eq!(found, expected);
        assert_eq!(arguments("=x", '\\'), Err(WordsError::NoName("x".into())));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_between_the_blanks(text: String) {
            let words = split(&text, '\\');
            let solid = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
            let kept: usize = words.iter().map(|word| solid(word)).sum();
            // All but an escape at the very end.
            prop_assert!(solid(&text) - kept <= 1);
            let _ = pairs(&text, '\\');
            let _ = arguments(&text, '`');
        }
    }
}
