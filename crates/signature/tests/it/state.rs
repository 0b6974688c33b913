//! A repository as a value, which a test changes and a server serves.

use std::collections::BTreeMap;

use oci::registry::Client;
use oci::spec::Descriptor;
use oci::{Digest, Reference, media};
use serde_json::Value;
use signature::bundle::BUNDLE;
use signature::legacy;

/// What is in a repository.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// Whether its registry keeps lists of referrers.
    pub(crate) lists: bool,
    pub(crate) tags: BTreeMap<String, Digest>,
    /// With their media types.
    pub(crate) manifests: BTreeMap<Digest, (String, Vec<u8>)>,
    pub(crate) blobs: BTreeMap<Digest, Vec<u8>>,
}

impl State {
    /// Takes what a registry has about these manifests, and themselves.
    pub(crate) fn of(client: &Client, name: &Reference, subjects: &[Digest]) -> State {
        let mut state = State::default();
        for subject in subjects {
            state.take(client, name, &name.with_digest(*subject));
            let tags = ["", ".sig", ".att"].map(|end| format!("sha256-{}{end}", subject.hex()));
            for tag in tags {
                if let Some(digest) = state.take(client, name, &name.with_tag(&tag).unwrap()) {
                    state.tags.insert(tag, digest);
                }
            }
            for referrer in client.referrers(name, *subject, None).unwrap() {
                state.take(client, name, &name.with_digest(referrer.digest));
            }
        }
        state
    }

    fn take(&mut self, client: &Client, name: &Reference, it: &Reference) -> Option<Digest> {
        let manifest = client.manifest(it).unwrap()?;
        let bytes = manifest.read(u64::MAX).unwrap();
        let document: Value = serde_json::from_slice(&bytes).unwrap();
        for layer in document["layers"].as_array().into_iter().flatten() {
            let layer: Descriptor = serde_json::from_value(layer.clone()).unwrap();
            // Not those of the images themselves: nobody reads them.
            if !layer.media_type.contains("image.layer") {
                let blob = client.blob(name, &layer).unwrap().read(u64::MAX).unwrap();
                self.blobs.insert(layer.digest, blob);
            }
        }
        let digest = manifest.digest();
        self.manifests.insert(digest, (manifest.descriptor().media_type.clone(), bytes));
        Some(digest)
    }

    /// Puts what another repository has beside what is here.
    pub(crate) fn and(mut self, other: State) -> State {
        self.tags.extend(other.tags);
        self.manifests.extend(other.manifests);
        self.blobs.extend(other.blobs);
        self
    }

    pub(crate) fn add_blob(&mut self, bytes: &[u8]) -> Digest {
        self.blobs.insert(Digest::of(bytes), bytes.to_vec());
        Digest::of(bytes)
    }

    pub(crate) fn add_manifest(&mut self, media_type: &str, document: &Value) -> Digest {
        let bytes = serde_json::to_vec(document).unwrap();
        let digest = Digest::of(&bytes);
        self.manifests.insert(digest, (media_type.into(), bytes));
        digest
    }

    pub(crate) fn document(&self, digest: Digest) -> Value {
        serde_json::from_slice(&self.manifests[&digest].1).unwrap()
    }

    /// Changes the manifest under a tag.
    fn edit_tagged(mut self, tag: &str, edit: impl FnOnce(&mut State, &mut Value)) -> State {
        let old = self.tags[tag];
        let mut document = self.document(old);
        edit(&mut self, &mut document);
        let (media_type, _) = self.manifests.remove(&old).unwrap();
        let new = self.add_manifest(&media_type, &document);
        self.tags.insert(tag.into(), new);
        self
    }

    /// Changes the manifest of the signatures in the old format.
    pub(crate) fn edit_legacy(
        self,
        subject: Digest,
        edit: impl FnOnce(&mut State, &mut Value),
    ) -> State {
        self.edit_tagged(&legacy::tag(subject), edit)
    }

    /// Changes an annotation of the first signature in the old format.
    pub(crate) fn annotate(self, subject: Digest, key: &str, value: Option<&str>) -> State {
        self.edit_legacy(subject, |_, manifest| {
            let annotations = manifest["layers"][0]["annotations"].as_object_mut().unwrap();
            match value {
                Some(value) => annotations.insert(key.into(), value.into()),
                None => annotations.remove(key),
            };
        })
    }

