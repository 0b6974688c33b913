//! What is downloaded, and what is not a second time.

use std::sync::Mutex;

use oci::Digest;

use super::*;
use crate::registry::relay::Verdict;

/// Returns the requests of a kind, with how often each was made.
fn counted<'a>(requests: &'a [String], method: &str, what: &str) -> BTreeMap<&'a str, usize> {
    let mut counted = BTreeMap::new();
    for request in requests {
        if request.starts_with(method) && request.contains(what) {
            *counted.entry(request.as_str()).or_insert(0) += 1;
        }
    }
    counted
}

#[test]
fn a_base_is_downloaded_once_and_a_build_then_costs_one_request() {
    let Some(registry) = Registry::anonymous() else { return };
    let relay = Relay::before(&registry.address);
    let digest =
        push(&registry.name("b/base:v1"), &base("one", &["linux/arm64", BOTH[0], BOTH[1]]));
    let name = relay.name("b/base:v1");
    let checkout = checkout(&name);
    assert_eq!(said(&checkout, &[]), [format!("{name}@{digest}")]);
    let requests = relay.take();
    // Two platforms of three, of each its config and two layers.
    let blobs = counted(&requests, "GET", "/blobs/");
    assert_eq!((blobs.len(), blobs.values().max()), (6, Some(&1)), "{requests:?}");
    let first = built(&checkout);
    let image = first.images()[0];
    assert_eq!(image.layers().len(), 3);
    assert_eq!(image.labels()["of"], "one linux/amd64");
    let container = &image.config().config;
    assert_eq!(container.env, ["PATH=/base/bin", "BASE=one", "APP=one"]);
    assert_eq!((container.user.as_str(), container.working_dir.as_str()), ("1000:1000", "/srv"));
    assert_eq!(container.entrypoint, ["/base"]);

    // Nothing but the question what the tag stands for.
    assert_eq!(said(&checkout, &[]), [format!("{name}@{digest}")]);
    assert_eq!(relay.take(), ["HEAD /v2/b/base/manifests/v1"]);
    let offline = format!("{name}@{digest} (as it is kept; `--offline` asks no registry)");
    assert_eq!(said(&checkout, &["--offline"]), [offline]);
    assert_eq!(relay.take(), [""; 0]);
    // Nor does it matter to the image where the base was.
    assert_eq!(built(&checkout).digest(), first.digest());
    std::fs::remove_dir_all(checkout.path().join("target/bases")).unwrap();
    std::fs::remove_dir_all(checkout.path().join("out")).unwrap();
    said(&checkout, &[]);
    assert_eq!(built(&checkout).digest(), first.digest());
    relay.take();

    // A platform more is that platform's download.
    let catalogue = checkout.read("images.yaml");
    checkout.write("images.yaml", &catalogue.replace("linux/s390x]", "linux/s390x, linux/arm64]"));
    said(&checkout, &["--platform", "linux/arm64"]);
    let requests = relay.take();
    assert_eq!(counted(&requests, "GET", "/blobs/").len(), 3, "{requests:?}");
    said(&checkout, &["--platform", "linux/arm64,linux/amd64,linux/s390x"]);
    assert_eq!(relay.take(), ["HEAD /v2/b/base/manifests/v1"]);
}

#[test]
fn a_base_by_digest_needs_no_request_once_it_is_kept() {
    let Some(registry) = Registry::anonymous() else { return };
    let relay = Relay::before(&registry.address);
    let old = push(&registry.name("b/base:v1"), &base("one", &BOTH));
    for name in [relay.name(&format!("b/base@{old}")), relay.name(&format!("b/base:v1@{old}"))] {
        let checkout = checkout(&name);
        assert_eq!(said(&checkout, &[]), [name.as_str()]);
        // The tag is nobody's business.
        let requests = relay.take();
        assert!(!requests.iter().any(|request| request.contains("/v1")), "{requests:?}");
        push(&registry.name("b/base:v1"), &base("two", &BOTH));
        relay.take();
        assert_eq!(said(&checkout, &[]), [name.as_str()]);
        assert_eq!(relay.take(), [""; 0]);
        assert_eq!(built(&checkout).images()[0].labels()["of"], "one linux/amd64");
    }
}

#[test]
fn a_base_that_changed_is_said_and_the_old_one_goes() {
    let Some(registry) = Registry::anonymous() else { return };
    let name = registry.name("b/base:v1");
    let old = push(&name, &base("one", &BOTH));
    let checkout = checkout(&name);
    said(&checkout, &[]);
    let before = kept(&checkout);
    let new = push(&name, &base("two", &BOTH));
    assert_eq!(said(&checkout, &[]), [format!("{name}@{new} (it was {old})")]);
    assert_eq!(built(&checkout).images()[1].labels()["of"], "two linux/s390x");
    let after = kept(&checkout);
    // As many files as before: nothing of the old one.
    assert_eq!(after.len(), before.len(), "{after:?}");
    let is_blob = |path: &&std::path::PathBuf| path.to_string_lossy().contains("/blobs/");
    assert!(!before.iter().filter(is_blob).any(|path| path.exists()));
    assert_eq!(said(&checkout, &[]), [format!("{name}@{new}")]);
}

