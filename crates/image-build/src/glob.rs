//! Matches paths against wildcards.
//!
//! Two dialects share the characters `*`, `?`, `[a-z]`, `[^a-z]` and `\`: the
//! sources of COPY, which are those of Go's `path/filepath.Match`, and the
//! patterns of an ignore file, which add `**` as moby's patternmatcher has it.
//! Matching takes time proportional to pattern and path, whatever they are.

use std::borrow::Cow;

/// A pattern, ready to match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Glob {
    tokens: Vec<Token>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Literal(char),
    /// `?`: any character but a slash.
    One,
    /// `*`: any number of characters but slashes.
    Many,
    /// `[…]`: one of the ranges, or none of them.
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
    /// `**` at the end: anything.
    Anything,
    /// `**/`: nothing, or what [`Token::Inside`] takes.
    Directories,
    /// Follows [`Token::Directories`]: anything that ends with a slash.
    Inside,
}

/// Why a pattern is none.
pub(crate) type Reason = &'static str;

impl Glob {
    /// Parses a source of COPY, or a component of one.
    pub(crate) fn source(pattern: &str) -> Result<Glob, Reason> {
        Glob::parse(pattern, false)
    }

    /// Parses a pattern of an ignore file: cleaned, without the `!`.
    pub(crate) fn ignore(pattern: &str) -> Result<Glob, Reason> {
        Glob::parse(pattern, true)
    }

    /// Returns whether a source of COPY has to be matched at all.
    pub(crate) fn is_wild(source: &str) -> bool {
        let mut chars = source.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => drop(chars.next()),
                '*' | '?' | '[' => return true,
                _ => {}
            }
        }
        false
    }

    fn parse(pattern: &str, deep: bool) -> Result<Glob, Reason> {
        let mut tokens = Vec::new();
        let mut chars = pattern.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '*' if deep && chars.next_if_eq(&'*').is_some() => {
                    let slash = chars.next_if_eq(&'/').is_some();
                    let is_first = tokens.is_empty();
                    let rest: String = chars.clone().collect();
                    // moby compares the ends of `**name` and of the path.
                    let is_suffix =
                        is_first && !slash && !rest.contains(['*', '?', '[', ']', '\\']);
                    if rest.is_empty() || is_suffix {
                        tokens.push(Token::Anything);
                    } else {
                        tokens.extend([Token::Directories, Token::Inside]);
                    }
                }
                '*' => tokens.push(Token::Many),
                '?' => tokens.push(Token::One),
                '[' => tokens.push(class(&mut chars)?),
                '\\' => {
                    tokens.push(Token::Literal(chars.next().ok_or("it ends with a `\\`")?));
                }
                c => tokens.push(Token::Literal(c)),
            }
        }
        Ok(Glob { tokens })
    }

    /// Returns whether the whole of `path` matches.
    pub(crate) fn matches(&self, path: &[u8]) -> bool {
        let path: Cow<'_, str> = String::from_utf8_lossy(path);
        // The positions in the pattern that the characters so far lead to.
        let mut reached = vec![false; self.tokens.len() + 1];
        self.reach(&mut reached, 0);
        for c in path.chars() {
            let mut next = vec![false; self.tokens.len() + 1];
            for (at, token) in self.tokens.iter().enumerate().filter(|(at, _)| reached[*at]) {
                match token {
                    Token::Literal(literal) if *literal == c => self.reach(&mut next, at + 1),
                    Token::One if c != '/' => self.reach(&mut next, at + 1),
                    Token::Class { negated, ranges } => {
                        let found = ranges.iter().any(|(low, high)| (*low..=*high).contains(&c));
                        if found != *negated {
                            self.reach(&mut next, at + 1);
                        }
                    }
                    Token::Many if c != '/' => self.reach(&mut next, at),
                    Token::Anything => self.reach(&mut next, at),
                    Token::Inside => {
                        self.reach(&mut next, at);
                        if c == '/' {
                            self.reach(&mut next, at + 1);
                        }
                    }
                    _ => {}
                }
            }
            reached = next;
        }
        reached[self.tokens.len()]
    }

    /// Marks a position, and those behind what may stand for nothing.
    fn reach(&self, reached: &mut [bool], mut at: usize) {
        while !std::mem::replace(&mut reached[at], true) {
            match self.tokens.get(at) {
                Some(Token::Many | Token::Anything) => at += 1,
                Some(Token::Directories) => {
                    reached[at + 1] = true;
                    at += 2;
                }
                _ => return,
            }
        }
    }
}