    /// Replaces the payload of the first signature in the old format.
    pub(crate) fn edit_payload(
        self,
        subject: Digest,
        edit: impl FnOnce(String) -> String,
    ) -> State {
        self.edit_legacy(subject, |state, manifest| state.edit_layer(manifest, edit))
    }

    /// Returns the manifests of the bundles about a manifest.
    pub(crate) fn bundles(&self, subject: Digest) -> Vec<Digest> {
        let is_about = |digest: &Digest| {
            self.document(*digest)["subject"]["digest"] == subject.to_string().as_str()
        };
        self.manifests.keys().copied().filter(is_about).collect()
    }

    /// Makes the list of referrers anew, where it stands under a tag.
    pub(crate) fn relist(mut self, subject: Digest) -> State {
        let list = self.list(subject);
        if !self.lists {
            let digest = self.add_manifest(media::INDEX, &list);
            self.tags.insert(format!("sha256-{}", subject.hex()), digest);
        }
        self
    }

    /// Returns the list of referrers, by what the manifests say.
    pub(crate) fn list(&self, subject: Digest) -> Value {
        let entries = self.bundles(subject).into_iter().map(|digest| {
            let (media_type, bytes) = &self.manifests[&digest];
            let artifact_type = self.document(digest)["artifactType"].clone();
            serde_json::json!({
                "mediaType": media_type, "digest": digest.to_string(), "size": bytes.len(),
                "artifactType": artifact_type,
            })
        });
        let entries: Vec<_> = entries.collect();
        serde_json::json!({"schemaVersion": 2, "mediaType": media::INDEX, "manifests": entries})
    }

    /// Changes the manifest of the one bundle about a manifest.
    pub(crate) fn edit_bundle_manifest(
        mut self,
        subject: Digest,
        edit: impl FnOnce(&mut State, &mut Value),
    ) -> State {
        let old = self.bundles(subject)[0];
        let mut document = self.document(old);
        edit(&mut self, &mut document);
        self.manifests.remove(&old);
        self.add_manifest(media::MANIFEST, &document);
        self.relist(subject)
    }

    /// Changes the text of the one bundle about a manifest.
    pub(crate) fn edit_bundle_text(
        self,
        subject: Digest,
        edit: impl FnOnce(String) -> String,
    ) -> State {
        self.edit_bundle_manifest(subject, |state, manifest| state.edit_layer(manifest, edit))
    }

    /// Changes the text of a manifest's first layer.
    fn edit_layer(&mut self, manifest: &mut Value, edit: impl FnOnce(String) -> String) {
        let layer = &mut manifest["layers"][0];
        let old: Digest = layer["digest"].as_str().unwrap().parse().unwrap();
        let old = self.blobs.remove(&old).unwrap();
        let new = edit(String::from_utf8(old).unwrap());
        layer["digest"] = self.add_blob(new.as_bytes()).to_string().into();
        layer["size"] = new.len().into();
    }

    /// Changes the document of the one bundle about a manifest.
    pub(crate) fn edit_bundle(self, subject: Digest, edit: impl FnOnce(&mut Value)) -> State {
        self.edit_bundle_text(subject, |text| {
            let mut document = serde_json::from_str(&text).unwrap();
            edit(&mut document);
            document.to_string()
        })
    }

    /// Adds a bundle about a manifest.
    pub(crate) fn with_bundle(mut self, subject: Digest, bundle: &Value) -> State {
        let bytes = bundle.to_string();
        let layer = self.add_blob(bytes.as_bytes()).to_string();
        let (media_type, image) = &self.manifests[&subject];
        let empty = Digest::of(b"{}").to_string();
        let document = serde_json::json!({
            "schemaVersion": 2, "mediaType": media::MANIFEST, "artifactType": BUNDLE,
            "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": 2},
            "layers": [{"mediaType": BUNDLE, "digest": layer, "size": bytes.len()}],
            "subject": {
                "mediaType": media_type, "digest": subject.to_string(), "size": image.len()
            },
        });
        self.add_manifest(media::MANIFEST, &document);
        self.relist(subject)
    }
}
