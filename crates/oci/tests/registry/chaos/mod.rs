//! Pushes that are broken, at each of their requests and here and there:
//! whoever pulls gets the old image or the new one, whole, and the next push
//! completes it with what is missing and no more. Pulls, as well.

mod each;
mod kill;
mod pull;
mod random;

use std::any::Any;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use oci::registry::{Client, Error, Settings};
use oci::{Artifact, Named};
use test_support::Registry;

use crate::inspect::{Expected, Inspector};
use crate::proxy::{Fault, Proxy, Seen, Setup};
use crate::support::*;
use crate::wire::Head;

/// `robot:hunter2`, as the proxy wants to see it.
const PASSWORD: &str = "Basic cm9ib3Q6aHVudGVyMg==";

/// The other host's address: another for the client, not for the registry.
const OTHER: &str = "127.0.0.2";

/// A registry with an old image in each of some repositories.
struct World {
    registry: Registry,
    repositories: &'static [&'static str],
    old: Expected,
}

/// What a broken push left behind.
struct Left {
    results: Vec<Result<(), Error>>,
    seen: Vec<Seen>,
    /// For each repository, whether its tag stands for the new image.
    is_new: Vec<bool>,
}

impl World {
    fn start(repositories: &'static [&'static str]) -> Option<World> {
        let registry = Registry::anonymous()?;
        let old = index("old");
        let batch: Vec<Named> = repositories
            .iter()
            .map(|repository| named(&[registry.name(&format!("{repository}:old"))], &old))
            .collect();
        push(&client(), &batch);
        Some(World { registry, repositories, old: Expected::of(&old) })
    }

    /// Gives the old image the names of cases: all of them before the first,
    /// as a registry need not bear that what is read is put again.
    fn name_old(&self, names: impl Iterator<Item = String>) {
        let mut inspector = Inspector::of(&self.registry.address);
        for name in names {
            for repository in self.repositories {
                inspector.tag(repository, &name, &self.old);
            }
        }
    }

    /// The artifact under one tag in each of the repositories.
    fn batch_of(
        repositories: &[&str],
        address: &str,
        tag: &str,
        artifact: &Artifact,
    ) -> Vec<Named> {
        let name = |repository: &&str| format!("{address}/{repository}:{tag}");
        repositories.iter().map(|repository| named(&[name(repository)], artifact)).collect()
    }

    fn batch(&self, address: &str, tag: &str, artifact: &Artifact) -> Vec<Named> {
        World::batch_of(self.repositories, address, tag, artifact)
    }

    /// Pushes a new image over the old one of this name, with faults; then
    /// once more, without. Checks what must be true whatever they were.
    fn trial(
        &self,
        inspector: &mut Inspector,
        name: &str,
        settings: Settings,
        fate: impl Fn(usize, &Head) -> Option<Fault> + Send + Sync + 'static,
    ) -> Left {
        let new = index(name);
        let (results, seen) = self.broken_push(name, &new, settings, fate);
        no_secret_left_home(&seen);
        let is_new = self.complete(inspector, name, &new, &seen);
        for (result, is_new) in results.iter().zip(&is_new) {
            assert!(result.is_err() || *is_new, "the push succeeded, the tag is old");
        }
        Left { results, seen, is_new }
    }

    /// Checks what a broken push left, and completes it. Returns of which
    /// repositories it had put the tag.
    fn complete(
        &self,
        inspector: &mut Inspector,
        name: &str,
        new: &Artifact,
        seen: &[Seen],
    ) -> Vec<bool> {
        let expected = Expected::of(new);
        nothing_was_sent_twice(seen);
        tags_came_last(seen, &expected);
        let is_new = self.standing(inspector, name, &expected);
        let missing = match is_new.contains(&true) {
            // What one repository has is mounted into the others.
            true => Vec::new(),
            false => inspector.missing(self.repositories[0], &expected),
        };
        let proxy = Proxy::before(&self.registry.address);
        push(&client(), &self.batch(&proxy.address, name, new));
        let sent: Vec<String> =
            proxy.seen().iter().filter_map(Seen::uploads).map(str::to_owned).collect();
        assert_eq!(sorted(sent), missing, "the second push sends other than what is missing");
        assert!(self.standing(inspector, name, &expected).iter().all(|is_new| *is_new));
        is_new
    }

    fn broken_push(
        &self,
        name: &str,
        new: &Artifact,
        settings: Settings,
        fate: impl Fn(usize, &Head) -> Option<Fault> + Send + Sync + 'static,
    ) -> (Vec<Result<(), Error>>, Vec<Seen>) {
        let log = Arc::new(Mutex::new(Vec::new()));
        let setup = || Setup { log: Arc::clone(&log), ..Setup::before(&self.registry.address) };
        let other = Proxy::start(Setup { ip: OTHER, ..setup() });
        let proxy = Proxy::start(Setup {
            password: Some(PASSWORD),
            other: Some(other.address.clone()),
            fate: Box::new(fate),
            ..setup()
        });
        let credentials = password(&proxy.address, "robot", "hunter2");
        let client = Client::new(Settings { credentials, ..settings });
        let results = client.push(&self.batch(&proxy.address, name, new), &|_| {});
        (results.into_iter().map(|result| result.map(drop)).collect(), proxy.seen())
    }

    fn standing(&self, inspector: &mut Inspector, name: &str, new: &Expected) -> Vec<bool> {
        let mut is_new =
            |repository: &&str| inspector.standing(repository, name, &[&self.old, new]) == 1;
        self.repositories.iter().map(&mut is_new).collect()
    }
}

