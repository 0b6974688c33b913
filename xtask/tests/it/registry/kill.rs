//! Killed at any moment, a push leaves every name with its old image or with
//! its new one, whole; the next push completes it.

use std::process::Stdio;
use std::time::Duration;

use test_support::Registry;

use super::relay::Relay;
use super::*;
use crate::robust::kill::{Random, print};

/// How many pushes are killed.
const TIMES: u64 = 30;
const TIMES_SLOW: u64 = 200;

const NAMES: [&str; 4] = ["one", "two", "three", "four"];

/// Returns what stands under each name of an organization.
fn digests(registry: &Registry, organization: &str) -> Vec<String> {
    let name = |name: &&str| registry.name(&format!("{organization}/{name}:latest"));
    NAMES.iter().map(|own| whole(&name(own)).digest().to_string()).collect()
}

#[test]
fn killed_at_any_moment() {
    let Some(registry) = Registry::anonymous() else { return };
    let times = if test_support::is_slow() { TIMES_SLOW } else { TIMES };
    let (old, new) = (checkout(&NAMES), checkout(&NAMES));
    let changed = PASS.replace("XDP_PASS", "XDP_TX");
    new.write("bpf/one.bpf.c", &changed);
    new.write("bpf/other.bpf.c", &changed.replace("int pass", "int other"));

    let relay = Relay::before(&registry.address);
    let push_as = |checkout: &Checkout, organization: &str| {
        push_command(checkout, &relay.address, &["-q", "--organization", organization])
    };
    succeed(&mut push_as(&old, "measured"));
    let before = digests(&registry, "measured");
    relay.take();
    succeed(&mut push_as(&new, "measured"));
    let after = digests(&registry, "measured");
    let n_requests = relay.take().len() as u64;
    assert!(before.iter().zip(&after).all(|(before, after)| before != after));

    let mut random = Random(test_support::seed());
    let (mut killed, mut between) = (0, 0);
    for number in 0..times {
        let organization = format!("run{number}");
        succeed(&mut push_as(&old, &organization));
        relay.take();
        // After so many requests, and as many microseconds.
        let (requests, wait) = (random.below(n_requests), random.below(4000));
        let when = format!("run {number}, {requests} requests and {wait} µs");
        let mut command = push_as(&new, &organization);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while (relay.count() as u64) < requests && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_micros(200));
        }
        std::thread::sleep(Duration::from_micros(wait));
        killed += u64::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();

        let found = digests(&registry, &organization);
        for (found, (before, after)) in found.iter().zip(before.iter().zip(&after)) {
            assert!(found == before || found == after, "{when}: {found}");
        }
        between += u64::from(found != before && found != after);
        succeed(&mut push_as(&new, &organization));
        assert_eq!(digests(&registry, &organization), after, "{when}");
    }
    print(&format!("{killed} were killed before they were done, {between} between two names"));
    assert!(killed > times / 3, "only {killed} were killed before they were done");
}
