//! Pushes of three repositories whose process is killed.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::{World, case_name, run_all};
use crate::proxy::{Fault, Proxy, Setup};
use crate::support::{client, draw, index, push};

const CASES: usize = 30;
const CASES_SLOWLY: usize = 200;

/// Tells the process that is to be killed where to push, and what.
const PUSH: &str = "OCI_TEST_PUSH";

const REPOSITORIES: &[&str] = &["one", "two", "three"];

/// Starts this test in another process, which pushes.
fn start(address: &str, name: &str) -> Child {
    #[expect(clippy::disallowed_methods, reason = "it is to be killed")]
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "chaos::kill::a_tag_is_never_half_of_an_image_whenever_the_push_is_killed",
        ])
        .env(PUSH, format!("{address} {name}"))
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Pushes until the request of this number, and a moment longer. Returns how
/// the process ended.
fn push_until(world: &World, name: &str, last: usize, moment: u64) -> (ExitStatus, Proxy) {
    let child: Arc<Mutex<Option<Child>>> = Arc::default();
    let victim = Arc::clone(&child);
    let fate = move |number, request: &_| {
        if number != last {
            return None;
        }
        std::thread::sleep(Duration::from_micros(moment % 3000));
        victim.lock().unwrap().as_mut().unwrap().kill().unwrap();
        // How much of the last request the registry got before.
        let faults = [None, Some(Fault::ResetAfterBody), Some(Fault::ResetInBody)];
        faults[moment as usize % 3].filter(|fault| fault.fits(request))
    };
    let setup = Setup::before(&world.registry.address);
    let proxy = Proxy::start(Setup { fate: Box::new(fate), ..setup });
    // Held until the child is in its place.
    let mut place = child.lock().unwrap();
    *place = Some(start(&proxy.address, name));
    drop(place);
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(status) = child.lock().unwrap().as_mut().unwrap().try_wait().unwrap() {
            proxy.settle();
            return (status, proxy);
        }
        assert!(Instant::now() < until, "the push does not end");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_tag_is_never_half_of_an_image_whenever_the_push_is_killed() {
    if let Ok(task) = std::env::var(PUSH) {
        let (address, name) = task.split_once(' ').unwrap();
        let batch = World::batch_of(REPOSITORIES, address, name, &index(name));
        push(&client(), &batch);
        return;
    }
    let Some(world) = World::start(REPOSITORIES) else { return };
    let seed = test_support::seed();
    let n_cases = if test_support::is_slow() { CASES_SLOWLY } else { CASES };
    world.name_old((0..n_cases).map(case_name).chain(["whole".to_owned()]));

    let (status, proxy) = push_until(&world, "whole", usize::MAX, 0);
    assert!(status.success(), "{status}");
    let n_requests = proxy.take().len();
    assert!(n_requests > 40, "{n_requests}");

    run_all(
        &world,
        Some(seed),
        n_cases,
        |_| "killed".into(),
        |case, inspector| {
            let last = draw((seed, case, "last")) as usize % n_requests;
            let (status, proxy) = push_until(&world, &case_name(case), last, draw((seed, case)));
            assert_eq!(status.signal(), Some(9), "{status}");
            world.complete(inspector, &case_name(case), &index(&case_name(case)), &proxy.seen());
        },
    );
}
