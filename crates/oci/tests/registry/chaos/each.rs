//! Every request of a push, broken in every way, one at a time.

use std::sync::atomic::{AtomicUsize, Ordering};

use oci::registry::{RetryPolicy, Settings};

use super::{World, case_name, run_all};
use crate::inspect::Inspector;
use crate::proxy::Fault;
use crate::support::settings;

/// A HEAD of the tag and of each of three children, a POST and a PUT for each
/// of five blobs, three manifests, the tag.
const N_REQUESTS: usize = 4 + 10 + 3 + 1;

/// A client that does one thing at a time and nothing twice.
fn fragile() -> Settings {
    let retry = RetryPolicy { attempts: 1, ..settings().retry };
    Settings { retry, concurrency: 1, ..settings() }
}

#[test]
fn a_tag_is_never_half_of_an_image_whichever_request_fails() {
    let Some(world) = World::start(&["one"]) else { return };
    let mut inspector = Inspector::of(&world.registry.address);
    world.name_old(["clean".to_owned()].into_iter());
    let clean = world.trial(&mut inspector, "clean", fragile(), |_, _| None);
    assert_eq!(clean.seen.len(), N_REQUESTS);
    let mut cases: Vec<(usize, Fault)> = Vec::new();
    for (at, request) in clean.seen.iter().enumerate() {
        let fitting = Fault::ALL.into_iter().filter(|fault| fault.fits(&request.head));
        cases.extend(fitting.map(|fault| (at, fault)));
    }

    world.name_old((0..cases.len()).map(case_name));
    let n_broken = AtomicUsize::new(0);
    let describe = |number: usize| {
        let (at, fault) = cases[number];
        format!("{fault:?} at request {at}, `{}`", clean.seen[at].line())
    };
    run_all(&world, None, cases.len(), describe, |number, inspector| {
        let (at, fault) = cases[number];
        let fate = move |number, _: &_| (number == at).then_some(fault);
        let left = world.trial(inspector, &case_name(number), fragile(), fate);
        assert_eq!(left.seen[at].fault, Some(fault));
        match &left.results[0] {
            Ok(()) => {}
            Err(error) if fault.is_harmless() => panic!("it failed: {error}"),
            // The last request may have been done though nobody heard.
            Err(error) => {
                assert!(!left.is_new[0] || at == N_REQUESTS - 1, "the tag is new: {error}");
                n_broken.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    // What is only looked for need not be found.
    let n_broken = n_broken.into_inner();
    assert!(n_broken > cases.len() / 2, "only {n_broken} of {} broke", cases.len());
}
