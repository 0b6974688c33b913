//! As much of Markdown as these tests need: fenced blocks, code within lines,
//! tables.

/// A fenced block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// What stands behind the opening fence.
    pub(super) language: String,
    /// The lines with their numbers.
    pub(super) lines: Vec<(usize, String)>,
    /// Whether nothing but blank lines is between it and the block before.
    pub(super) follows: bool,
}

/// Returns the fenced blocks of a document.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    let mut follows = false;
    for (number, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), open) {
            (Some(language), false) => {
                let language = language.trim().to_owned();
                blocks.push(Block { language, lines: Vec::new(), follows });
                open = true;
            }
            (Some(_), true) => (open, follows) = (false, true),
            (None, true) => blocks.last_mut().unwrap().lines.push((number + 1, line.to_owned())),
            (None, false) => follows &= line.trim().is_empty(),
        }
    }
    assert!(!open, "a fenced block is not closed");
    blocks
}

/// Returns what stands between single backticks, outside fenced blocks.
pub(crate) fn code(text: &str) -> Vec<String> {
    let mut fenced = false;
    let outside = text.lines().filter(|line| {
        fenced ^= line.starts_with("```");
        !fenced && !line.starts_with("```")
    });
    let joined = outside.collect::<Vec<_>>().join(" ");
    joined.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Returns the cells of each row of the tables below a heading.
pub(crate) fn rows(text: &str, heading: &str) -> Vec<Vec<String>> {
    let below = text.lines().skip_while(|line| *line != heading).skip(1);
    let section = below.take_while(|line| !line.starts_with('#'));
    let rows = section.filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.map(|row| row.split(" | ").map(str::to_owned).collect()).collect()
}

#[test]
fn blocks_know_their_lines_and_neighbours() {
    let text = "a\n```sh\nx `y`\n```\n\n```text\nz\n```\nb `c d`\ne\n```sh\n```\n";
    let block = |language: &str, lines: &[(usize, &str)], follows| Block {
        language: language.to_owned(),
        lines: lines.iter().map(|(number, line)| (*number, (*line).to_owned())).collect(),
        follows,
    };
    let expected = [
        block("sh", &[(3, "x `y`")], false),
        block("text", &[(7, "z")], true),
        block("sh", &[], false),
    ];
    assert_eq!(blocks(text), expected);
    assert_eq!(code(text), ["c d"]);
}
