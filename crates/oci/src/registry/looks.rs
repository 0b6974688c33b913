//! Looks: what names stand for, asked once for whatever is done next.
//!
//! A preflight, a comparison and a push all begin with what is there. Whoever
//! does several of them, or has other work to do meanwhile, looks first.

use std::collections::HashMap;

use super::{Client, Error};
use crate::spec::Descriptor;
use crate::{Reference, tasks};

/// What names stood for when they were looked at.
#[derive(Clone, Debug, Default)]
pub struct Looks(HashMap<Reference, Result<Option<Descriptor>, Error>>);

impl Looks {
    /// Returns what a name stood for, `None` in it if for nothing; `None` if
    /// it was not looked at.
    pub fn of(&self, reference: &Reference) -> Option<&Result<Option<Descriptor>, Error>> {
        self.0.get(reference)
    }
}

impl Client {
    /// Looks at many names at once, a request each.
    pub fn look(&self, references: &[&Reference]) -> Looks {
        let workers = self.settings().concurrency;
        let found = tasks::each(references, workers, |reference| self.standing(reference));
        Looks(references.iter().map(|reference| (*reference).clone()).zip(found).collect())
    }

    /// Returns what a name stands for; asks unless it was looked at.
    ///
    /// # Errors
    ///
    /// Fails if the registry did, or does.
    pub fn looked(
        &self,
        looks: &Looks,
        reference: &Reference,
    ) -> Result<Option<Descriptor>, Error> {
        looks.of(reference).cloned().unwrap_or_else(|| self.standing(reference))
    }

    /// Asks what a tag stands for, whatever digest is named with it: that is
    /// what it is to stand for.
    fn standing(&self, reference: &Reference) -> Result<Option<Descriptor>, Error> {
        match reference.tag() {
            Some(tag) => self.resolve(&reference.with_tag(tag).map_err(crate::Error::from)?),
            None => self.resolve(reference),
        }
    }
}