/// Parses a class from behind its `[`.
fn class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Token, Reason> {
    const OPEN: Reason = "a `[` is not closed";
    let negated = chars.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    while ranges.is_empty() || chars.next_if_eq(&']').is_none() {
        let mut member = || match chars.next() {
            Some('\\') => chars.next().ok_or(OPEN),
            Some('-' | ']') => Err("a `[` is not followed by characters or ranges of them"),
            other => other.ok_or(OPEN),
        };
        let low = member()?;
        let high = if chars.next_if_eq(&'-').is_some() {
            match chars.next() {
                Some('\\') => chars.next().ok_or(OPEN)?,
                Some('-' | ']') => return Err("a range has no end"),
                other => other.ok_or(OPEN)?,
            }
        } else {
            low
        };
        if low > high {
            return Err("a range ends before it starts");
        }
        ranges.push((low, high));
    }
    Ok(Token::Class { negated, ranges })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sources_match_as_by_go() {
        let cases = [
            ("*.o", "a.o", true),
            ("*.o", ".o", true),
            ("*.o", "a/b.o", false),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("a?c", "aéc", true),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[^a-c]x", "zx", true),
            (r"[\]x]", "]", true),
            (r"a\*b", "a*b", true),
            (r"a\*b", "axb", false),
            ("**", "ab", true),
            ("**", "a/b", false),
            ("*a*a*a*", "aaa", true),
            ("", "", true),
            ("", "a", false),
        ];
        for (pattern, path, expected) in cases {
            let glob = Glob::source(pattern).unwrap();
            assert_eq!(glob.matches(path.as_bytes()), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn ignore_patterns_match_as_by_moby() {
        let cases = [
            ("**", "a/b", true),
            ("**/x", "x", true),
            ("**/x", "a/b/x", true),
            ("**/x", "ax", false),
            ("**x", "ax", true),
            ("**x", "a/bx", true),
            ("**x*", "axb", false),
            ("**x*", "a/xb", true),
            ("a/**", "a/b/c", true),
            ("a/**", "a", false),
            ("a**", "ab/c", true),
            ("a**b", "ab", true),
            ("a**b", "axb", false),
            ("a**b", "ax/b", true),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a/x/y/b", true),
            ("a/**/b", "a/xb", false),
            ("*/x", "a/x", true),
            ("*/x", "a/b/x", false),
            ("**/*.o", "a/b.o", true),
            ("**/*.o", "b.o", true),
            ("a.b", "axb", false),
            ("a(b)|c", "a(b)|c", true),
        ];
        for (pattern, path, expected) in cases {
            let glob = Glob::ignore(pattern).unwrap();
            assert_eq!(glob.matches(path.as_bytes()), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn other_patterns_are_refused() {
        let cases = [
            ("a[", "a `[` is not closed"),
            ("[a", "a `[` is not closed"),
            ("[]a]", "a `[` is not followed by characters or ranges of them"),
            ("[-a]", "a `[` is not followed by characters or ranges of them"),
            ("[a-]", "a range has no end"),
            ("[z-a]", "a range ends before it starts"),
            (r"a\", "it ends with a `\\`"),
        ];
        for (pattern, reason) in cases {
            assert_eq!(Glob::source(pattern), Err(reason), "{pattern}");
            assert_eq!(Glob::ignore(pattern), Err(reason), "{pattern}");
        }
    }

    #[test]
    fn what_has_to_be_matched_is_told_apart() {
        for (source, expected) in [("a*", true), (r"a\*", false), ("a[b", true), ("a/b", false)] {
            assert_eq!(Glob::is_wild(source), expected, "{source}");
        }
    }

    proptest! {
        #[test]
        fn no_pattern_and_no_path_panics(pattern: String, path: Vec<u8>) {
            for glob in [Glob::source(&pattern), Glob::ignore(&pattern)].into_iter().flatten() {
                let _ = glob.matches(&path);
            }
        }

        #[test]
        fn wild_patterns_of_hostile_length_end(n in 1usize..200) {
            let glob = Glob::ignore(&"*a".repeat(n)).unwrap();
            prop_assert!(glob.matches("a".repeat(n).as_bytes()));
            let longer = format!("{}b", "a".repeat(n));
            prop_assert!(!glob.matches(longer.as_bytes()));
        }

        #[test]
        fn a_plain_path_matches_itself_alone(path in "[a-z/.]{1,20}", other in "[a-z/.]{1,20}") {
            let glob = Glob::ignore(&path).unwrap();
            prop_assert!(glob.matches(path.as_bytes()));
            prop_assert_eq!(glob.matches(other.as_bytes()), path == other);
        }
    }
}
