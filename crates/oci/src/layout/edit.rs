//! Edits of a layout's `index.json`: pure, from one value to the next.

use std::collections::{BTreeMap, BTreeSet};

use super::{IMAGE_NAME, REF_NAME, tag_of};
use crate::Reference;
use crate::spec::{Descriptor, Index};

/// Returns the entry under which an artifact stands in a repository's
/// layout.
pub(crate) fn entry(artifact: &Descriptor, reference: &Reference, tag: &str) -> Descriptor {
    let full = format!("{}:{tag}", reference.name());
    named(artifact, tag, &full)
}

/// Returns an entry with a short and a full name.
pub(crate) fn named(artifact: &Descriptor, short: &str, full: &str) -> Descriptor {
    Descriptor {
        annotations: BTreeMap::from([
            (REF_NAME.to_owned(), short.to_owned()),
            (IMAGE_NAME.to_owned(), full.to_owned()),
        ]),
        ..artifact.clone()
    }
}

/// Puts entries in, each in place of those of the same tag, and returns the
/// new index with the tags whose entry changed; `None` if nothing did.
pub(crate) fn insert(index: &Index, entries: Vec<Descriptor>) -> Option<(Index, BTreeSet<String>)> {
    let mut manifests = index.manifests.clone();
    let mut changed = BTreeSet::new();
    for entry in entries {
        let tag = tag_of(&entry).unwrap_or_default().to_owned();
        let same_tag = |other: &&Descriptor| tag_of(other) == Some(tag.as_str());
        let old: Vec<_> = manifests.iter().filter(same_tag).collect();
        if old == [&entry] {
            continue;
        }
        manifests.retain(|other| !same_tag(&other));
        manifests.push(entry);
        changed.insert(tag);
    }
    (!changed.is_empty())
        .then(|| (Index { manifests: sorted(manifests), ..index.clone() }, changed))
}

/// Returns entries in the order in which they are written.
pub(crate) fn sorted(mut manifests: Vec<Descriptor>) -> Vec<Descriptor> {
    manifests.sort_by(|a, b| (tag_of(a), a.digest).cmp(&(tag_of(b), b.digest)));
    manifests
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor(text: &str) -> Descriptor {
        Descriptor::of("m", text.as_bytes())
    }

    fn tagged(text: &str, tag: &str) -> Descriptor {
        entry(&descriptor(text), &"quay.io/a/b".parse().unwrap(), tag)
    }

    #[test]
    fn entries_replace_those_of_their_tag_and_leave_the_others() {
        let untagged = descriptor("untagged");
        let index = Index::new(vec![tagged("old", "b"), untagged.clone(), tagged("old", "c")]);
        let (new, changed) = insert(&index, vec![tagged("new", "b"), tagged("new", "a")]).unwrap();
        let expected = [untagged, tagged("new", "a"), tagged("new", "b"), tagged("old", "c")];
        assert_eq!(new.manifests, expected);
        assert_eq!(changed.into_iter().collect::<Vec<_>>(), ["a", "b"]);
        assert!(insert(&new, vec![tagged("new", "a")]).is_none());
    }

    #[test]
    fn an_order_of_someone_else_is_no_change() {
        let index = Index::new(vec![tagged("x", "b"), tagged("x", "a")]);
        assert!(insert(&index, vec![tagged("x", "a")]).is_none());
    }
}
