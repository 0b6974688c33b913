//! The options of signing, and what follows from them and the environment.

use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use cli::typed;
use cosign::{Cosigns, Format, Identity, Key, Major, Pattern, Session, Signer};
use host::fs::IoContext;
use ui::{Exit, Failure};

use super::Signing;
use super::proof::Proof;
use crate::context::Context;

/// How images are signed.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Signing")]
pub(crate) struct SigningArgs {
    /// The key to sign with, as cosign takes it: a file, env://VARIABLE, or
    /// the URI of a key service, such as awskms:///alias/NAME; unless given,
    /// that of the variable COSIGN_PRIVATE_KEY, and without that no key: an
    /// identity signs. The key's password is that of the variable
    /// COSIGN_PASSWORD
    #[arg(long, value_name = "KEY")]
    key: Option<String>,

    /// Sign the images of an index too, not only the index
    #[arg(long)]
    recursive: bool,

    /// The formats, with commas between: legacy, the tag that released
    /// versions of bpfman check, is made by cosign 2; bundle by cosign 3
    #[arg(
        long,
        value_name = "FORMAT",
        value_delimiter = ',',
        value_parser = formats(),
        hide_possible_values = true,
        default_value = "legacy,bundle"
    )]
    signatures: Vec<Format>,

    /// A cosign to use, by path or name, instead of those called cosign-2,
    /// cosign-3 and cosign on PATH; may be repeated
    #[arg(long, value_name = "PROGRAM")]
    cosign: Vec<PathBuf>,

    /// Without a key: whom the certificate names that signs. What is signed
    /// by it is not signed again. That of the workflow in GitHub Actions
    /// unless given
    #[arg(
        long,
        value_name = "IDENTITY",
        requires = "certificate_oidc_issuer",
        conflicts_with = "key"
    )]
    certificate_identity: Option<String>,

    /// Without a key: who vouches for that identity
    #[arg(long, value_name = "URL", requires = "certificate_identity", conflicts_with = "key")]
    certificate_oidc_issuer: Option<String>,
}

/// Returns what reads the formats of signatures.
pub(crate) fn formats() -> impl TypedValueParser<Value = Format> {
    let read = |word: String| Format::ALL.into_iter().find(|format| format.word() == word);
    PossibleValuesParser::new(Format::ALL.map(Format::word))
        .try_map(move |word| read(word).ok_or("it is no format of signatures"))
}

/// The variable that holds a key in CI.
const KEY_VARIABLE: &str = "COSIGN_PRIVATE_KEY";

/// Variables that hold a token of who this is, or what to get one with.
const TOKENS: [&str; 3] =
    ["ACTIONS_ID_TOKEN_REQUEST_TOKEN", "SIGSTORE_ID_TOKEN", "COSIGN_IDENTITY_TOKEN"];

/// Where, in the target directory, runs of one checkout wait for each other.
const LOCKS: &str = "signing";

/// How many signatures without a key are under way at once: they wait for
/// Sigstore's services most of the time, which have limits.
const WAITING: NonZeroUsize = NonZeroUsize::new(4).unwrap();

impl SigningArgs {
    /// Returns whether any of these options was typed.
    pub(crate) fn are_given(&self) -> bool {
        let SigningArgs { key, recursive, signatures, cosign, certificate_identity, .. } = self;
        key.is_some()
            || *recursive
            || !cosign.is_empty()
            || certificate_identity.is_some()
            || self.formats().len() < Format::ALL.len()
            || signatures.len() > Format::ALL.len()
    }

    fn signing(&self, hidden: Vec<String>, cx: &Context<'_>) -> Result<Signing, Failure> {
        let signer = self.signer()?;
        let formats = self.formats();
        let cosigns = Cosigns::find(&self.cosign)
            .map_err(|error| Failure::usage(error.clone()).hint(error.hint()))?;
        for format in &formats {
            check(&cosigns, *format, &formats)?;
        }
        for major in Major::ALL {
            if let Some(cosign) = cosigns.try_get(major) {
                let (path, version) = (cosign.path().display(), cosign.version());
                cx.ui.debug(format_args!("cosign {version} is `{path}`"));
            }
        }
        let session = Session::new(cosigns, hidden)?.locks(cx.target().join(LOCKS));
        let proof = match &signer {
            Signer::Key(key) => Proof::of_key(&session, key)?,
            Signer::Ambient | Signer::Interactive => Proof::of_identity(self.identity()),
        };
        let at_once = match &signer {
            Signer::Key(_) => cx.jobs,
            Signer::Ambient => cx.typed_jobs.unwrap_or(WAITING),
            Signer::Interactive => NonZeroUsize::MIN,
        };
        Ok(Signing {
            session,
            signer,
            proof,
            formats,
            recursive: self.recursive,
            attests: false,
            at_once,
        })
    }

