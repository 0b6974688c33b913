//! Pushes that break off at each of their requests: whoever pulls gets the
//! old image or the new one, whole, and the next push completes it.

use oci::Digest;
use oci::registry::{Client, RetryPolicy, Settings};

use crate::real::{Fate, Proxy, Registry};
use crate::support::*;

/// A HEAD of the tag and of each of three children, a POST and a PUT for each
/// of five blobs, three manifests, the tag.
const N_REQUESTS: usize = 4 + 10 + 3 + 1;

/// A client that does one thing at a time and nothing twice.
fn fragile() -> Client {
    let retry = RetryPolicy { attempts: 1, ..settings().retry };
    Client::new(Settings { retry, concurrency: 1, ..settings() })
}

fn pulled(name: &str) -> Digest {
    let artifact = client().pull(&reference(name), None).unwrap();
    contents(&artifact);
    artifact.digest()
}

fn uploads(lines: &[String]) -> usize {
    lines.iter().filter(|line| line.starts_with("PUT") && line.contains("/uploads/")).count()
}

/// Breaks the push of a new image at each request in turn.
fn check(fate: Fate) {
    let Some(registry) = Registry::anonymous() else { return };
    let mut n_broken = 0;
    for at in 0..N_REQUESTS {
        let case = format!("case-{at}");
        let direct = registry.name(&format!("{case}:v1"));
        let (old, new) = (index(&format!("{case} old")), index(&format!("{case} new")));
        push(&client(), &[named(std::slice::from_ref(&direct), &old)]);

        let decide = move |number| if number == at { fate } else { Fate::Passes };
        let proxy = Proxy::with_fates(&registry.address, decide);
        let through = format!("{}/{case}:v1", proxy.address);
        let result = fragile().push(&[named(&[through], &new)], &|_| {}).remove(0);
        let lines = proxy.take();
        let found = pulled(&direct);
        let put = lines.iter().any(|line| line == &format!("PUT /v2/{case}/manifests/v1"));
        match &result {
            // What is only looked for need not be found.
            Ok(_) => assert_eq!(found, new.digest(), "{case}"),
            // The last request may have been done though nobody heard.
            Err(_) if put && fate == Fate::LosesItsAnswer => {
                assert!(found == new.digest() || found == old.digest(), "{case}");
            }
            Err(error) => assert_eq!(found, old.digest(), "{case}: {error}"),
        }
        n_broken += usize::from(result.is_err());

        let proxy = Proxy::before(&registry.address);
        let through = format!("{}/{case}:v1", proxy.address);
        push(&client(), &[named(&[through], &new)]);
        assert_eq!(pulled(&direct), new.digest());
        // The one that broke is sent twice.
        let (first, second) = (uploads(&lines), uploads(&proxy.take()));
        assert!(first + second <= 5 + 1, "{case}: {first} and {second}");
    }
    assert!(n_broken >= N_REQUESTS - 3, "{n_broken}");
}

#[test]
fn a_tag_is_never_half_of_an_image_when_requests_are_lost() {
    check(Fate::NeverArrives);
}

#[test]
fn a_tag_is_never_half_of_an_image_when_answers_are_lost() {
    check(Fate::LosesItsAnswer);
}

#[test]
fn a_tag_is_never_half_of_an_image_when_the_registry_is_down() {
    check(Fate::IsRefused);
}

#[test]
fn the_push_that_is_broken_off_has_so_many_requests() {
    let Some(registry) = Registry::anonymous() else { return };
    let proxy = Proxy::before(&registry.address);
    let name = format!("{}/org/image:v1", proxy.address);
    push(&fragile(), &[named(std::slice::from_ref(&name), &index("old"))]);
    proxy.take();
    push(&fragile(), &[named(&[name], &index("new"))]);
    assert_eq!(proxy.take().len(), N_REQUESTS);
}