fn case_name(number: usize) -> String {
    format!("case-{number}")
}

fn sorted(mut words: Vec<String>) -> Vec<String> {
    words.sort();
    words
}

fn no_secret_left_home(seen: &[Seen]) {
    for request in seen {
        let is_home = !request.head.get("host").unwrap().starts_with(OTHER);
        assert_eq!(request.head.get("authorization").is_some(), is_home, "{request:?}");
    }
}

/// A blob that the registry has said it has is not sent again.
fn nothing_was_sent_twice(seen: &[Seen]) {
    let mut stored = BTreeSet::new();
    for request in seen {
        let repository = request.head.path().split("/blobs/").next();
        let digest = request.uploads().or_else(|| request.head.parameter("mount"));
        let Some(blob) = repository.zip(digest) else { continue };
        let is_twice = request.uploads().is_some() && stored.contains(&blob);
        assert!(!is_twice, "it was there, and was sent again: {request:?}");
        if request.status == Some(201) {
            stored.insert(blob);
        }
    }
}

/// Every part of the image was confirmed before a tag was put. (The registry
/// would refuse the tag; others would not.)
fn tags_came_last(seen: &[Seen], new: &Expected) {
    let mut confirmed = BTreeSet::new();
    for request in seen {
        let Some((repository, name)) = request.head.path().split_once("/manifests/") else {
            let Some((repository, _)) = request.head.path().split_once("/blobs/") else { continue };
            let digest = request.uploads().or_else(|| request.head.parameter("mount"));
            confirmed.extend(digest.filter(|_| request.was_heard(201)).map(|it| (repository, it)));
            continue;
        };
        if request.was_heard(201) {
            confirmed.insert((repository, name));
        }
        if request.head.method() == "PUT" && !name.starts_with("sha256:") {
            let missing: Vec<_> =
                new.parts().filter(|digest| !confirmed.contains(&(repository, *digest))).collect();
            assert!(missing.is_empty(), "{} before {missing:?}", request.line());
        }
    }
}

/// Runs cases, a few at a time, and tells of all that failed. `describe`
/// says what a case is.
fn run_all(
    world: &World,
    seed: Option<u64>,
    n_cases: usize,
    describe: impl Fn(usize) -> String,
    case: impl Fn(usize, &mut Inspector) + Sync,
) {
    const WORKERS: usize = 4;
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let worker = || {
        let mut inspector = Inspector::of(&world.registry.address);
        loop {
            let number = next.fetch_add(1, Ordering::SeqCst);
            if number >= n_cases {
                return;
            }
            let outcome = catch_unwind(AssertUnwindSafe(|| case(number, &mut inspector)));
            if let Err(panic) = outcome {
                failures.lock().unwrap().push((number, said(&*panic)));
                inspector = Inspector::of(&world.registry.address);
            }
        }
    };
    std::thread::scope(|scope| {
        (0..WORKERS).for_each(|_| drop(scope.spawn(worker)));
    });
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    let seed = seed.map_or(String::new(), |seed| format!(" with the seed {seed}"));
    let lines: Vec<String> = failures
        .iter()
        .map(|(number, said)| format!("case {number} ({}): {said}", describe(*number)))
        .collect();
    assert!(lines.is_empty(), "of {n_cases} cases{seed}:\n{}", lines.join("\n"));
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}
