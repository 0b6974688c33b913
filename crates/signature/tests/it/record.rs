//! Makes the cases with real cosign and real registries, where asked by
//! `UPDATE_SIGNATURES=1`; and asks real cosign whether it still says what was
//! recorded.

use oci::registry::{Client, Settings};
use oci::{Artifact, Digest, Image, Index, Named, Reference};
use test_support::Registry;

use crate::case::{Case, Files, Ours, data, load, save};
use crate::cases::judge;
use crate::cosign::Cosigns;
use crate::scenarios::{Scenario, scenarios};
use crate::server::serve;
use crate::state::State;

/// The kinds of keys, with openssl's arguments for them.
const KEYS: [(&str, &[&str]); 5] = [
    ("one", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
    ("two", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
    ("rsa", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
    ("ed25519", &["-algorithm", "ed25519"]),
    ("p384", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]),
];

/// What makes repositories: real registries, and cosign.
pub(crate) struct Maker {
    pub(crate) cosigns: Cosigns,
    client: Client,
    docker: Registry,
    olareg: Registry,
}

impl Maker {
    fn find() -> Option<Maker> {
        let cosigns = Cosigns::find()?;
        for (name, arguments) in KEYS {
            cosigns.make_key(name, arguments);
        }
        let client = Client::new(Settings::default());
        Some(Maker { cosigns, client, docker: Registry::anonymous()?, olareg: Registry::olareg()? })
    }

    /// Pushes an image of its own for this name, and takes what there is once
    /// `sign` has done something with it.
    pub(crate) fn made(&self, name: &str, sign: impl Fn(&str)) -> (State, Digest) {
        self.made_on(&self.docker, name, sign)
    }

    /// The same in a registry that keeps lists of referrers.
    pub(crate) fn made_listed(&self, name: &str, sign: impl Fn(&str)) -> (State, Digest) {
        let (state, subject) = self.made_on(&self.olareg, name, sign);
        (State { lists: true, ..state }, subject)
    }

    fn made_on(&self, on: &Registry, name: &str, sign: impl Fn(&str)) -> (State, Digest) {
        let image = Artifact::Image(image("linux/amd64", name));
        let reference = self.push(on, name, &image);
        sign(&pinned(&reference, image.digest()));
        (State::of(&self.client, &reference, &[image.digest()]), image.digest())
    }

    /// Pushes an index; returns its digest and that of its first image too.
    pub(crate) fn made_index(&self, name: &str, sign: impl Fn(&str)) -> (State, [Digest; 2]) {
        let images = ["linux/amd64", "linux/s390x"].map(|it| image(it, name));
        let child = images[0].digest();
        let index = Index::new(images.into(), Default::default()).unwrap();
        let reference = self.push(&self.docker, name, &Artifact::Index(index.clone()));
        sign(&pinned(&reference, index.digest()));
        let subjects = [index.digest(), child];
        (State::of(&self.client, &reference, &subjects), subjects)
    }

    fn push(&self, on: &Registry, name: &str, artifact: &Artifact) -> Reference {
        let reference: Reference = on.name(&format!("org/{name}:v1")).parse().unwrap();
        let references = vec![reference.clone()];
        let batch = [Named { references, artifact: artifact.clone() }];
        self.client.push(&batch, &|_| {}).remove(0).unwrap();
        reference
    }
}

fn pinned(reference: &Reference, digest: Digest) -> String {
    reference.with_digest(digest).without_tag().to_string()
}

fn image(platform: &str, label: &str) -> Image {
    Image::builder(platform.parse().unwrap()).label("name", label).build().unwrap()
}

#[test]
fn cases_are_recorded_where_asked() {
    if std::env::var_os("UPDATE_SIGNATURES").is_none_or(|value| value != "1") {
        return;
    }
    let maker = Maker::find().expect("registries and cosigns");
    host::fs::create_dir_all(&data().join("keys")).unwrap();
    for (name, _) in KEYS {
        let file = format!("{name}.pub");
        let key = host::fs::read(&maker.cosigns.path(&file)).unwrap();
        host::fs::write_atomic(&data().join("keys").join(file), &key).unwrap();
    }
    let record = |scenario: Scenario| {
        let Scenario { name, about, key, subject, state, layers } = scenario;
        let repository = Files::of(&state);
        let mut case = Case {
            name: name.into(),
            about: about.into(),
            key: key.into(),
            subject,
            repository,
            layers,
            cosign: Default::default(),
            ours: Ours::default(),
        };
        let reference = format!("{}@{subject}", serve(case.grown(state.clone())));
        case.cosign = maker.cosigns.judge(&case.key_file(), &reference);
        case.ours = judge(&case, case.grown(state.clone()));
        (case, state)
    };
    let cases: Vec<_> = scenarios(&maker).into_iter().map(record).collect();
    save(&cases);
}

#[test]
fn cosign_still_says_what_was_recorded() {
    if !test_support::slow() {
        return;
    }
    let Some(cosigns) = Cosigns::find() else { return };
    for case in load() {
        let reference = format!("{}@{}", serve(case.state()), case.subject);
        let said = cosigns.judge(&case.key_file(), &reference);
        assert_eq!(said, case.cosign, "{}: {}", case.name, case.about);
    }
}
