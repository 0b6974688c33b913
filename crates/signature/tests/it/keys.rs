//! Which texts are keys, and what is said of those that are not.

use std::path::Path;

use host::Cmd;
use proptest::prelude::*;
use signature::{Check, PublicKey};

use crate::case::data;

fn openssl(args: &[&str], input: &str) -> String {
    let output = Cmd::new(Path::new("openssl")).args(args).input(input).run().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Makes a key; returns the private and the public one.
fn pair(args: &[&str]) -> (String, String) {
    let private = openssl(&[&["genpkey"], args].concat(), "");
    let public = openssl(&["pkey", "-pubout"], &private);
    (private, public)
}

fn ec(curve: &str) -> (String, String) {
    pair(&["-algorithm", "EC", "-pkeyopt", &format!("ec_paramgen_curve:{curve}")])
}

#[test]
fn what_is_no_key_is_named() {
    let (private, public) = ec("P-256");
    let secret = private.lines().nth(1).unwrap();
    let kinds = "keys are ECDSA on P-256 or P-384, Ed25519, or RSA of 2048 to 8192 bits";
    let cut = public.lines().take(2).collect::<Vec<_>>().join("\n");
    let junk = public.replacen("MF", "!!", 1);
    let explicit = openssl(&["ec", "-pubin", "-pubout", "-param_enc", "explicit"], &public);
    let cases = [
        (private.clone(), "it is a private key, where the public one is needed".to_owned()),
        (
            "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nx".into(),
            "it is a private key, where the public one is needed".into(),
        ),
        (
            "-----BEGIN CERTIFICATE-----\nx".into(),
            "it is a certificate, where a public key is needed".into(),
        ),
        (
            String::new(),
            "it is not a public key in PEM form: it has no `-----BEGIN PUBLIC KEY-----`".into(),
        ),
        (cut, "it is not a public key in PEM form: it has no `-----BEGIN PUBLIC KEY-----`".into()),
        (
            "x".repeat(20_000),
            "it is not a public key in PEM form: it is longer than 16384 bytes".into(),
        ),
        (explicit, "it is not a public key in PEM form: its curve has no name".into()),
        (ec("P-521").1, format!("it is a key on the curve 1.3.132.0.35; {kinds}")),
        (
            pair(&["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"]).1,
            format!("it is a RSA key of 1024 bits; {kinds}"),
        ),
        (
            pair(&["-algorithm", "X25519"]).1,
            format!("it is a key of the kind 1.3.101.110; {kinds}"),
        ),
    ];
    for (text, expected) in cases {
        let error = PublicKey::from_pem(&text).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert!(!format!("{error:?}").contains(secret));
    }
    assert!(PublicKey::from_pem(&junk).unwrap_err().to_string().contains("not a public key"));
}

#[test]
fn keys_may_stand_among_other_lines() {
    let (_, public) = ec("P-256");
    let key = PublicKey::from_pem(&public).unwrap();
    let forms = [
        format!("# ours\n{public}# end\n"),
        public.replace('\n', "\r\n"),
        public.lines().map(|line| format!("  {line} \n\n")).collect(),
        public.trim_end().to_owned(),
    ];
    for form in forms {
        assert_eq!(PublicKey::from_pem(&form).unwrap(), key, "{form}");
    }
}

#[test]
fn the_keys_of_the_cases_are_read() {
    let keys = ["one", "two", "rsa", "ed25519", "p384"].map(|name| {
        let file = data().join("keys").join(format!("{name}.pub"));
        PublicKey::from_pem(&host::fs::read_to_string(&file).unwrap()).unwrap()
    });
    for (n, key) in keys.iter().enumerate() {
        assert_eq!(keys.iter().filter(|other| *other == key).count(), 1, "{n}");
        assert_eq!(key.verify(b"", b""), Check::Refused);
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in ".{0,300}", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = PublicKey::from_pem(&text);
        let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &bytes);
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n");
        if let Ok(key) = PublicKey::from_pem(&pem) {
            prop_assert_eq!(key.verify(b"message", &bytes), Check::Refused);
        }
    }
}
