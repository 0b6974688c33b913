//! Scopes: what a token is to allow.
//!
//! The words are those of the distribution project's token scope grammar:
//! `repository:NAME:pull,push`. Several repositories share one token where
//! one request touches several, as a mount does.

use std::collections::BTreeMap;

/// What may be done with which repositories; the boolean is the right to
/// push, all have the right to pull.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scopes(BTreeMap<String, bool>);

impl Scopes {
    pub(crate) fn pull(repository: &str) -> Scopes {
        Scopes(BTreeMap::from([(repository.to_owned(), false)]))
    }

    pub(crate) fn push(repository: &str) -> Scopes {
        Scopes(BTreeMap::from([(repository.to_owned(), true)]))
    }

    /// Adds the right to pull from another repository.
    #[must_use]
    pub(crate) fn and_pull(mut self, repository: &str) -> Scopes {
        self.0.entry(repository.to_owned()).or_insert(false);
        self
    }

    /// Returns whether whoever may do this may do the other as well.
    pub(crate) fn cover(&self, other: &Scopes) -> bool {
        other.0.iter().all(|(name, push)| self.0.get(name).is_some_and(|own| own >= push))
    }

    /// Returns whether a registry's word asks for nothing more. It may name
    /// the rights in any order.
    pub(crate) fn cover_word(&self, word: &str) -> bool {
        let parts = word.strip_prefix("repository:").and_then(|rest| rest.rsplit_once(':'));
        let Some((name, actions)) = parts else { return false };
        self.0.get(name).is_some_and(|may_push| {
            actions.split(',').all(|action| action == "pull" || *may_push && action == "push")
        })
    }

    /// Returns the words for a token server.
    pub(crate) fn words(&self) -> Vec<String> {
        let word = |(name, push): (&String, &bool)| {
            format!("repository:{name}:{}", if *push { "pull,push" } else { "pull" })
        };
        self.0.iter().map(word).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_merge_and_cover() {
        let both = Scopes::push("a").and_pull("b").and_pull("a");
        assert_eq!(both.words(), ["repository:a:pull,push", "repository:b:pull"]);
        assert!(both.cover(&Scopes::pull("a")) && both.cover(&Scopes::pull("b")));
        assert!(!both.cover(&Scopes::push("b")) && !both.cover(&Scopes::pull("c")));
    }

    #[test]
    fn words_are_covered_in_any_order() {
        let scopes = Scopes::push("org/a").and_pull("b");
        for word in ["repository:org/a:push,pull", "repository:org/a:pull", "repository:b:pull"] {
            assert!(scopes.cover_word(word), "{word}");
        }
        for word in [
            "repository:b:pull,push",
            "repository:org/a:delete",
            "repository:org/a:*",
            "repository:c:pull",
            "registry:catalog:*",
            "",
        ] {
            assert!(!scopes.cover_word(word), "{word}");
        }
    }
}
