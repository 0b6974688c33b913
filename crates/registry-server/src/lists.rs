//! The lists of tags and of repositories, whole or page by page
//! (distribution-spec, "Listing Tags").

use std::collections::BTreeSet;

use hyper::header::LINK;
use oci::Reference;
use oci::layout::tag_of;
use serde::Serialize;

use crate::answer::Answer;
use crate::problem::Problem;
use crate::route::{Name, Page};
use crate::store::Store;

#[derive(Serialize)]
struct Tags<'a> {
    name: &'a str,
    tags: &'a [String],
}

#[derive(Serialize)]
struct Repositories<'a> {
    repositories: &'a [String],
}

/// Answers with the tags of a repository, in the order of their bytes.
pub(crate) fn tags(store: &Store, name: &Name, page: &Page) -> Result<Answer, Problem> {
    let layout = store.layout(name)?;
    // Some layouts have other names than tags, which nobody can ask for.
    let any: Reference = "a.b/c".parse().map_err(Problem::fault)?;
    let tags = layout.index().manifests.iter().filter_map(tag_of);
    let tags: BTreeSet<&str> = tags.filter(|tag| any.with_tag(tag).is_ok()).collect();
    let tags: Vec<String> = tags.into_iter().map(str::to_owned).collect();
    let (tags, next) = slice(&tags, page);
    let answer = Answer::json(&Tags { name: &name.path, tags });
    Ok(linked(answer, &format!("/v2/{}/tags/list", name.path), next))
}

/// Answers with the repositories that can be asked for.
pub(crate) fn catalog(store: &Store, page: &Page) -> Result<Answer, Problem> {
    let names = crate::catalog(store.tree()).map_err(Problem::fault)?;
    let names: Vec<String> = names.into_keys().collect();
    let (repositories, next) = slice(&names, page);
    let answer = Answer::json(&Repositories { repositories });
    Ok(linked(answer, "/v2/_catalog", next))
}

/// Returns the items of a page, and where the next one starts if there is
/// one: how many and behind what.
fn slice<'a>(items: &'a [String], page: &Page) -> (&'a [String], Option<(usize, &'a str)>) {
    let start = page.last.as_ref().map_or(0, |last| items.partition_point(|item| item <= last));
    let rest = &items[start..];
    let Some(n) = page.n.filter(|n| *n < rest.len()) else { return (rest, None) };
    // Of no items there is no next page (the specification says so).
    (&rest[..n], rest[..n].last().map(|last| (n, last.as_str())))
}

/// Adds where the next page is (RFC 8288). Tags and names of repositories
/// need no encoding.
fn linked(answer: Answer, path: &str, next: Option<(usize, &str)>) -> Answer {
    match next {
        Some((n, last)) => answer.header(LINK, format!("<{path}?n={n}&last={last}>; rel=\"next\"")),
        None => answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pages_are_the_whole(items: BTreeSet<String>, n in 1usize..5) {
            let items: Vec<String> = items.into_iter().collect();
            let (mut seen, mut page) = (Vec::new(), Page { n: Some(n), last: None });
            loop {
                let (part, next) = slice(&items, &page);
                seen.extend(part.to_vec());
                let Some((n, last)) = next else { break };
                prop_assert!(part.len() == n);
                page = Page { n: Some(n), last: Some(last.to_owned()) };
            }
            prop_assert_eq!(seen, items);
        }
    }
}
