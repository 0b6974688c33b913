//! The real cosign 2 and 3, with a key, on registries with a list of
//! referrers and without.

use std::path::Path;

use cosign::{Attest, Cosigns, Format, Key, Session, Sign, Signer, Verdict, Verifier, Verify};
use oci::Reference;
use test_support::{Registry, go_tool};

use crate::support::{access, pushed};

/// Makes a pair of keys without a password in `dir`.
fn keys(cosigns: &Cosigns, dir: &Path) {
    let cosign = host::Cmd::new(cosigns.any().unwrap().path()).dir(dir);
    cosign.env("COSIGN_PASSWORD", "").arg("generate-key-pair").run().unwrap();
}

/// The cosigns, both of them.
fn cosigns() -> Option<Cosigns> {
    let (two, three) = (go_tool("cosign-2")?, go_tool("cosign-3")?);
    Some(Cosigns::find(&[two, three]).unwrap())
}

/// One key, one subject.
struct Scene<'a> {
    session: &'a Session,
    subject: &'a Reference,
    dir: &'a Path,
}

impl Scene<'_> {
    fn signer(&self) -> Signer {
        Signer::Key(Key::File(self.dir.join("cosign.key")))
    }

    fn sign(&self, format: Format) {
        let signer = self.signer();
        let sign = Sign { format, signer: &signer, subject: self.subject, recursive: false };
        let access = access(self.subject);
        self.session.sign(&sign, &access, &|_| {}).unwrap();
    }

    fn attest(&self) {
        let predicate = self.dir.join("predicate.json");
        host::fs::write_atomic(&predicate, b"{\"made\": \"here\"}").unwrap();
        let signer = self.signer();
        let attest = Attest {
            signer: &signer,
            subject: self.subject,
            predicate: &predicate,
            predicate_type: "https://example.com/made/v1",
        };
        self.session.attest(&attest, &access(self.subject), &|_| {}).unwrap();
    }

    fn verify(&self, format: Format, key: &str) -> Verdict {
        let verifier = Verifier::Key(Key::File(self.dir.join(key)));
        let verify = Verify { format, attests: None, verifier: &verifier, subject: self.subject };
        self.session.verify(&verify, &access(self.subject), &|_| {}).unwrap()
    }
}

#[test]
fn what_is_signed_verifies_in_each_format() {
    let Some(cosigns) = cosigns() else { return };
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    keys(&cosigns, dir.path());
    keys(&cosigns, other.path());
    std::fs::copy(other.path().join("cosign.pub"), dir.path().join("other.pub")).unwrap();
    let session = Session::new(cosigns, []).unwrap();
    let key = session.public_key(&Key::File(dir.path().join("cosign.key"))).unwrap();
    assert_eq!(key, host::fs::read_to_string(&dir.path().join("cosign.pub")).unwrap());
    for registry in [Registry::anonymous(), Registry::olareg()].into_iter().flatten() {
        let subject = pushed(&registry.name("o/i:v1"));
        let scene = Scene { session: &session, subject: &subject, dir: dir.path() };
        let bad = |verdict: Verdict| matches!(verdict, Verdict::Bad(_));
        for format in Format::ALL {
            assert!(bad(scene.verify(format, "cosign.pub")), "{format:?}: nothing is signed");
        }
        scene.sign(Format::Legacy);
        assert_eq!(scene.verify(Format::Legacy, "cosign.pub"), Verdict::Good);
        scene.sign(Format::Bundle);
        for format in Format::ALL {
            assert_eq!(scene.verify(format, "cosign.pub"), Verdict::Good, "{format:?}");
            assert!(bad(scene.verify(format, "other.pub")), "{format:?}: by another key");
        }
        scene.attest();
        assert_eq!(scene.verify(Format::Bundle, "cosign.pub"), Verdict::Good);
    }
}

#[test]
fn a_key_that_cannot_be_had_is_said_to_be() {
    let Some(cosigns) = cosigns() else { return };
    let session = Session::new(cosigns, []).unwrap();
    let error = session.public_key(&Key::from("/no/such.key")).unwrap_err();
    assert!(error.said().contains("no such file"), "{}", error.said());
}
