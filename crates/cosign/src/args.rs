//! cosign's arguments, as values.
//!
//! Checked against cosign 2.6.5 and 3.1.3. Nothing secret is ever among them:
//! credentials are in a file that `DOCKER_CONFIG` names, passwords and tokens
//! in the environment.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use oci::Reference;

use crate::{Identity, Key, Major, Pattern};

/// A form of signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// The tag `sha256-HEX.sig`, which all released versions of bpfman check;
    /// cosign 2 makes it.
    Legacy,
    /// The Sigstore bundle, which refers to what it signs; cosign 3 makes it.
    Bundle,
}

impl Format {
    /// Both, in the order in which they are made.
    pub const ALL: [Format; 2] = [Format::Legacy, Format::Bundle];

    /// Returns its word.
    pub fn word(self) -> &'static str {
        match self {
            Format::Legacy => "legacy",
            Format::Bundle => "bundle",
        }
    }

    /// Returns the version that makes it.
    pub fn major(self) -> Major {
        match self {
            Format::Legacy => Major::Two,
            Format::Bundle => Major::Three,
        }
    }
}

/// Who signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer {
    /// Whoever has this key. Nothing is written to a transparency log.
    Key(Key),
    /// Whom the environment says this process is, such as a workflow, by a
    /// token. A public log has it, as the next.
    Ambient,
    /// The user, who is at the terminal and asked by a browser.
    Interactive,
}

/// By whom something must be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verifier {
    /// By whoever has the private key of this public one.
    Key(Key),
    /// By whom a certificate of Sigstore names.
    Identity(Identity),
}

/// How a registry is spoken to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// A file of all authorities, instead of the system's.
    pub authorities: Option<PathBuf>,
    /// The files of the client's certificate and its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Whether to speak without TLS with a registry that is elsewhere.
    pub plain_http: bool,
}

/// To sign a manifest or index.
#[derive(Clone, Copy, Debug)]
pub struct Sign<'a> {
    /// In which form.
    pub format: Format,
    /// As whom.
    pub signer: &'a Signer,
    /// What: a repository and digest.
    pub subject: &'a Reference,
    /// Whether to sign the images of an index too.
    pub recursive: bool,
}

/// To attest something of a manifest or index; as a bundle.
#[derive(Clone, Copy, Debug)]
pub struct Attest<'a> {
    /// As whom.
    pub signer: &'a Signer,
    /// Of what: a repository and digest.
    pub subject: &'a Reference,
    /// The file of what is attested, in JSON.
    pub predicate: &'a Path,
    /// The URI of its type.
    pub predicate_type: &'a str,
}

/// What certificates are checked by, where that is not Sigstore's own
/// services.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// A file of authorities and logs (`cosign trusted-root create`).
    pub root: Option<PathBuf>,
    /// Whether no entry of a transparency log is needed.
    pub without_log: bool,
    /// Whether certificates need no timestamp of a log of certificates.
    pub without_timestamp: bool,
}

impl Trust {
    /// Adds what is said of it to the arguments, before the subject.
    pub(crate) fn add(&self, mut args: Vec<OsString>) -> Vec<OsString> {
        let mut said = Args::default();
        if let Some(root) = &self.root {
            said = said.option("trusted-root", root);
        }
        let said = said
            .flag_if(self.without_log, "--insecure-ignore-tlog=true")
            .flag_if(self.without_timestamp, "--insecure-ignore-sct=true");
        let at = args.len().saturating_sub(1);
        args.splice(at..at, said.0);
        args
    }
}

/// The predicate of a signature that is a bundle (cosign's pkg/types).
const SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";

/// To check a signature.
#[derive(Clone, Copy, Debug)]
pub struct Verify<'a> {
    /// Which.
    pub format: Format,
    /// Not the signature, but an attestation with a predicate of this type;
    /// of bundles alone.
    pub attests: Option<&'a str>,
    /// By whom it must be.
    pub verifier: &'a Verifier,
    /// Of what: a repository and digest.
    pub subject: &'a Reference,
}

/// Arguments under construction.
#[derive(Default)]
struct Args(Vec<OsString>);

impl Args {
    fn new(words: &[&str]) -> Args {
        Args(words.iter().map(OsString::from).collect())
    }

    fn flag(mut self, word: &str) -> Args {
        self.0.push(word.into());
        self
    }

