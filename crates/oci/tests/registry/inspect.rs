//! What stands in a registry, seen without the client that is tested.

use std::collections::{BTreeMap, HashSet};
use std::io::{BufReader, Write};
use std::net::TcpStream;

use oci::{Artifact, Digest};

use crate::support::contents;
use crate::wire::{Head, read_body};

/// An artifact as it must stand in a registry.
pub(crate) struct Expected {
    pub(crate) digest: String,
    media_type: String,
    /// Everything but manifests, by digest.
    blobs: BTreeMap<String, Vec<u8>>,
    manifests: BTreeMap<String, Vec<u8>>,
}

impl Expected {
    pub(crate) fn of(artifact: &Artifact) -> Expected {
        let is_manifest = |blob: &oci::Blob| {
            let media_type = &blob.descriptor().media_type;
            oci::media::is_index(media_type) || oci::media::is_manifest(media_type)
        };
        let manifests: HashSet<String> = artifact
            .blobs()
            .filter(|blob| is_manifest(blob))
            .map(|blob| blob.digest().to_string())
            .collect();
        let (manifests, blobs) =
            contents(artifact).into_iter().partition(|(digest, _)| manifests.contains(digest));
        Expected {
            digest: artifact.digest().to_string(),
            media_type: artifact.descriptor().media_type.clone(),
            blobs,
            manifests,
        }
    }

    /// The digests of all that it names.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &str> {
        let all = self.blobs.keys().chain(self.manifests.keys());
        all.map(String::as_str).filter(|digest| *digest != self.digest)
    }
}

/// One connection to a registry that asks for no credentials.
pub(crate) struct Inspector {
    address: String,
    stream: BufReader<TcpStream>,
    /// Paths whose bytes have been compared.
    verified: HashSet<String>,
}

impl Inspector {
    pub(crate) fn of(address: &str) -> Inspector {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let stream = BufReader::new(stream);
        Inspector { address: address.to_owned(), stream, verified: HashSet::new() }
    }

    fn ask(&mut self, method: &str, path: &str, media_type: &str, body: &[u8]) -> (Head, Vec<u8>) {
        let mut request = Head::new(format!("{method} {path} HTTP/1.1"));
        request.set("host", &self.address);
        request.set("accept", "application/vnd.oci.image.index.v1+json");
        request
            .fields
            .push(("accept".to_owned(), "application/vnd.oci.image.manifest.v1+json".to_owned()));
        if method == "PUT" {
            request.set("content-type", media_type);
            request.set("content-length", body.len());
        }
        let bytes = [&request.bytes(), body].concat();
        self.stream.get_mut().write_all(&bytes).unwrap();
        let answer = Head::read(&mut self.stream).unwrap();
        let body = read_body(&mut self.stream, &answer, method).unwrap();
        (answer, body)
    }

    /// Puts the artifact's own manifest under a tag; all that it names must
    /// be in the repository.
    pub(crate) fn tag(&mut self, repository: &str, tag: &str, artifact: &Expected) {
        let path = format!("/v2/{repository}/manifests/{tag}");
        let manifest = &artifact.manifests[&artifact.digest];
        let (answer, said) = self.ask("PUT", &path, &artifact.media_type, manifest);
        assert_eq!(answer.status(), 201, "{}", String::from_utf8_lossy(&said));
    }

    /// Returns which of these artifacts the tag stands for, by its place;
    /// every byte of it is there.
    pub(crate) fn standing(
        &mut self,
        repository: &str,
        tag: &str,
        artifacts: &[&Expected],
    ) -> usize {
        let path = format!("/v2/{repository}/manifests/{tag}");
        let (answer, body) = self.ask("GET", &path, "", &[]);
        assert_eq!(answer.status(), 200, "`{tag}` is gone");
        let digest = Digest::of(&body).to_string();
        let place = artifacts.iter().position(|artifact| artifact.digest == digest);
        let place = place.unwrap_or_else(|| panic!("`{tag}` stands for {digest}"));
        let Expected { blobs, manifests, .. } = artifacts[place];
        for (kind, contents) in [("manifests", manifests), ("blobs", blobs)] {
            for (digest, bytes) in contents {
                self.verify(format!("/v2/{repository}/{kind}/{digest}"), digest, bytes);
            }
        }
        place
    }

    fn verify(&mut self, path: String, digest: &str, bytes: &[u8]) {
        if self.verified.contains(&path) {
            let (answer, _) = self.ask("HEAD", &path, "", &[]);
            assert_eq!(answer.status(), 200, "{path} is gone");
            assert_eq!(answer.get("docker-content-digest"), Some(digest), "{path}");
            return;
        }
        let (answer, found) = self.ask("GET", &path, "", &[]);
        assert_eq!(answer.status(), 200, "{path} is not there");
        assert_eq!(found, bytes, "{path}");
        self.verified.insert(path);
    }

    /// Returns the digests of the artifact's blobs that are not there.
    pub(crate) fn missing(&mut self, repository: &str, artifact: &Expected) -> Vec<String> {
        let mut is_missing = |digest: &&String| {
            let path = format!("/v2/{repository}/blobs/{digest}");
            self.ask("HEAD", &path, "", &[]).0.status() != 200
        };
        artifact.blobs.keys().filter(&mut is_missing).cloned().collect()
    }
}
