//! The arguments of every call, whole.

use std::path::Path;

use cosign::{
    Attest, Format, Identity, Key, Major, Pattern, Place, Sign, Signer, Verifier, Verify,
};
use oci::Reference;

const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn subject() -> Reference {
    format!("quay.io/o/i@sha256:{HEX}").parse().unwrap()
}

fn line(args: Vec<std::ffi::OsString>) -> String {
    let words: Vec<_> = args.iter().map(|word| word.to_str().unwrap()).collect();
    words.join(" ").replace(&format!("quay.io/o/i@sha256:{HEX}"), "SUBJECT")
}

fn private() -> Place {
    Place {
        authorities: Some("/d/ca.pem".into()),
        certificate: Some(("/c/client.cert".into(), "/c/client.key".into())),
        plain_http: true,
    }
}

const PRIVATE: &str = "--allow-http-registry --registry-cacert=/d/ca.pem \
                       --registry-client-cert=/c/client.cert --registry-client-key=/c/client.key";

#[test]
fn signing() {
    let file = Signer::Key(Key::from("/k/cosign.key"));
    let variable = Signer::Key(Key::from("env://COSIGN_PRIVATE_KEY"));
    let (subject, plain, private) = (subject(), Place::default(), private());
    let config = Some(Path::new("/d/config.json"));
    let sign = |format, signer, recursive, place, config| {
        let subject = &subject;
        line(Sign { format, signer, subject, recursive }.args(place, config))
    };
    let cases = [
        (
            sign(Format::Legacy, &file, false, &plain, config),
            "sign --yes --new-bundle-format=false --key=/k/cosign.key --tlog-upload=false SUBJECT"
                .to_owned(),
        ),
        (
            sign(Format::Bundle, &variable, false, &plain, config),
            "sign --yes --key=env://COSIGN_PRIVATE_KEY --signing-config=/d/config.json SUBJECT"
                .to_owned(),
        ),
        (
            sign(Format::Legacy, &Signer::Ambient, true, &plain, None),
            "sign --yes --new-bundle-format=false --fulcio-auth-flow=token --recursive SUBJECT"
                .to_owned(),
        ),
        (
            sign(Format::Bundle, &Signer::Interactive, true, &private, None),
            format!("sign --yes --recursive {PRIVATE} SUBJECT"),
        ),
    ];
    for (found, expected) in cases {
        assert_eq!(found, expected);
    }
}

#[test]
fn attesting() {
    let (key, subject) = (Signer::Key(Key::from("k")), subject());
    let attest = |signer, place: &Place, config: Option<&Path>| {
        let (predicate, predicate_type) = (Path::new("/d/p.json"), "https://spdx.dev/Document");
        line(Attest { signer, subject: &subject, predicate, predicate_type }.args(place, config))
    };
    let what = "attest --yes --predicate=/d/p.json --type=https://spdx.dev/Document";
    assert_eq!(
        attest(&key, &Place::default(), Some(Path::new("/d/config.json"))),
        format!("{what} --key=k --signing-config=/d/config.json SUBJECT")
    );
    assert_eq!(attest(&Signer::Interactive, &private(), None), format!("{what} {PRIVATE} SUBJECT"));
}

#[test]
fn verifying() {
    let subject = subject();
    let by_key = Verifier::Key(Key::from("/k/cosign.pub"));
    let by_identity = Verifier::Identity(Identity {
        subject: Pattern::Exactly("me@example.com".into()),
        issuer: Pattern::Exactly("https://issuer".into()),
    });
    let by_pattern = Verifier::Identity(Identity {
        subject: Pattern::Matching("^https://github\\.com/o/".into()),
        issuer: Pattern::Matching(".*".into()),
    });
    let verify = |format, verifier, major, place: &Place| {
        let verify = Verify { format, attests: None, verifier, subject: &subject };
        line(verify.args(major, place))
    };
    let plain = Place::default();
    let cases = [
        (
            verify(Format::Legacy, &by_key, Major::Two, &plain),
            "verify --key=/k/cosign.pub --insecure-ignore-tlog=true SUBJECT".to_owned(),
        ),
        (
            verify(Format::Legacy, &by_key, Major::Three, &plain),
            "verify --new-bundle-format=false --key=/k/cosign.pub --insecure-ignore-tlog=true \
             SUBJECT"
                .to_owned(),
        ),
        (
            verify(Format::Bundle, &by_identity, Major::Three, &private()),
            format!(
                "verify-attestation --type=https://sigstore.dev/cosign/sign/v1 \
                 --certificate-identity=me@example.com \
                 --certificate-oidc-issuer=https://issuer {PRIVATE} SUBJECT"
            ),
        ),
        (
            verify(Format::Legacy, &by_pattern, Major::Three, &plain),
            "verify --new-bundle-format=false \
             --certificate-identity-regexp=^https://github\\.com/o/ \
             --certificate-oidc-issuer-regexp=.* SUBJECT"
                .to_owned(),
        ),
    ];
    for (found, expected) in cases {
        assert_eq!(found, expected);
    }
    let attests = Some("https://example.com/kind/v1");
    let verify = Verify { format: Format::Bundle, attests, verifier: &by_key, subject: &subject };
    let expected = "verify-attestation --type=https://example.com/kind/v1 --key=/k/cosign.pub \
                    --insecure-ignore-tlog=true SUBJECT";
    assert_eq!(line(verify.args(Major::Three, &plain)), expected);
}
