//! What a user can do about a failure.

use super::fault::{
    AUTHORITY, NO_ADDRESS, NO_CLIENT, NO_TLS, OTHER_NAME, OUTDATED, REFUSED, UNTRUSTED,
};
use super::{Error, Refusal};

impl Error {
    /// Returns what the user can do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Refused(refusal) => refusal.hint(),
            Error::Transport { url, reason, .. } => of_transport(authority(url), reason),
            Error::AuthFile { .. } => {
                Some("correct the file, or take the entry out and log in again".into())
            }
            Error::Helper { helper, path, .. } => {
                Some(format!("`{}` names `{helper}`; does `{helper} list` work?", path.display()))
            }
            Error::Image(error) => error.hint(),
            _ => None,
        }
    }

    /// Returns whether the registry's certificate is from an authority that
    /// nobody said is to be trusted.
    pub fn is_untrusted(&self) -> bool {
        matches!(self, Error::Transport { reason, .. } if reason == UNTRUSTED)
    }

    /// Returns whether the registry does not speak TLS and was expected to.
    pub fn is_without_tls(&self) -> bool {
        matches!(self, Error::Transport { reason, .. } if reason == NO_TLS)
    }
}

/// Returns the host and port of a URL as it is shown.
fn authority(url: &str) -> &str {
    url.split('/').nth(2).unwrap_or_default()
}

fn of_transport(authority: &str, reason: &str) -> Option<String> {
    let directory = format!("a directory `{authority}` of `certs.d`");
    let hint = match reason {
        REFUSED => format!("is the registry running, and is `{authority}` its address?"),
        UNTRUSTED => format!(
            "the certificate of a private authority can be given, or put as `ca.crt` into \
             {directory}"
        ),
        OUTDATED => "its owner has to renew it, or this machine's clock is wrong".to_owned(),
        AUTHORITY => "a self-signed certificate is accepted, once it is trusted, if it is made \
                      with `basicConstraints=critical,CA:FALSE`"
            .to_owned(),
        NO_TLS => "a registry that speaks plain HTTP has to be named as one".to_owned(),
        NO_CLIENT => format!(
            "a client certificate is taken from `client.cert` and `client.key` in {directory}"
        ),
        _ if reason.starts_with(NO_ADDRESS) => {
            format!("is `{authority}` the registry's name, and is this machine connected?")
        }
        _ if reason.starts_with(OTHER_NAME) => {
            "ask for the registry by a name that its certificate has".to_owned()
        }
        _ => return None,
    };
    Some(hint)
}

impl Refusal {
    fn hint(&self) -> Option<String> {
        let writes = matches!(self.method.as_str(), "POST" | "PUT" | "PATCH");
        let advice = match self.status {
            401 => {
                let registry = self.registry.as_deref().unwrap_or(authority(&self.url));
                format!("log in with `podman login {registry}` or `docker login {registry}`")
            }
            403 | 404 if writes => "the repository may have to be created first, and the \
                                    account (or robot) be given the right to write to it"
                .to_owned(),
            // What a registry refuses itself has a code.
            400 if self.url.starts_with("http://") && self.code.is_none() => {
                let authority = authority(&self.url);
                return Some(format!(
                    "it was spoken to without TLS; if it expects that, make a directory \
                     `{authority}` of `certs.d`"
                ));
            }
            413 => "the registry, or a proxy before it, takes no blob of that size".to_owned(),
            429 => return Some("the registry limits how much it is asked; wait, or log in".into()),
            _ => return None,
        };
        Some(match &self.credentials {
            Some(credentials) => format!("{credentials}; {advice}"),
            None => advice,
        })
    }
}
