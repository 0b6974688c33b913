//! `--prune` removes what no image of the catalogue needs, and that alone.

use super::{assert_same, assert_valid, build, succeed, tree};
use crate::incremental::{PASS, entry, files};
use crate::support::Checkout;

#[test]
fn what_the_catalogue_no_longer_names_goes() {
    let checkout = Checkout::with_source(PASS);
    let one = entry("one", "bpf/one.bpf.c");
    let rarely = entry("rarely", "bpf/one.bpf.c").replace('}', ", default: false}");
    let gone = entry("gone", "bpf/one.bpf.c");
    checkout.catalogue(&[one.as_str(), &rarely].concat());
    succeed(&mut build(&checkout, &["--all"]));
    let kept = tree(&checkout);

    // An image, a tag and a platform more; a killed writer's files; a file
    // that is somebody else's.
    checkout.catalogue(&[one.as_str(), &rarely, &gone].concat());
    succeed(&mut build(&checkout, &["--all", "--tag", "old", "--tag", "latest"]));
    for name in ["", "blobs/sha256/"] {
        checkout.write(&format!("target/images/quay.io/o/one/{name}.staged-abc"), "half");
    }
    checkout.write("target/images/quay.io/o/README", "mine");
    checkout.catalogue(&[one.as_str(), &rarely].concat());
    let before = tree(&checkout);
    let run = succeed(&mut build(&checkout, &["--prune"]));

    let mut expected = kept.clone();
    let readme = "quay.io/o/README";
    expected.insert(readme.to_owned(), before[readme]);
    assert_same(&tree(&checkout), &expected, "what stays");
    assert_eq!(
        files::names(&checkout.path().join("target/images/quay.io/o")),
        ["README", "one", "rarely"]
    );
    assert_valid(&checkout, "after pruning");
    let names = ["gone:latest", "gone:old", "one:old", "rarely:old"];
    let removed = names.map(|name| format!("   Removed quay.io/o/{name}"));
    let said: Vec<_> = run.stderr.lines().filter(|line| line.starts_with("   Removed")).collect();
    assert_eq!(said, removed);
    // What is counted are blobs and leftovers, not the documents that go with
    // the last name of a layout.
    let is_counted =
        |name: &&String| !name.ends_with("/index.json") && !name.ends_with("/oci-layout");
    let gone = files::changed(&before, &expected);
    let pruned = format!("    Pruned {} files, ", gone.iter().filter(is_counted).count());
    let said: Vec<_> = run.stderr.lines().filter(|line| line.starts_with(&pruned)).collect();
    assert_eq!(said.len(), 1, "{pruned}: {}", run.stderr);

    // There is nothing left to remove.
    let stamps = files::stamps(checkout.path());
    let again = succeed(&mut build(&checkout, &["--prune"]));
    assert_eq!(again.stderr.matches("Pruned").count() + again.stderr.matches("Removed").count(), 0);
    let touched = files::changed(&stamps, &files::stamps(checkout.path()));
    assert_eq!(touched.into_iter().filter(|name| name != "tmp").collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn what_was_just_built_stays_under_any_name() {
    let checkout = Checkout::with_source(PASS);
    succeed(&mut build(&checkout, &[]));
    for args in [
        &["--as", "localhost/me/mine:test"][..],
        &["--as", "one=localhost/me/yours:test"],
        &["--tag", "new"],
        &["--registry", "localhost:5000"],
    ] {
        let run = succeed(&mut build(&checkout, &[args, &["--prune"]].concat()));
        let held = checkout.run(&["inspect-images", "--format", "json"]);
        let name = run.stdout.split('@').next().unwrap();
        assert!(held.stdout.contains(&format!("\"name\": \"{name}\"")), "{}", held.stdout);
        assert_valid(&checkout, name);
    }
}