#[test]
fn what_another_process_uses_stays_while_it_does() {
    let Some(registry) = Registry::anonymous() else { return };
    let name = registry.name("b/base:v1");
    push(&name, &base("one", &BOTH));
    let checkout = checkout(&name);
    said(&checkout, &[]);
    let before = kept(&checkout);
    let used = host::Lock::shared(&checkout.path().join("target/bases/.in-use")).unwrap();
    push(&name, &base("two", &BOTH));
    said(&checkout, &[]);
    assert!(before.iter().all(|path| path.exists()));
    drop(used);
    push(&name, &base("three", &BOTH));
    said(&checkout, &[]);
    // Now both of the old ones are gone.
    assert_eq!(kept(&checkout).len(), before.len());
}

#[test]
fn what_is_damaged_is_noticed_and_got_again() {
    let Some(registry) = Registry::anonymous() else { return };
    let relay = Relay::before(&registry.address);
    let digest = push(&registry.name("b/base:v1"), &base("one", &BOTH));
    let name = relay.name("b/base:v1");
    let checkout = checkout(&name);
    said(&checkout, &[]);
    let expected = built(&checkout).digest();
    let blobs =
        || kept(&checkout).into_iter().filter(|path| path.to_string_lossy().contains("/blobs/"));
    // Two platforms: a manifest, a config and two layers; and the index.
    assert_eq!(blobs().count(), 9);
    for (number, blob) in blobs().enumerate() {
        let whole = std::fs::read(&blob).unwrap();
        match number % 3 {
            0 => std::fs::remove_file(&blob).unwrap(),
            1 => std::fs::write(&blob, &whole[..whole.len() / 2]).unwrap(),
            // Of the same length, and so to be found only by reading.
            _ => std::fs::write(&blob, vec![b' '; whole.len()]).unwrap(),
        }
        let error = failure(&checkout, &relay.address, &["--offline"]);
        let words = "what is kept of `REGISTRY/b/base:v1` cannot be used";
        let next = "hint: build without `--offline` once, and it is kept\n";
        assert!(error.contains(words) && error.contains(next), "{error}");
        relay.take();
        let run = build(&checkout, &[]);
        assert_eq!(
            (run.code, bases(&run)),
            (0, vec![format!("{name}@{digest}")]),
            "{}",
            run.stderr
        );
        let warning = format!("warning: what is kept of `{name}` is damaged, and is got again: ");
        assert!(run.stderr.contains(&warning), "{}", run.stderr);
        let requests = relay.take();
        // What is not damaged is not downloaded a second time, but for the
        // configs, which are read with the manifests.
        assert!(counted(&requests, "GET", "/blobs/").len() <= 3, "{requests:?}");
        assert_eq!(Digest::of(&std::fs::read(&blob).unwrap()), Digest::of(&whole));
        assert_eq!(built(&checkout).digest(), expected);
    }
}

#[test]
fn several_processes_download_once() {
    let Some(registry) = Registry::anonymous() else { return };
    let relay = Relay::before(&registry.address);
    push(&registry.name("b/base:v1"), &base("one", &BOTH));
    let checkout = checkout(&relay.name("b/base:v1"));
    let runs = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for number in 0..3 {
            let (checkout, runs) = (&checkout, &runs);
            scope.spawn(move || {
                let to = format!("oci:out{number}");
                let run = build(checkout, &["--to", &to]);
                runs.lock().unwrap().push(run);
            });
        }
    });
    let runs = runs.into_inner().unwrap();
    assert!(runs.iter().all(|run| run.code == 0 && run.stdout == runs[0].stdout), "{runs:?}");
    let requests = relay.take();
    let layers = layers("one linux/amd64").into_iter().chain(layers("one linux/s390x"));
    for layer in layers {
        let blob = counted(&requests, "GET", &layer.blob().digest().to_string());
        assert_eq!(blob.values().sum::<usize>(), 1, "{requests:?}");
    }
    assert_eq!(counted(&requests, "HEAD", "/manifests/v1").values().sum::<usize>(), 3);
}

#[test]
fn a_download_that_is_cut_short_is_begun_again() {
    let Some(registry) = Registry::anonymous() else { return };
    push(&registry.name("b/base:v1"), &base("one", &BOTH));
    let whole = checkout(&registry.name("b/base:v1"));
    said(&whole, &[]);
    // From the third request for a blob on, the registry refuses.
    let seen = Mutex::new(0);
    let relay = Relay::judging(&registry.address, move |_, line| {
        let mut seen = seen.lock().unwrap();
        *seen += usize::from(line.contains("/blobs/"));
        if (3..6).contains(&*seen) && line.contains("/blobs/") {
            Verdict::Deny
        } else {
            Verdict::Pass
        }
    });
    let checkout = checkout(&relay.name("b/base:v1"));
    let mut tries = 0;
    while build(&checkout, &[]).code != 0 {
        tries += 1;
        assert!(tries < 5);
    }
    assert!(tries > 0, "nothing was refused");
    assert_eq!(built(&checkout).digest(), built(&whole).digest());
    let left =
        kept(&checkout).into_iter().filter(|path| path.to_string_lossy().contains(".staged-"));
    assert_eq!(left.count(), 0);
}

#[test]
fn a_plain_image_is_a_base_for_its_platform() {
    let Some(registry) = Registry::anonymous() else { return };
    let Artifact::Index(index) = base("plain", &["linux/s390x"]) else { panic!() };
    let digest = push(&registry.name("b/base:v1"), &index.children()[0]);
    let name = registry.name("b/base:v1");
    let checkout = checkout(&name);
    let args = ["--platform", "linux/s390x"];
    for _ in 0..2 {
        assert_eq!(said(&checkout, &args), [format!("{name}@{digest}")]);
    }
    assert_eq!(built(&checkout).images()[0].labels()["of"], "plain linux/s390x");
}
