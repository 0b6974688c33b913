//! Pushes of two repositories with faults here and there, by a client that
//! tries again.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use oci::registry::{RetryPolicy, Settings};

use super::{World, case_name, run_all};
use crate::proxy::Fault;
use crate::support::{draw, settings};
use crate::wire::Head;

/// With those of `each`, 500 and 2,000.
const CASES: usize = 200;
const CASES_SLOWLY: usize = 1700;

/// What a request is for, however often and in whatever order it is sent.
fn purpose(request: &Head) -> String {
    let place = request.path().split_inclusive("/uploads/").next().unwrap_or_default();
    let blob = request.parameter("digest").or_else(|| request.parameter("mount"));
    format!("{} {place} {}", request.method(), blob.unwrap_or_default())
}

/// Decides by the seed, the case, and what is asked for how often: not by
/// the order in which threads come to ask.
fn fate(seed: u64, case: usize) -> impl Fn(usize, &Head) -> Option<Fault> {
    let percent = 5 + draw((seed, case, "percent")) % 25;
    let before = Mutex::new(HashMap::new());
    move |_, request| {
        let purpose = purpose(request);
        let count = {
            let mut before = before.lock().unwrap();
            let count = before.entry(purpose.clone()).or_insert(0);
            *count += 1;
            *count
        };
        let number = draw((seed, case, purpose, count));
        let fitting: Vec<Fault> =
            Fault::ALL.into_iter().filter(|fault| fault.fits(request)).collect();
        let which = (number / 100) as usize % fitting.len();
        (number % 100 < percent).then(|| fitting[which])
    }
}

fn patient(seed: u64, case: usize) -> Settings {
    let attempts = 2 + (draw((seed, case, "attempts")) % 4) as u32;
    let concurrency = [1, 4][draw((seed, case, "concurrency")) as usize % 2];
    let retry = RetryPolicy { attempts, ..settings().retry };
    Settings { retry, concurrency, ..settings() }
}

#[test]
fn a_tag_is_never_half_of_an_image_whatever_fails() {
    let Some(world) = World::start(&["one", "two"]) else { return };
    let seed = test_support::seed();
    let n_cases = if test_support::is_slow() { CASES_SLOWLY } else { CASES };
    world.name_old((0..n_cases).map(case_name));
    let (n_faults, n_whole) = (AtomicUsize::new(0), AtomicUsize::new(0));
    run_all(
        &world,
        Some(seed),
        n_cases,
        |_| "faults at random".into(),
        |case, inspector| {
            let left =
                world.trial(inspector, &case_name(case), patient(seed, case), fate(seed, case));
            let faults = left.seen.iter().filter(|request| request.fault.is_some()).count();
            n_faults.fetch_add(faults, Ordering::SeqCst);
            n_whole.fetch_add(left.results.iter().filter(|r| r.is_ok()).count(), Ordering::SeqCst);
        },
    );
    let (n_faults, n_whole) = (n_faults.into_inner(), n_whole.into_inner());
    assert!(n_faults > 3 * n_cases, "only {n_faults} faults in {n_cases} cases");
    // Most are got over; not all can be.
    assert!(n_whole > n_cases && n_whole < 2 * n_cases, "{n_whole} of {} pushed", 2 * n_cases);
}
