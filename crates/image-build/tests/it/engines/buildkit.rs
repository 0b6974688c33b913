//! BuildKit without docker: a daemon of the test's own, and buildx by itself.

use test_support::BuildKit;

use super::cases::{self, Case};
use super::{BUILDER, Engine, requests, run};
use crate::support::is_again;

/// Runs the body in a process whose buildx has a builder.
fn with_buildkit(name: &str, body: impl FnOnce()) {
    let start = || BuildKit::start(BUILDER).map(|buildkit| (buildkit.variables(), buildkit));
    if is_again(name, start) {
        body();
    }
}

fn compare(name: &str, cases: &[Case]) {
    with_buildkit(name, || Engine::BuildKit.compare(cases));
}

#[test]
fn it_makes_the_same_files() {
    compare("engines::buildkit::it_makes_the_same_files", cases::FILES);
}

#[test]
fn it_makes_the_same_settings() {
    compare("engines::buildkit::it_makes_the_same_settings", cases::SETTINGS);
}

#[test]
fn it_does_the_same_with_whole_requests() {
    with_buildkit("engines::buildkit::it_does_the_same_with_whole_requests", || {
        requests::compare(Engine::BuildKit);
        requests::compare_one(Engine::BuildKit, requests::layout());
    });
}

#[test]
fn it_runs_what_the_host_did() {
    with_buildkit("engines::buildkit::it_runs_what_the_host_did", || {
        run::compare(Engine::BuildKit);
    });
}
