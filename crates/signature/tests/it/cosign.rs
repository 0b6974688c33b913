//! cosign itself, with keys that are made for it.

use std::path::{Path, PathBuf};

use host::Cmd;

use crate::case::Cosign;

/// Both cosigns, and a directory with keys.
pub(crate) struct Cosigns {
    pub(crate) v2: PathBuf,
    pub(crate) v3: PathBuf,
    dir: tempfile::TempDir,
}

impl Cosigns {
    /// Finds them; `None` after saying that the test does not run.
    pub(crate) fn find() -> Option<Cosigns> {
        let (v2, v3) = (test_support::go_tool("cosign-2")?, test_support::go_tool("cosign-3")?);
        let cosigns = Cosigns { v2, v3, dir: tempfile::tempdir().unwrap() };
        for (file, command) in [("signing.json", "signing-config"), ("root.json", "trusted-root")] {
            let made = cosigns.run(&cosigns.v3, &[command, "create"]).unwrap();
            host::fs::write_atomic(&cosigns.path(file), &made).unwrap();
        }
        Some(cosigns)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs a program in the directory; returns its standard output, or its
    /// standard error if it failed.
    pub(crate) fn run(&self, program: &Path, args: &[&str]) -> Result<Vec<u8>, String> {
        let command = Cmd::new(program)
            .args(args)
            .dir(self.dir.path())
            .env("COSIGN_PASSWORD", "")
            .env("TUF_ROOT", self.path("tuf"))
            .env("DOCKER_CONFIG", self.dir.path());
        match command.run() {
            Ok(output) => Ok(output.stdout),
            Err(error) => Err(format!("{error}: {}", error.stderr)),
        }
    }

    /// Makes a key pair by openssl's arguments, for cosign too.
    pub(crate) fn make_key(&self, name: &str, arguments: &[&str]) {
        let pem = format!("{name}.pem");
        let openssl = Path::new("openssl");
        self.run(openssl, &[&["genpkey", "-out", &pem], arguments].concat()).unwrap();
        let import = ["import-key-pair", "--key", &pem, "--output-key-prefix", name];
        self.run(&self.v2, &import).unwrap();
    }

    /// Signs in the old format.
    pub(crate) fn sign_legacy(&self, key: &str, reference: &str, more: &[&str]) {
        let key = format!("{key}.key");
        let sign = ["sign", "-y", "--tlog-upload=false", "--key", &key];
        self.run(&self.v2, &[&sign, more, &[reference]].concat()).unwrap();
    }

    /// Signs as a bundle.
    pub(crate) fn sign_bundle(&self, key: &str, reference: &str, more: &[&str]) {
        let key = format!("{key}.key");
        let sign = ["sign", "-y", "--signing-config", "signing.json", "--key", &key];
        self.run(&self.v3, &[&sign, more, &[reference]].concat()).unwrap();
    }

    /// Attests something, as a bundle.
    pub(crate) fn attest(&self, key: &str, reference: &str) {
        host::fs::write_if_changed(&self.path("predicate"), br#"{"a":1}"#).unwrap();
        let key = format!("{key}.key");
        let attest = ["attest", "-y", "--signing-config", "signing.json", "--key", &key];
        let what = ["--type", "https://example.org/a", "--predicate", "predicate", reference];
        self.run(&self.v3, &[&attest[..], &what].concat()).unwrap();
    }

    /// Attests something, in the old format.
    pub(crate) fn attest_legacy(&self, key: &str, reference: &str) {
        host::fs::write_if_changed(&self.path("predicate"), br#"{"a":1}"#).unwrap();
        let key = format!("{key}.key");
        let attest = ["attest", "-y", "--tlog-upload=false", "--key", &key];
        let what = ["--type", "https://example.org/a", "--predicate", "predicate", reference];
        self.run(&self.v2, &[&attest[..], &what].concat()).unwrap();
    }

    /// Signs bytes with openssl, as cosign would not.
    pub(crate) fn sign_bytes(&self, key: &str, bytes: &[u8]) -> Vec<u8> {
        host::fs::write_atomic(&self.path("bytes"), bytes).unwrap();
        let pem = format!("{key}.pem");
        let sign = match key {
            "ed25519" => vec!["pkeyutl", "-sign", "-rawin", "-inkey", &pem, "-in", "bytes"],
            _ => vec!["dgst", "-sha256", "-sign", &pem, "bytes"],
        };
        self.run(Path::new("openssl"), &sign).unwrap()
    }

    /// Asks them for their verdicts.
    pub(crate) fn judge(&self, key: &Path, reference: &str) -> Cosign {
        let key = key.to_str().unwrap();
        let all = ["--insecure-ignore-tlog", "--key", key, reference];
        let says =
            |program: &Path, args: &[&str]| self.run(program, &[args, &all].concat()).is_ok();
        let of_type = ["verify-attestation", "--type", signature::bundle::SIGNATURE_PREDICATE];
        Cosign {
            v2_verify: says(&self.v2, &["verify", "--trusted-root", "root.json"]),
            v3_verify: says(&self.v3, &["verify"]),
            v3_legacy: says(&self.v3, &["verify", "--new-bundle-format=false"]),
            v3_bundle: says(&self.v3, &of_type),
        }
    }
}
