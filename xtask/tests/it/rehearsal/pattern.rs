//! The patterns of `branches`, `tags` and `paths`.
//!
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#filter-pattern-cheat-sheet>.
//! Of what a pattern may hold, `*`, `**` and a leading `!` are known here.

/// Returns whether a name passes a list of patterns: the last one that it
/// matches decides.
pub(super) fn passes(patterns: &[String], name: &str) -> bool {
    let mut passes = false;
    for pattern in patterns {
        let (pattern, passing) = match pattern.strip_prefix('!') {
            Some(pattern) => (pattern, false),
            None => (pattern.as_str(), true),
        };
        if matches(pattern, name) {
            passes = passing;
        }
    }
    passes
}

/// Returns whether the whole name is as the pattern says.
fn matches(pattern: &str, name: &str) -> bool {
    assert!(!pattern.contains(['?', '+', '[', ']', '\\']), "`{pattern}`: this test knows only `*`");
    let Some(at) = pattern.find('*') else { return pattern == name };
    let (start, rest) = pattern.split_at(at);
    let Some(name) = name.strip_prefix(start) else { return false };
    // One star stops at a slash, two do not.
    let (rest, end) = match rest.strip_prefix("**") {
        Some(rest) => (rest, name.len()),
        None => (&rest[1..], name.find('/').unwrap_or(name.len())),
    };
    let ends = (0..=end).filter(|end| name.is_char_boundary(*end));
    ends.into_iter().any(|end| matches(rest, &name[end..]))
}

#[test]
fn patterns_match_as_at_github() {
    let cases: [(&[&str], &str, bool); 16] = [
        (&["main"], "main", true),
        (&["main"], "maintenance", false),
        (&["v*"], "v1.2.3", true),
        (&["v*"], "v", true),
        (&["v*"], "x1", false),
        (&["v*"], "v1/2", false),
        (&["v**"], "v1/2", true),
        (&["*"], "a/b", false),
        (&["examples/**"], "examples/a/b.c", true),
        (&["examples/**"], "docs/examples/a", false),
        (&["examples/**/Containerfile**"], "examples/x/y/Containerfile.x", true),
        (&["*.md", "!README.md"], "README.md", false),
        (&["*.md", "!README.md"], "a.md", true),
        (&["!a", "*"], "a", true),
        (&["**.rs"], "a/b.rs", true),
        (&[], "a", false),
    ];
    for (patterns, name, expected) in cases {
        let patterns: Vec<_> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        assert_eq!(passes(&patterns, name), expected, "{patterns:?} {name}");
    }
}
