//! Every request of a pull, broken in every way, one at a time.

use std::sync::{Arc, Mutex};

use oci::registry::{Client, RetryPolicy, Settings};

use super::{OTHER, PASSWORD, World, no_secret_left_home, run_all};
use crate::proxy::{Fault, Proxy, Setup};
use crate::support::*;

/// The index, three manifests, their configs, and the two layers.
const N_REQUESTS: usize = 1 + 3 + 3 + 2;

/// Pulls the old image through proxies, the request of this number with this
/// fault, and returns what the registry was asked.
fn check(world: &World, at: usize, fault: Option<Fault>) -> Vec<crate::proxy::Seen> {
    let log = Arc::new(Mutex::new(Vec::new()));
    let setup = || Setup { log: Arc::clone(&log), ..Setup::before(&world.registry.address) };
    let other = Proxy::start(Setup { ip: OTHER, ..setup() });
    let proxy = Proxy::start(Setup {
        password: Some(PASSWORD),
        other: Some(other.address.clone()),
        fate: Box::new(move |number, _| fault.filter(|_| number == at)),
        ..setup()
    });
    let credentials = password(&proxy.address, "robot", "hunter2");
    let retry = RetryPolicy { attempts: 2, ..settings().retry };
    let client = Client::new(Settings { credentials, concurrency: 1, retry, ..settings() });
    let pulled = pull_contents(&client, &format!("{}/one:old", proxy.address));
    let seen = proxy.seen();
    no_secret_left_home(&seen);
    match pulled {
        Ok((_, found)) => assert_eq!(found, contents(&index("old"))),
        // The one manifest of which nothing else says what it should be.
        Err(error) => {
            let promises = error.to_string().contains("its bytes are those of");
            assert!((at, fault) == (0, Some(Fault::WrongDigest)) && promises, "{error}");
        }
    }
    seen
}

#[test]
fn what_is_pulled_is_whole_whichever_request_fails() {
    let Some(world) = World::start(&["one"]) else { return };
    let clean = check(&world, 0, None);
    assert_eq!(clean.len(), N_REQUESTS);
    let mut cases: Vec<(usize, Fault)> = Vec::new();
    for (at, request) in clean.iter().enumerate() {
        let fitting = Fault::ALL.into_iter().filter(|fault| fault.fits(&request.head));
        cases.extend(fitting.map(|fault| (at, fault)));
    }
    let describe = |number: usize| {
        let (at, fault) = cases[number];
        format!("{fault:?} at request {at}, `{}`", clean[at].line())
    };
    run_all(&world, None, cases.len(), describe, |number, _| {
        let (at, fault) = cases[number];
        let seen = check(&world, at, Some(fault));
        assert_eq!(seen[at].fault, Some(fault));
        // What is here already is not asked for again.
        assert!(seen.len() <= N_REQUESTS + 1, "{:#?}", seen.len());
    });
}
