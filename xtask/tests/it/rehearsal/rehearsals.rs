//! The rehearsals: what `image-build.yaml` does for a push to `main`, for a
//! tag and for a pull request.

use super::event::{Event, SHA};
use super::published::{is_attested, is_published, is_signed, is_summed_up, keeps_secrets};
use super::runner::Record;
use super::stage::{Images, Stage};

/// The whole catalogue takes minutes.
fn images() -> Images {
    if test_support::is_slow() { Images::All } else { Images::Some }
}

/// Compares how the jobs ended.
#[track_caller]
fn expect(record: &Record, results: [&str; 3]) {
    assert_eq!(record.results(), results, "{}", record.log());
}

/// Publishes for an event, and looks at everything afterwards.
fn publish(event: &Event, images: Images, tags: &[&str]) {
    let Some(stage) = Stage::set_to_sign(images) else { return };
    let record = stage.run(event);
    expect(&record, ["build: success", "publish: success", "verify: success"]);
    is_published(&stage, tags);
    is_signed(&stage, if images == Images::All { usize::MAX } else { 1 });
    is_attested(&stage, &record);
    is_summed_up(&stage, &record);
    keeps_secrets(&stage, &record);
}

#[test]
fn a_push_to_main_publishes_everything() {
    publish(&Event::push("main"), images(), &["main", "latest", &format!("sha-{SHA}")]);
}

#[test]
fn a_tag_publishes_under_its_name() {
    publish(&Event::tag("v1.2.3"), Images::Some, &["v1.2.3", "latest", &format!("sha-{SHA}")]);
}

#[test]
fn a_pull_request_builds_and_pushes_nothing() {
    let Some(stage) = Stage::set(images()) else { return };
    let record = stage.run(&Event::pull_request(&["images.yaml"]));
    expect(&record, ["build: success", "publish: skipped", "verify: skipped"]);
    let made: Vec<_> = stage.made().into_keys().collect();
    let mut expected = stage.images();
    expected.sort_unstable();
    assert_eq!(made, expected);
    assert_eq!(stage.quay.gate.take(), [""; 0], "what the registry was asked");
    keeps_secrets(&stage, &record);
}
