//! Preflight: whether a push would be let in, before there is anything to
//! push.
//!
//! Whoever may push may open an upload; the upload is cancelled at once. On
//! some registries a token with the right to push makes the repository that
//! is not there yet, so nobody asks for that right without need.

use std::collections::BTreeMap;

use super::{Client, Error, Looks};
use crate::{Digest, Reference, tasks};

/// A name, and what is to stand under it.
#[derive(Clone, Debug)]
pub struct Intent {
    /// The name.
    pub reference: Reference,
    /// What it is to stand for, where that is known already.
    pub digest: Option<Digest>,
}

/// What one name came to.
enum Look {
    Unchanged,
    Changes,
    Failed(Error),
}

impl Client {
    /// Asks for each name whether it could be pushed: for what is there, and
    /// unless that is what is to be there, for the right to write to its
    /// repository, once each. Nothing is left behind. Outcomes are in the
    /// order of `intents`. What is among `looks` is not asked for again.
    ///
    /// # Errors
    ///
    /// A name fails if the registry cannot be used, or will not have it.
    pub fn preflight(&self, intents: &[Intent], looks: &Looks) -> Vec<Result<(), Error>> {
        let workers = self.settings().concurrency;
        let looks = tasks::each(intents, workers, |intent| self.judge(intent, looks));
        let changes = intents.iter().zip(&looks).filter(|(_, look)| matches!(look, Look::Changes));
        let by_name: BTreeMap<String, &Reference> =
            changes.map(|(intent, _)| (intent.reference.name(), &intent.reference)).collect();
        let repositories: Vec<&Reference> = by_name.values().copied().collect();
        let answers = tasks::each(&repositories, workers, |reference| self.knock(reference));
        let answers: BTreeMap<&String, Result<(), Error>> = by_name.keys().zip(answers).collect();
        let end = |(intent, look): (&Intent, Look)| match look {
            Look::Unchanged => Ok(()),
            Look::Failed(error) => Err(error),
            Look::Changes => answers.get(&intent.reference.name()).cloned().unwrap_or(Ok(())),
        };
        intents.iter().zip(looks).map(end).collect()
    }

    fn judge(&self, intent: &Intent, looks: &Looks) -> Look {
        match self.looked(looks, &intent.reference) {
            Ok(Some(found)) if Some(found.digest) == intent.digest => Look::Unchanged,
            Ok(_) => Look::Changes,
            // What is hidden from who may only read may be open to who writes.
            Err(error) if matches!(error.status(), Some(401 | 403)) => Look::Changes,
            Err(error) => Look::Failed(error),
        }
    }

    /// Opens an upload and cancels it.
    fn knock(&self, reference: &Reference) -> Result<(), Error> {
        let (repository, _) = self.named(reference)?;
        let session = repository.open_session(self)?;
        repository.cancel(self, session);
        Ok(())
    }
}