    fn flag_if(self, condition: bool, word: &str) -> Args {
        if condition { self.flag(word) } else { self }
    }

    /// Adds `--name=value`: one word, so that no value is taken for a flag.
    fn option(mut self, name: &str, value: impl Into<OsString>) -> Args {
        let mut word = OsString::from(format!("--{name}="));
        word.push(value.into());
        self.0.push(word);
        self
    }

    fn place(self, place: &Place) -> Args {
        let mut args = self.flag_if(place.plain_http, "--allow-http-registry");
        if let Some(file) = &place.authorities {
            args = args.option("registry-cacert", file);
        }
        if let Some((certificate, key)) = &place.certificate {
            args = args.option("registry-client-cert", certificate);
            args = args.option("registry-client-key", key);
        }
        args
    }

    /// Adds who signs. With a key nothing goes to a log: cosign 3 is told so
    /// by a configuration that names no services.
    fn signer(self, signer: &Signer, config: Option<&Path>) -> Args {
        match (signer, config) {
            // Without a token it would wait for somebody to answer.
            (Signer::Ambient, _) => self.option("fulcio-auth-flow", "token"),
            (Signer::Interactive, _) => self,
            (Signer::Key(key), Some(config)) => {
                self.option("key", key.to_string()).option("signing-config", config)
            }
            (Signer::Key(key), None) => {
                self.option("key", key.to_string()).flag("--tlog-upload=false")
            }
        }
    }

    fn end(mut self, subject: &Reference) -> Vec<OsString> {
        self.0.push(subject.to_string().into());
        self.0
    }
}

impl Sign<'_> {
    /// Returns the arguments; `config` is a signing configuration without
    /// services, which a bundle that is made with a key needs.
    pub fn args(&self, place: &Place, config: Option<&Path>) -> Vec<OsString> {
        let config = config.filter(|_| self.format == Format::Bundle);
        Args::new(&["sign", "--yes"])
            .flag_if(self.format == Format::Legacy, "--new-bundle-format=false")
            .signer(self.signer, config)
            .flag_if(self.recursive, "--recursive")
            .place(place)
            .end(self.subject)
    }
}

impl Attest<'_> {
    /// Returns the arguments; `config` is as for [`Sign::args`].
    pub fn args(&self, place: &Place, config: Option<&Path>) -> Vec<OsString> {
        Args::new(&["attest", "--yes"])
            .option("predicate", self.predicate)
            .option("type", self.predicate_type)
            .signer(self.signer, config)
            .place(place)
            .end(self.subject)
    }
}

impl Verify<'_> {
    /// Returns the arguments for a major version.
    pub fn args(&self, major: Major, place: &Place) -> Vec<OsString> {
        let args = match (self.format, major) {
            // cosign 2 looks for bundles by itself, whatever it is told.
            (Format::Legacy, Major::Two) => Args::new(&["verify"]),
            (Format::Legacy, Major::Three) => Args::new(&["verify", "--new-bundle-format=false"]),
            // `verify` would take any attestation for a signature, and where
            // there is no bundle a legacy signature.
            (Format::Bundle, _) => {
                Args::new(&["verify-attestation"]).option("type", self.attests.unwrap_or(SIGNATURE))
            }
        };
        let args = match self.verifier {
            // What is signed with a key here is in no log.
            Verifier::Key(key) => {
                args.option("key", key.to_string()).flag("--insecure-ignore-tlog=true")
            }
            Verifier::Identity(Identity { subject, issuer }) => args
                .pattern("certificate-identity", subject)
                .pattern("certificate-oidc-issuer", issuer),
        };
        args.place(place).end(self.subject)
    }
}

impl Args {
    fn pattern(self, name: &str, pattern: &Pattern) -> Args {
        match pattern {
            Pattern::Exactly(text) => self.option(name, text),
            Pattern::Matching(text) => self.option(&format!("{name}-regexp"), text),
        }
    }
}

/// Returns the arguments that write the public key of `key` to a file.
pub(crate) fn public_key(key: &Key, file: &Path) -> Vec<OsString> {
    Args::new(&["public-key"]).option("key", key.to_string()).option("outfile", file).0
}

/// Returns the arguments that write a signing configuration without services
/// to a file.
pub(crate) fn signing_config(file: &Path) -> Vec<OsString> {
    Args::new(&["signing-config", "create"]).option("out", file).0
}
