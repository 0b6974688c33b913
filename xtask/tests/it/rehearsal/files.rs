//! The files through which a step tells the runner something: `GITHUB_ENV`,
//! `GITHUB_OUTPUT`, `GITHUB_PATH`.
//!
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#environment-files>.

/// Reads lines `NAME=VALUE`, and `NAME<<END`, whose value is what stands
/// before a line `END`.
pub(super) fn assignments(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let equals = line.find('=').unwrap_or(line.len());
        let heredoc = line.find("<<").unwrap_or(line.len());
        if heredoc < equals {
            let (name, end) = (&line[..heredoc], &line[heredoc + "<<".len()..]);
            let mut value = Vec::new();
            loop {
                match lines.next() {
                    Some(line) if line == end => break,
                    Some(line) => value.push(line),
                    None => return Err(format!("no line `{end}` behind `{line}`")),
                }
            }
            found.push((name.to_owned(), value.join("\n")));
        } else {
            let (name, value) = line.split_once('=').ok_or_else(|| format!("no `=`: `{line}`"))?;
            found.push((name.to_owned(), value.to_owned()));
        }
    }
    match found.iter().find(|(name, _)| name.is_empty()) {
        Some((_, value)) => Err(format!("no name: `{value}`")),
        None => Ok(found),
    }
}

#[test]
fn assignments_of_one_line_and_of_several() {
    let text = "A=1\nB=x=y<<z\n\nC<<END\nline 1\n=\nEND\nD<<E\nE\n";
    let expected = [("A", "1"), ("B", "x=y<<z"), ("C", "line 1\n="), ("D", "")];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(assignments(text), Ok(expected.to_vec()));
    for (text, expected) in [
        ("A\n", "no `=`"),
        ("=1\n", "no name"),
        ("A<<E\nx\n", "no line `E`"),
        ("<<E\nE\n", "no name"),
    ] {
        assert!(assignments(text).unwrap_err().contains(expected), "{text}");
    }
}
