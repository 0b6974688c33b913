//! Who must have signed: a key or an identity, as typed or as the environment
//! says. All of it is checked before any request.

use std::path::PathBuf;

use cli::typed;
use cosign::{Cosigns, Format, Identity, Key, Pattern, Session, Trust, Verifier};
use host::fs::IoContext;
use signature::{KeyError, PublicKey};
use ui::Failure;

use super::check::{Checker, Proof};
use crate::context::Context;

/// Who must have signed.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Who must have signed")]
pub(super) struct WhoArgs {
    /// Whoever has the private key of this public one: a file in PEM form, or
    /// env://VARIABLE
    #[arg(long, value_name = "KEY", conflicts_with_all = CERTIFICATE)]
    key: Option<String>,

    /// Whom the certificate names, such as the URL of a workflow
    #[arg(long, value_name = "TEXT", conflicts_with = "certificate_identity_regexp")]
    certificate_identity: Option<String>,

    /// An expression that is found in whom the certificate names
    #[arg(long, value_name = "EXPRESSION")]
    certificate_identity_regexp: Option<String>,

    /// Who vouches for that identity: the URL of an OpenID Connect issuer
    #[arg(long, value_name = "URL", conflicts_with = "certificate_oidc_issuer_regexp")]
    certificate_oidc_issuer: Option<String>,

    /// An expression that is found in who vouches for the identity
    #[arg(long, value_name = "EXPRESSION")]
    certificate_oidc_issuer_regexp: Option<String>,

    /// The authorities and logs of a Sigstore of one's own, as
    /// `cosign trusted-root create` writes them
    #[arg(long, value_name = "FILE", help_heading = "Identities")]
    trusted_root: Option<PathBuf>,

    /// Accept a certificate's signature that is in no transparency log
    #[arg(long, help_heading = "Identities")]
    insecure_ignore_tlog: bool,

    /// Accept a certificate that is in no log of certificates
    #[arg(long, help_heading = "Identities")]
    insecure_ignore_sct: bool,

    /// A cosign to use, by path or name, instead of those called cosign-2,
    /// cosign-3 and cosign on PATH; may be repeated
    #[arg(long, value_name = "PROGRAM", help_heading = "Identities")]
    cosign: Vec<PathBuf>,
}

const CERTIFICATE: [&str; 4] = [
    "certificate_identity",
    "certificate_identity_regexp",
    "certificate_oidc_issuer",
    "certificate_oidc_issuer_regexp",
];

// What says who must have signed where nothing is typed.
const KEY: &str = "COSIGN_PUBLIC_KEY";
const IDENTITY: &str = "CERTIFICATE_IDENTITY";
const ISSUER: &str = "CERTIFICATE_OIDC_ISSUER";

/// Who must have signed.
#[derive(Debug)]
pub(super) enum Who {
    Key(PublicKey),
    Identity(Identity, Trust, Vec<PathBuf>),
}

impl WhoArgs {
    /// Finds out who must have signed.
    ///
    /// # Errors
    ///
    /// Fails if nobody is named, two are, or one is not named rightly.
    pub(super) fn who(self) -> Result<Who, Failure> {
        let trust = Trust {
            root: self.trusted_root.as_deref().map(existing).transpose()?,
            without_log: self.insecure_ignore_tlog,
            without_timestamp: self.insecure_ignore_sct,
        };
        if let Some(word) = &self.key {
            let named =
                |failure: Failure| failure.context(format!("invalid value for `--key {word}`"));
            return key_of_word(word).map(Who::Key).map_err(named);
        }
        let subject = ("certificate-identity", self.certificate_identity);
        let subject = pattern(subject, self.certificate_identity_regexp)?;
        let issuer = ("certificate-oidc-issuer", self.certificate_oidc_issuer);
        let issuer = pattern(issuer, self.certificate_oidc_issuer_regexp)?;
        let identity = match (subject, issuer) {
            (Some(subject), Some(issuer)) => Identity { subject, issuer },
            (None, None) => match of_environment()? {
                Who::Identity(identity, ..) => identity,
                key @ Who::Key(_) => return Ok(key),
            },
            (subject, _) => return Err(half(subject.is_some())),
        };
        Ok(Who::Identity(identity, trust, self.cosign))
    }
}

impl Who {
    /// Finds what checking takes.
    ///
    /// # Errors
    ///
    /// Fails if a cosign that is needed is not there.
    pub(super) fn open(
        self,
        required: &[Format],
        hidden: Vec<String>,
        recursive: bool,
        cx: &Context<'_>,
    ) -> Result<Checker, Failure> {
        let proof = match self {
            Who::Key(key) => Proof::Key(key),
            Who::Identity(identity, trust, named) => {
                let cosigns = Cosigns::find(&named)
                    .map_err(|error| Failure::usage(error.clone()).hint(error.hint()))?;
                let needed = match required.contains(&Format::Bundle) {
                    true => cosigns.get(Format::Bundle.major()),
                    false => cosigns.any(),
                };
                needed.map_err(|error| {
                    Failure::missing(error.clone())
                        .context("identities are checked by cosign")
                        .hint(error.hint())
                })?;
                let session = Session::new(cosigns, hidden)?.trust(trust);
                Proof::Identity(Box::new(session), Verifier::Identity(identity))
            }
        };
        Ok(Checker::new(proof, recursive, cx))
    }
}

