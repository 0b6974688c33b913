//! Ignore files: which files of a context are not there for a build.
//!
//! `<Containerfile>.dockerignore` or `.dockerignore`, by the rules of the
//! Dockerfile reference (".dockerignore file"): one pattern a line, `#` starts
//! a comment, `!` takes a pattern back, and the last one that matches a path
//! or a directory above it decides. Not here: reading the file, walking.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::glob::Glob;

/// The patterns of an ignore file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ignore {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    /// Whether what matches is kept, not ignored.
    keeps: bool,
    glob: Glob,
}

/// A line that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{pattern}` is not a pattern: {reason}")]
pub struct PatternError {
    /// The line's number, from 1.
    pub line: usize,
    /// The line.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Ignore {
    /// Parses the text of an ignore file.
    pub(crate) fn parse(text: &str) -> Result<Ignore, PatternError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut rules = Vec::new();
        for (i, line) in text.lines().enumerate() {
            let pattern = line.trim();
            if line.starts_with('#') || pattern.is_empty() {
                continue;
            }
            let error = |reason| PatternError { line: i + 1, pattern: pattern.to_owned(), reason };
            let (keeps, path) = match pattern.strip_prefix('!') {
                Some(path) => (true, path.trim_start()),
                None => (false, pattern),
            };
            if keeps && path.trim_matches('/').is_empty() {
                return Err(error("nothing follows the `!`"));
            }
            let path = clean(path);
            let glob = Glob::ignore(path.trim()).map_err(error)?;
            rules.push(Rule { keeps, glob });
        }
        Ok(Ignore { rules })
    }

    /// Returns whether a path, relative to the context, is ignored.
    pub(crate) fn ignores(&self, path: &Path) -> bool {
        let matches = |rule: &&Rule| {
            let above = path.ancestors().take_while(|above| !above.as_os_str().is_empty());
            above.into_iter().any(|path| rule.glob.matches(path.as_os_str().as_bytes()))
        };
        self.rules.iter().rev().find(matches).is_some_and(|rule| !rule.keeps)
    }

    /// Returns whether something below an ignored directory may be kept.
    pub(crate) fn may_keep(&self) -> bool {
        self.rules.iter().any(|rule| rule.keeps)
    }
}

/// Makes a pattern relative to the context, without `.`, `..` and doubled or
/// trailing slashes.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if path.starts_with('/') => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns those of the paths that are ignored.
    fn ignored<'a>(text: &str, paths: &[&'a str]) -> Vec<&'a str> {
        let ignore = Ignore::parse(text).unwrap();
        paths.iter().filter(|path| ignore.ignores(Path::new(path))).copied().collect()
    }

    #[test]
    fn the_last_match_decides() {
        let paths = ["a", "a/b", "a/b/c", "a.o", "d/a.o", "d/README.md", "README.md", "x y"];
        let cases: [(&str, &[&str]); 20] = [
            ("", &[]),
            ("# a\n\n   \n", &[]),
            (" # a\n", &[]),
            ("a", &["a", "a/b", "a/b/c"]),
            ("/a/", &["a", "a/b", "a/b/c"]),
            ("./x/../a", &["a", "a/b", "a/b/c"]),
            ("a/b", &["a/b", "a/b/c"]),
            ("b", &[]),
            ("**/b", &["a/b", "a/b/c"]),
            ("*.o", &["a.o"]),
            ("**/*.o", &["a.o", "d/a.o"]),
            ("*/*.o", &["d/a.o"]),
            ("a?o", &["a.o"]),
            ("  x y  \r\n", &["x y"]),
            ("*\n!a", &["a.o", "d/a.o", "d/README.md", "README.md", "x y"]),
            ("**\n!a/b/c", &["a", "a/b", "a.o", "d/a.o", "d/README.md", "README.md", "x y"]),
            ("a\n!a/b\na/b/c", &["a", "a/b/c"]),
            ("!a\na", &["a", "a/b", "a/b/c"]),
            ("*.md\n!README*.md\nREADME-secret.md", &[]),
            ("**/*.md\n! README.md", &["d/README.md"]),
        ];
        for (text, expected) in cases {
            assert_eq!(ignored(text, &paths), expected, "{text:?}");
        }
        assert_eq!(ignored("\u{feff}a.o\n../a", &paths), ["a.o"]);
    }

    #[test]
    fn a_line_that_is_no_pattern_is_named() {
        let cases = [
            ("a\n!\n", 2, "`!` is not a pattern: nothing follows the `!`"),
            ("[a", 1, "`[a` is not a pattern: a `[` is not closed"),
            ("a\n!/", 2, "`!/` is not a pattern: nothing follows the `!`"),
            ("\n\n!a\\", 3, "`!a\\` is not a pattern: it ends with a `\\`"),
        ];
        for (text, line, message) in cases {
            let error = Ignore::parse(text).unwrap_err();
            assert_eq!((error.line, error.to_string().as_str()), (line, message));
        }
    }

    #[test]
    fn only_an_exclamation_mark_keeps() {
        for (text, expected) in [("", false), ("a\nb", false), ("a\n!b", true)] {
            assert_eq!(Ignore::parse(text).unwrap().may_keep(), expected);
        }
    }

    proptest! {
        #[test]
        fn no_text_and_no_path_panics(text: String, path: String) {
            if let Ok(ignore) = Ignore::parse(&text) {
                let _ = ignore.ignores(Path::new(&path));
            }
        }

        #[test]
        fn below_an_ignored_directory_all_is_ignored(
            text in "([a-c*?]{1,3}(/[a-c*?]{1,3})?\n){0,4}",
            path in "[a-c]{1,2}(/[a-c]{1,2}){0,2}",
        ) {
            let ignore = Ignore::parse(&text).unwrap();
            if ignore.ignores(Path::new(&path)) {
                prop_assert!(ignore.ignores(&Path::new(&path).join("x")));
            }
        }
    }
}
