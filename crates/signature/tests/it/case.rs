//! Cases as they lie in `tests/data`: repositories, and what cosign says of
//! them. `record` makes them, `cases` reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use oci::Digest;
use serde::{Deserialize, Serialize};

use crate::state::State;

/// One repository, a manifest in it, a key, and the verdicts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// What is peculiar, in words.
    pub(crate) about: String,
    /// The file of the public key, without `.pub`.
    pub(crate) key: String,
    pub(crate) subject: Digest,
    pub(crate) repository: Files,
    /// How often the layer of the old format is there, if not once: data
    /// that nobody would want in a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) layers: Option<usize>,
    pub(crate) cosign: Cosign,
    pub(crate) ours: Ours,
}

/// A [`State`] whose bytes are in files.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Files {
    /// Whether its registry keeps lists of referrers.
    lists: bool,
    tags: BTreeMap<String, Digest>,
    /// Media types of the manifests.
    manifests: BTreeMap<String, String>,
    /// Where the bytes of blobs are: elsewhere than they should, sometimes.
    blobs: BTreeMap<String, Digest>,
}

/// Which of cosign's commands accept the key's signature, with
/// `--insecure-ignore-tlog`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Cosign {
    /// cosign 2: `verify --trusted-root`.
    pub(crate) v2_verify: bool,
    /// cosign 3: `verify`.
    pub(crate) v3_verify: bool,
    /// cosign 3: `verify --new-bundle-format=false`.
    pub(crate) v3_legacy: bool,
    /// cosign 3: `verify-attestation --type https://sigstore.dev/cosign/sign/v1`.
    pub(crate) v3_bundle: bool,
}

/// What this crate says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Ours {
    pub(crate) legacy: String,
    pub(crate) bundle: String,
    /// Of bpfman in Rust, bpfman in Go and cosign 3.
    pub(crate) accepted_by: Vec<String>,
    /// The types of the predicates that the key attests.
    pub(crate) attestations: BTreeSet<String>,
}

pub(crate) fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn blob(digest: Digest) -> PathBuf {
    data().join("blobs").join(&digest.hex()[..16])
}

pub(crate) fn load() -> Vec<Case> {
    let text = host::fs::read_to_string(&data().join("cases.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Writes the cases, and removes blobs of none.
pub(crate) fn save(cases: &[(Case, State)]) {
    host::fs::create_dir_all(&data().join("blobs")).unwrap();
    let mut used = BTreeSet::new();
    for (_, state) in cases {
        for bytes in state.manifests.values().map(|(_, it)| it).chain(state.blobs.values()) {
            used.insert(blob(Digest::of(bytes)));
            host::fs::write_if_changed(&blob(Digest::of(bytes)), bytes).unwrap();
        }
    }
    for file in host::fs::read_dir(&data().join("blobs")).unwrap() {
        if !used.contains(&file) {
            host::fs::remove_file(&file).unwrap();
        }
    }
    let cases: Vec<&Case> = cases.iter().map(|(case, _)| case).collect();
    let text = serde_json::to_string_pretty(&cases).unwrap() + "\n";
    host::fs::write_atomic(&data().join("cases.json"), text.as_bytes()).unwrap();
}

impl Files {
    pub(crate) fn of(state: &State) -> Files {
        let blobs = state.blobs.iter();
        Files {
            lists: state.lists,
            tags: state.tags.clone(),
            manifests: state
                .manifests
                .iter()
                .map(|(digest, (media_type, _))| (digest.to_string(), media_type.clone()))
                .collect(),
            blobs: blobs.map(|(name, bytes)| (name.to_string(), Digest::of(bytes))).collect(),
        }
    }

    fn state(&self) -> State {
        let read = |digest: Digest| host::fs::read(&blob(digest)).unwrap();
        let manifests = self.manifests.iter().map(|(digest, media_type)| {
            let digest = digest.parse().unwrap();
            (digest, (media_type.clone(), read(digest)))
        });
        let blobs = self.blobs.iter().map(|(name, at)| (name.parse().unwrap(), read(*at)));
        State {
            lists: self.lists,
            tags: self.tags.clone(),
            manifests: manifests.collect(),
            blobs: blobs.collect(),
        }
    }
}

impl Case {
    /// Returns the repository.
    pub(crate) fn state(&self) -> State {
        self.grown(self.repository.state())
    }

    pub(crate) fn grown(&self, state: State) -> State {
        let Some(n) = self.layers else { return state };
        state.edit_legacy(self.subject, |_, manifest| {
            let layer = manifest["layers"][0].clone();
            manifest["layers"] = vec![layer; n].into();
        })
    }

    /// Returns the file of the public key.
    pub(crate) fn key_file(&self) -> PathBuf {
        data().join("keys").join(format!("{}.pub", self.key))
    }
}
