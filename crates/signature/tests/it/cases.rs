//! Every case is judged as it was when cosign's verdict was recorded, and as
//! cosign judged it. It needs no cosign.

use oci::registry::{Client, Settings};
use signature::consumer::RULES;
use signature::{PublicKey, Signatures};

use crate::case::{Case, Ours, load};
use crate::server::serve;
use crate::state::State;

/// Where this crate wants more than cosign does, and why. Everywhere else
/// both must say the same.
const STRICTER: [(&str, &str); 2] = [
    ("legacy-other-type", "a payload of another type is a signature of something else"),
    ("legacy-other-media-type", "bpfman in Rust takes no layer of another type"),
];

/// What cosign 2 accepts and cosign 3 does not.
const LENIENT: &str = "bundle-upper-case";

/// Reads and judges, through a client, what a server serves.
pub(crate) fn judge(case: &Case, state: State) -> Ours {
    let name = serve(state).parse().unwrap();
    let client = Client::new(Settings::default());
    let signatures = Signatures::read(&client, &name, case.subject).unwrap();
    let key = host::fs::read_to_string(&case.key_file()).unwrap();
    let key = PublicKey::from_pem(&key).unwrap();
    let accepted = RULES.iter().filter(|it| it.consumer.accepts(&signatures, &key).is_ok());
    let attestations = signatures.attestations(&key).into_iter();
    Ours {
        legacy: signatures.legacy(&key).word().into(),
        bundle: signatures.bundle(&key).word().into(),
        accepted_by: accepted.map(|it| it.word.to_owned()).collect(),
        attestations: attestations.map(|it| it.predicate_type).collect(),
    }
}

/// Says where this crate and cosign differ.
fn differences(case: &Case, ours: &Ours) -> Vec<&'static str> {
    let verified = |word: &str| word == "verified";
    let accepted = ours.accepted_by.iter().any(|it| it == "cosign-3");
    let is_stricter = STRICTER.iter().any(|(name, _)| *name == case.name);
    let pairs = [
        ("legacy", verified(&ours.legacy) || is_stricter, case.cosign.v3_legacy),
        ("bundle", verified(&ours.bundle), case.cosign.v3_bundle),
        ("accepted by cosign 3", accepted, case.cosign.v3_verify),
        ("cosign 2 as cosign 3", accepted || case.name == LENIENT, case.cosign.v2_verify),
    ];
    pairs.iter().filter(|(_, ours, theirs)| ours != theirs).map(|(what, ..)| *what).collect()
}

#[test]
fn every_case_is_judged_as_cosign_judges_it() {
    let cases = load();
    assert!(cases.len() >= 30);
    for case in &cases {
        let ours = judge(case, case.state());
        assert_eq!(ours, case.ours, "{}: {}", case.name, case.about);
        assert_eq!(differences(case, &ours), [""; 0], "{}: {}", case.name, case.about);
    }
    for (name, why) in STRICTER {
        let case = cases.iter().find(|case| case.name == name).unwrap();
        assert!(case.cosign.v3_legacy && case.ours.legacy != "verified", "{name}: {why}");
    }
}
