//! Which entries a command is about.

use super::{Catalogue, Entry, Kind};

/// A word that selects nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` names no image, organization or kind of the catalogue")]
pub(crate) struct SelectionError {
    pub(crate) word: String,
    /// What comes nearest to it.
    pub(crate) nearest: Option<String>,
}

/// Returns the entries that `words` select, in the catalogue's order: a name,
/// `organization/name`, `organization/`, or a kind. No words select what a
/// plain run takes, or with `all` everything.
pub(crate) fn select<'a>(
    catalogue: &'a Catalogue,
    words: &[String],
    all: bool,
) -> Result<Vec<&'a Entry>, SelectionError> {
    for word in words {
        if !catalogue.images.iter().any(|entry| matches(entry, word)) {
            let nearest = nearest(catalogue, word);
            return Err(SelectionError { word: word.clone(), nearest });
        }
    }
    let wanted = |entry: &&Entry| match words {
        [] => all || entry.default,
        words => words.iter().any(|word| matches(entry, word)),
    };
    Ok(catalogue.images.iter().filter(wanted).collect())
}

/// Returns whether a word names this image, and not a group of which it is
/// one.
pub(crate) fn is_named(entry: &Entry, words: &[String]) -> bool {
    words.iter().any(|word| *word == entry.name || *word == entry.full_name())
}

fn matches(entry: &Entry, word: &str) -> bool {
    match word.split_once('/') {
        Some((organization, "")) => entry.organization == organization,
        Some((organization, name)) => entry.organization == organization && entry.name == name,
        None => entry.name == word || entry.kind.word() == word,
    }
}

fn nearest(catalogue: &Catalogue, word: &str) -> Option<String> {
    let entries = catalogue.images.iter().flat_map(|entry| {
        [entry.name.clone(), entry.full_name(), format!("{}/", entry.organization)]
    });
    let known: Vec<String> = entries.chain(Kind::WORDS.map(str::to_owned)).collect();
    cli::nearest(word, known.iter().map(String::as_str)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Catalogue {
        let path = test_support::workspace_root().join(super::super::FILE);
        Catalogue::load(&path).unwrap()
    }

    #[test]
    fn words_select_in_the_order_of_the_catalogue() {
        let catalogue = catalogue();
        let cases: [(&[&str], &[&str]); 4] = [
            (
                &["tc-dispatcher", "bpfman/xdp-dispatcher"],
                &["bpfman/xdp-dispatcher", "bpfman/tc-dispatcher"],
            ),
            (
                &["go-xdp-counter"],
                &["bpfman-bytecode/go-xdp-counter", "bpfman-userspace/go-xdp-counter"],
            ),
            (&["bpfman-userspace/go-target"], &["bpfman-userspace/go-target"]),
            (&["mirror", "mirror"], &["bpfman/csi-node-driver-registrar"]),
        ];
        for (words, expected) in cases {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let selected = select(&catalogue, &words, false).unwrap();
            let names: Vec<_> = selected.iter().map(|entry| entry.full_name()).collect();
            assert_eq!(names, expected);
        }
    }

    #[test]
    fn the_catalogue_holds_all_images_of_the_project() {
        let catalogue = catalogue();
        let count = |words: &[&str], all| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            select(&catalogue, &words, all).unwrap().len()
        };
        assert_eq!(count(&["bytecode"], false), 22);
        assert_eq!(count(&["bpfman-userspace/"], false), 9);
        assert_eq!(count(&[], true), 36);
        assert_eq!(count(&[], false), 31);
    }

    #[test]
    fn an_unknown_word_comes_with_the_nearest() {
        let catalogue = catalogue();
        let cases = [
            ("go-xpd-counter", Some("go-xdp-counter")),
            ("bytecod", Some("bytecode")),
            ("bpfman-bytecode/xdp_pas", Some("bpfman-bytecode/xdp_pass")),
            ("zzzzzzzzzz", None),
        ];
        for (word, nearest) in cases {
            let error = select(&catalogue, &[word.to_owned()], false).unwrap_err();
            assert_eq!(error.nearest.as_deref(), nearest, "{word}");
            let message = format!("`{word}` names no image, organization or kind of the catalogue");
            assert_eq!(error.to_string(), message);
        }
    }
}
