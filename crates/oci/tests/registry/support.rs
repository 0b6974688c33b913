//! Samples, clients that do not wait long, and ways to look at the outcome.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use oci::registry::{
    Client, Credential, Credentials, Error, Pushed, RetryPolicy, Secret, Settings,
};
use oci::{Artifact, Digest, Image, Index, Layer, Named, Reference};

/// An image for one platform, with one file of this text.
pub(crate) fn image(platform: &str, text: &str) -> Image {
    let layer = Layer::single_file("prog.bpf.o", text.as_bytes(), 0).unwrap();
    Image::builder(platform.parse().unwrap())
        .layer(layer, "COPY prog.bpf.o /")
        .label("io.ebpf.programs", r#"{"pass":"xdp"}"#)
        .build()
        .unwrap()
}

/// An index over two architectures that share a layer, and a third.
pub(crate) fn index(text: &str) -> Artifact {
    index_with(text, &format!("{text} (big-endian)"))
}

pub(crate) fn index_with(little: &str, big: &str) -> Artifact {
    let images =
        vec![image("linux/amd64", little), image("linux/arm64", little), image("linux/s390x", big)];
    Artifact::Index(Index::new(images, BTreeMap::new()).unwrap())
}

pub(crate) fn named(references: &[String], artifact: &Artifact) -> Named {
    let references = references.iter().map(|reference| reference.parse().unwrap()).collect();
    Named { references, artifact: artifact.clone() }
}

pub(crate) fn reference(word: &str) -> Reference {
    word.parse().unwrap()
}

/// Settings under which a failing test fails soon.
pub(crate) fn settings() -> Settings {
    Settings {
        retry: RetryPolicy {
            attempts: 4,
            first_wait: Duration::from_millis(2),
            longest_wait: Duration::from_millis(20),
            patience: Duration::from_secs(5),
            budget: 1000,
        },
        patience: Duration::from_secs(5),
        ..Settings::default()
    }
}

pub(crate) fn client() -> Client {
    Client::new(settings())
}

pub(crate) fn client_with(credentials: Credentials) -> Client {
    Client::new(Settings { credentials, ..settings() })
}

pub(crate) fn password(host: &str, username: &str, password: &str) -> Credentials {
    let password = Secret::new(password);
    let credential = Credential::Password { username: username.into(), password };
    Credentials::none().with(host, credential, "the test")
}

/// Pushes what is expected to arrive.
pub(crate) fn push(client: &Client, batch: &[Named]) -> Vec<Vec<Pushed>> {
    client.push(batch, &|_| {}).into_iter().map(Result::unwrap).collect()
}

/// Pushes one image that is not.
pub(crate) fn push_fails(client: &Client, batch: &[Named]) -> Error {
    client.push(batch, &|_| {}).remove(0).unwrap_err()
}

/// Pulls them for the digest alone.
pub(crate) fn pull(client: &Client, name: &str) -> Result<Digest, Error> {
    pull_contents(client, name).map(|(digest, _)| digest)
}

/// Pulls all platforms of an image, to its last byte.
pub(crate) fn pull_contents(client: &Client, name: &str) -> Result<(Digest, Contents), Error> {
    let pulled = client.pull(&reference(name), None)?;
    let read = |blob: &oci::Blob| Ok((blob.digest().to_string(), blob.read(u64::MAX)?));
    Ok((pulled.digest(), pulled.blobs().map(read).collect::<Result<_, Error>>()?))
}

/// The bytes of every blob of an artifact, by digest.
pub(crate) type Contents = BTreeMap<String, Vec<u8>>;

pub(crate) fn contents(artifact: &Artifact) -> Contents {
    let read = |blob: &oci::Blob| (blob.digest().to_string(), blob.read(u64::MAX).unwrap());
    artifact.blobs().map(read).collect()
}

/// Pulls a whole artifact and compares every byte.
pub(crate) fn assert_arrived(client: &Client, name: &str, artifact: &Artifact) {
    let (digest, pulled) = pull_contents(client, name).unwrap();
    assert_eq!(digest, artifact.digest());
    assert_eq!(pulled, contents(artifact));
}

/// A number that depends on these things and nothing else.
pub(crate) fn draw(things: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    things.hash(&mut hasher);
    hasher.finish()
}