/// Reads what was typed as a key.
fn key_of_word(word: &str) -> Result<PublicKey, Failure> {
    match Key::from(word) {
        Key::File(path) => {
            let path = typed(&path)?;
            let text = host::fs::read(&path).map_err(Failure::usage)?;
            key(&String::from_utf8_lossy(&text))
        }
        Key::Variable(name) => match variable(&name) {
            Some(text) => key(&text),
            None => Err(Failure::usage(format!("the variable `{name}` is not set"))),
        },
        Key::Service(_) => {
            let hint =
                format!("`cosign public-key --key {word}` prints the public key of a service");
            Err(Failure::usage("a public key is a file or env://VARIABLE").hint(hint))
        }
    }
}

/// Reads a key itself; what stands in it is never shown.
fn key(text: &str) -> Result<PublicKey, Failure> {
    PublicKey::from_pem(text).map_err(|error| {
        let is_private = error == KeyError::Private;
        let failure = Failure::usage(error);
        match is_private {
            true => failure
                .hint("`cosign public-key --key FILE` prints the public key of a private one"),
            false => failure.hint("`cosign generate-key-pair` writes it to `cosign.pub`"),
        }
    })
}

fn pattern(
    (option, exact): (&str, Option<String>),
    expression: Option<String>,
) -> Result<Option<Pattern>, Failure> {
    let empty = |option: &str| Failure::usage(format!("`--{option}` is empty"));
    match (exact, expression) {
        (Some(text), _) if text.is_empty() => Err(empty(option)),
        (Some(text), _) => Ok(Some(Pattern::Exactly(text))),
        (None, Some(text)) if text.is_empty() => Err(empty(&format!("{option}-regexp"))),
        (None, Some(text)) => match regex_syntax::parse(&text) {
            Ok(_) => Ok(Some(Pattern::Matching(text))),
            Err(error) => Err(Failure::usage(format!("`--{option}-regexp` is no expression"))
                .detail(error.to_string())),
        },
        (None, None) => Ok(None),
    }
}

/// A certificate proves an identity only to those who know its issuer.
fn half(has_identity: bool) -> Failure {
    let (there, missing) = match has_identity {
        true => ("identity", "issuer"),
        false => ("issuer", "identity"),
    };
    let option = if has_identity { "certificate-oidc-issuer" } else { "certificate-identity" };
    let message = format!("an {there} is named without its {missing}");
    Failure::usage(message).hint(format!("`--{option}`, or `--{option}-regexp`, names it"))
}

fn of_environment() -> Result<Who, Failure> {
    match (variable(KEY), variable(IDENTITY), variable(ISSUER)) {
        (Some(_), subject, issuer) if subject.is_some() || issuer.is_some() => {
            let message = format!("the variables `{KEY}` and `{IDENTITY}` name two signers");
            Err(Failure::usage(message)
                .hint("`--key`, or the certificate options, name the one that counts"))
        }
        (Some(text), ..) => key(&text)
            .map(Who::Key)
            .map_err(|failure| failure.context(format!("the variable `{KEY}` is of no use"))),
        (None, Some(subject), Some(issuer)) => {
            let (subject, issuer) = (Pattern::Exactly(subject), Pattern::Exactly(issuer));
            Ok(Who::Identity(Identity { subject, issuer }, Trust::default(), Vec::new()))
        }
        (None, None, None) => Err(Failure::usage("nothing says who must have signed")
            .hint("`--key FILE` names a public key")
            .hint("`--certificate-identity` and `--certificate-oidc-issuer` name an identity")
            .hint(format!(
                "the variable `{KEY}`, or `{IDENTITY}` and `{ISSUER}`, say so for all runs"
            ))),
        (None, subject, _) => {
            let (there, missing) =
                if subject.is_some() { (IDENTITY, ISSUER) } else { (ISSUER, IDENTITY) };
            Err(Failure::usage(format!("the variable `{there}` is set, and `{missing}` is not")))
        }
    }
}

/// Returns a variable of the environment; an empty one is as good as none.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// What was typed must be there.
fn existing(path: &std::path::Path) -> Result<PathBuf, Failure> {
    let path = typed(path)?;
    std::fs::metadata(&path).io_context("open", &path).map_err(Failure::usage)?;
    Ok(path)
}
