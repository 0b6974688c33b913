//! What cosign sees of the environment: no more than a call needs.
//!
//! cosign takes every option from a variable `COSIGN_…` too, so most of those
//! are kept from it: what is signed, and where that goes, follows from the
//! arguments alone.

use std::ffi::OsString;

use crate::Key;

/// What a call needs beside what every program does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Needs<'a> {
    /// Nothing secret: a version, a public key.
    Nothing,
    /// What Sigstore's certificates are checked by.
    Trust,
    /// To sign with this key.
    Key(&'a Key),
    /// To sign without a key: whatever says who this is.
    Identity,
}

/// The variable that holds the password of a key.
pub(crate) const PASSWORD: &str = "COSIGN_PASSWORD";

/// What every program is told.
const PLAIN: [&str; 16] = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "GODEBUG",
];

/// The options of cosign by which a Sigstore of one's own is named, and who
/// this is to it.
const SERVICES: [&str; 6] = [
    "COSIGN_FULCIO_",
    "COSIGN_REKOR_",
    "COSIGN_OIDC_",
    "COSIGN_IDENTITY_TOKEN",
    "COSIGN_TIMESTAMP_",
    "COSIGN_TRUSTED_ROOT",
];

/// Tokens that are often there and are nobody's business here.
const OTHERS: [&str; 3] = ["GITHUB_TOKEN", "GH_TOKEN", "REGISTRY_AUTH_FILE"];

impl Needs<'_> {
    /// Returns whether a call that is local needs a directory of its own for
    /// Sigstore's data, so that nothing is fetched or left in the user's.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self, Needs::Nothing | Needs::Key(Key::File(_) | Key::Variable(_)))
    }

    /// Returns whether a key may want a password.
    pub(crate) fn is_key(&self) -> bool {
        matches!(self, Needs::Key(_))
    }

    /// Returns whether a variable is handed on.
    fn keep(&self, name: &str) -> bool {
        let is_plain = PLAIN.contains(&name);
        let is_trust = name.starts_with("SIGSTORE_") && name != "SIGSTORE_ID_TOKEN"
            || name.starts_with("TUF_");
        let is_service = SERVICES.iter().any(|service| name.starts_with(service));
        let is_password = name == PASSWORD;
        match self {
            Needs::Nothing => is_plain,
            Needs::Trust => is_plain || is_trust,
            Needs::Key(Key::File(_)) => is_plain || is_password,
            Needs::Key(Key::Variable(key)) => is_plain || is_password || name == key,
            // Services have many ways to know whom they serve.
            Needs::Key(Key::Service(_)) => {
                let is_token = name.starts_with("COSIGN_PKCS11_");
                is_password || is_token || !name.starts_with("COSIGN_")
            }
            Needs::Identity => {
                is_service || !name.starts_with("COSIGN_") && !OTHERS.contains(&name)
            }
        }
    }
}

/// Returns the variables of this process's environment that are not handed
/// on; those that are `hidden` never are.
pub(crate) fn dropped(needs: &Needs<'_>, hidden: &[String]) -> Vec<OsString> {
    let names = std::env::vars_os().map(|(name, _)| name);
    let keep = |name: &OsString| {
        name.to_str().is_some_and(|name| needs.keep(name) && !hidden.iter().any(|h| h == name))
    };
    names.filter(|name| !keep(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 16] = [
        "PATH",
        "https_proxy",
        "SSL_CERT_FILE",
        "SIGSTORE_ROOT_FILE",
        "SIGSTORE_ID_TOKEN",
        "TUF_ROOT",
        "COSIGN_PASSWORD",
        "COSIGN_PRIVATE_KEY",
        "COSIGN_KEY",
        "COSIGN_REPOSITORY",
        "COSIGN_PKCS11_PIN",
        "COSIGN_REKOR_URL",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "GITHUB_TOKEN",
        "ANYTHING_ELSE",
    ];

    #[test]
    fn a_call_sees_what_it_needs() {
        let (file, service) = (Key::from("cosign.key"), Key::from("awskms:///alias/x"));
        let variable = Key::from("env://COSIGN_PRIVATE_KEY");
        let plain = ["PATH", "https_proxy", "SSL_CERT_FILE"];
        let cases: [(Needs<'_>, &[&str]); 6] = [
            (Needs::Nothing, &[]),
            (Needs::Trust, &["SIGSTORE_ROOT_FILE", "TUF_ROOT"]),
            (Needs::Key(&file), &["COSIGN_PASSWORD"]),
            (Needs::Key(&variable), &["COSIGN_PASSWORD", "COSIGN_PRIVATE_KEY"]),
            (
                Needs::Key(&service),
                &[
                    "SIGSTORE_ROOT_FILE",
                    "SIGSTORE_ID_TOKEN",
                    "TUF_ROOT",
                    "COSIGN_PASSWORD",
                    "COSIGN_PKCS11_PIN",
                    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
                    "AWS_SECRET_ACCESS_KEY",
                    "GITHUB_TOKEN",
                    "ANYTHING_ELSE",
                ],
            ),
            (
                Needs::Identity,
                &[
                    "SIGSTORE_ROOT_FILE",
                    "SIGSTORE_ID_TOKEN",
                    "TUF_ROOT",
                    "COSIGN_REKOR_URL",
                    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
                    "AWS_SECRET_ACCESS_KEY",
                    "ANYTHING_ELSE",
                ],
            ),
        ];
        for (needs, expected) in cases {
            let kept: Vec<_> = NAMES.into_iter().filter(|name| needs.keep(name)).collect();
            assert_eq!(kept, [&plain, expected].concat(), "{needs:?}");
        }
    }

    #[test]
    fn what_is_hidden_is_never_handed_on() {
        let dropped = dropped(&Needs::Identity, &["PATH".to_owned()]);
        assert!(dropped.contains(&"PATH".into()));
        assert!(!dropped.contains(&"HOME".into()));
    }
}