    /// Finds all that signing needs and tries the key; for what is attached
    /// too if it `attests`. Of the `hidden` variables cosign sees nothing.
    ///
    /// # Errors
    ///
    /// Fails if a cosign is missing, the key cannot be used, nobody is there
    /// to say who signs, or attesting lacks cosign 3, which alone does it.
    pub(crate) fn open(
        &self,
        attests: bool,
        hidden: Vec<String>,
        cx: &Context<'_>,
    ) -> Result<Signing, Failure> {
        let signing = self.signing(hidden, cx)?;
        if attests {
            let cosigns = signing.session.cosigns();
            cosigns.get(Major::Three).map_err(|error| {
                Failure::missing(error.clone())
                    .context("`--attest` attests by cosign 3")
                    .hint(error.hint())
            })?;
        }
        Ok(Signing { attests, ..signing })
    }

    /// Returns the formats, each once, in the order in which they are made.
    fn formats(&self) -> Vec<Format> {
        Format::ALL.into_iter().filter(|format| self.signatures.contains(format)).collect()
    }

    fn signer(&self) -> Result<Signer, Failure> {
        if let Some(word) = &self.key {
            return key(word).map(Signer::Key);
        }
        if is_set(KEY_VARIABLE) && self.certificate_identity.is_none() {
            return Ok(Signer::Key(Key::Variable(KEY_VARIABLE.to_owned())));
        }
        let has_token = TOKENS.iter().any(|name| is_set(name));
        if std::env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true") && !has_token {
            let message = "this job cannot say who it is, so it cannot sign without a key";
            return Err(Failure::new(Exit::Failed, message)
                .hint("a job may ask for a token that has the permission `id-token: write`")
                .hint(format!("`--key`, or the variable `{KEY_VARIABLE}`, signs with a key")));
        }
        let is_watched = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        Ok(if is_watched && !has_token { Signer::Interactive } else { Signer::Ambient })
    }

    /// Returns who is expected to sign, where that is known.
    fn identity(&self) -> Option<Identity> {
        let typed = self.certificate_identity.clone().zip(self.certificate_oidc_issuer.clone());
        let typed = typed.map(|(subject, issuer)| Identity {
            subject: Pattern::Exactly(subject),
            issuer: Pattern::Exactly(issuer),
        });
        typed.or_else(|| Identity::of_workflow(|name| std::env::var(name).ok()))
    }
}

/// Reads a key as it was typed; what can be seen to be absent is refused.
fn key(word: &str) -> Result<Key, Failure> {
    let key = match Key::from(word) {
        Key::File(path) => {
            let path = typed(&path)?;
            std::fs::metadata(&path).io_context("open", &path).map_err(|error| {
                Failure::usage(error).context("`--key` names a file that is not there").hint(
                    "`cosign generate-key-pair` makes a pair of keys, `cosign.key` and \
                     `cosign.pub`",
                )
            })?;
            Key::File(path)
        }
        Key::Variable(name) if !is_set(&name) => {
            let message = format!("`--key {word}`: the variable `{name}` is not set");
            return Err(Failure::usage(message));
        }
        key => key,
    };
    Ok(key)
}

/// Checks that there is a cosign for a format, and says what makes do without.
fn check(cosigns: &Cosigns, format: Format, formats: &[Format]) -> Result<(), Failure> {
    let Err(error) = cosigns.get(format.major()) else { return Ok(()) };
    let failure = Failure::missing(error.clone())
        .context(format!("`{}` signatures are made by {}", format.word(), format.major()))
        .hint(error.hint());
    let other = formats.iter().find(|other| cosigns.get(other.major()).is_ok());
    Err(match other {
        Some(other) => failure.hint(format!(
            "`--signatures {}` makes do with {}, which is there",
            other.word(),
            other.major()
        )),
        None => failure,
    })
}

/// Returns whether a variable of the environment says something.
fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}
