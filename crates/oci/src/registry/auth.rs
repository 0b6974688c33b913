//! Who one is to a registry: challenges answered, tokens kept.
//!
//! A registry says with its first 401 whether it wants Basic (RFC 7617) or a
//! Bearer token (RFC 6750; distribution's token authentication). From then
//! on every request carries what it wants. Tokens are kept per account and
//! scope until shortly before they expire.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::challenge::{self, Challenge};
use super::credentials::{Credential, Found};
use super::exchange::Response;
use super::scope::Scopes;
use super::token::{self, Token};
use super::transport::Host;
use super::url::{Scheme, Url};
use super::{Client, Error, Secret};

/// What is known of one registry's wishes, and the tokens it accepts.
#[derive(Debug, Default)]
pub(crate) struct Auth {
    /// `None` until the first answer: that request goes alone.
    pub(crate) wish: Mutex<Option<Wish>>,
    accounts: Mutex<Accounts>,
}

/// Who asks, by the key of the credentials and by repository.
#[derive(Debug, Default)]
struct Accounts {
    by_key: HashMap<String, Arc<Account>>,
    by_repository: HashMap<String, Arc<Account>>,
}

/// What a registry wants to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Nothing,
    Basic,
    Bearer { realm: Url, service: Option<String> },
}

/// One who asks: a credential, or nobody.
#[derive(Debug, Default)]
pub(crate) struct Account {
    found: Option<Found>,
    tokens: Mutex<Vec<(Scopes, Slot)>>,
    proof: Mutex<Proof>,
}

/// What came of showing a password.
#[derive(Debug, Default)]
enum Proof {
    #[default]
    Untried,
    Good,
    Refused(Error),
}

/// A token, or the place for one: whoever locks an empty one fetches.
type Slot = Arc<Mutex<Option<Token>>>;

impl Auth {
    /// Returns the account for a repository.
    pub(crate) fn account(
        &self,
        client: &Client,
        registry: &str,
        repository: &str,
    ) -> Result<Arc<Account>, Error> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = accounts.by_repository.get(repository) {
            return Ok(Arc::clone(account));
        }
        let found = client.settings().credentials.find(registry, repository)?;
        let key = found.as_ref().map_or(String::new(), |found| found.key.clone());
        let new = || Arc::new(Account { found, ..Account::default() });
        let account = Arc::clone(accounts.by_key.entry(key).or_insert_with(new));
        accounts.by_repository.insert(repository.to_owned(), Arc::clone(&account));
        Ok(account)
    }

    /// Returns what the registry is known to want.
    pub(crate) fn known_wish(&self) -> Wish {
        let wish = self.wish.lock().unwrap_or_else(PoisonError::into_inner);
        wish.clone().unwrap_or(Wish::Nothing)
    }
}

impl Wish {
    /// Reads what a 401 asks for. Bearer is taken before Basic: it shows the
    /// password to fewer.
    pub(crate) fn of(response: &Response, registry: &Url) -> Result<(Wish, Vec<String>), Error> {
        let headers = response.headers.get_all("www-authenticate");
        let texts = headers.iter().filter_map(|value| value.to_str().ok());
        let challenges: Vec<Challenge> = texts.flat_map(challenge::parse).collect();
        let of_scheme = |scheme| challenges.iter().find(|challenge| challenge.scheme == scheme);
        if let Some(bearer) = of_scheme("bearer") {
            let realm = bearer.get("realm").unwrap_or_default();
            let realm = Url::parse(realm).map_err(|reason| {
                response.asked().unexpected(format!("its realm is faulty: {reason}"))
            })?;
            check_realm(&realm, registry)?;
            let scopes = bearer.get("scope").unwrap_or_default().split(' ');
            let scopes = scopes.filter(|word| !word.is_empty()).map(str::to_owned).collect();
            let service = bearer.get("service").map(str::to_owned);
            return Ok((Wish::Bearer { realm, service }, scopes));
        }
        let wish = if of_scheme("basic").is_some() { Wish::Basic } else { Wish::Nothing };
        Ok((wish, Vec::new()))
    }
}

/// Refuses a token server to which a password would travel in the clear;
/// only a registry that is itself spoken to so may have one, on its own host.
fn check_realm(realm: &Url, registry: &Url) -> Result<(), Error> {
    let reason = match (realm.scheme(), registry.scheme()) {
        (Scheme::Https, _) => return Ok(()),
        (Scheme::Http, Scheme::Https) => "that is plain HTTP",
        (Scheme::Http, Scheme::Http) if realm.host() == registry.host() => return Ok(()),
        (Scheme::Http, Scheme::Http) => "that is plain HTTP, on another host",
    };
    let registry = registry.authority().to_owned();
    Err(Error::UnsafeRealm { registry, realm: realm.to_string(), reason })
}

impl Account {
    /// Returns the value of the `Authorization` header, if there is to be
    /// one. `refused` is what was refused a moment ago, so that no one is
    /// shown it twice; `extra` are scopes that the registry named.
    pub(crate) fn authorization(
        &self,
        client: &Client,
        host: &Arc<Host>,
        wish: &Wish,
        scopes: &Scopes,
        refused: Option<&Secret>,
        extra: &[String],
    ) -> Result<Option<Secret>, Error> {
        let credential = self.found.as_ref().map(|found| &found.credential);
        match (wish, credential) {
            (Wish::Nothing, _) | (Wish::Basic, None) => Ok(None),
            (Wish::Basic, Some(credential)) => Ok(basic(credential)),
            (Wish::Bearer { .. }, Some(Credential::RegistryToken(token))) => {
                Ok(Some(Secret::new(format!("Bearer {}", token.expose()))))
            }
            (Wish::Bearer { realm, service }, credential) => {
                let slot = self.slot(scopes);
                let mut token = slot.lock().unwrap_or_else(PoisonError::into_inner);
                let good = token.take().filter(|token| {
                    token.is_fresh() && refused.is_none_or(|refused| *refused != token.header)
                });
                let good = match good {
                    Some(token) => token,
                    None => {
                        let mut words = scopes.words();
                        let more = extra.iter().filter(|word| !scopes.cover_word(word));
                        words.extend(more.cloned());
                        let service = service.as_deref();
                        let fetch =
                            || token::fetch(client, host, realm, service, &words, credential);
                        self.prove(fetch).map_err(|error| self.explain(error, &host.name))?
                    }
                };
                let header = good.header.clone();
                *token = Some(good);
                Ok(Some(header))
            }
        }
    }

    /// Does something that shows the password. The first to do so goes alone;
    /// once it was refused nobody shows it again, because an account may be
    /// locked after a few times.
    pub(crate) fn prove<T>(&self, show: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        if self.found.is_none() {
            return show();
        }
        let mut proof = self.proof.lock().unwrap_or_else(PoisonError::into_inner);
        match &*proof {
            Proof::Refused(error) => return Err(error.clone()),
            Proof::Good => {
                drop(proof);
                return show();
            }
            Proof::Untried => {}
        }
        let shown = show();
        match &shown {
            Ok(_) => *proof = Proof::Good,
            Err(error) if error.status() == Some(401) => *proof = Proof::Refused(error.clone()),
            Err(_) => {}
        }
        shown
    }

    fn slot(&self, scopes: &Scopes) -> Slot {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, slot)) = tokens.iter().find(|(own, _)| own.cover(scopes)) {
            return Arc::clone(slot);
        }
        let slot = Slot::default();
        tokens.push((scopes.clone(), Arc::clone(&slot)));
        slot
    }

    /// Says whose credentials were refused, or where none were found.
    pub(crate) fn describe(&self, client: &Client, registry: &str, repository: &str) -> String {
        match &self.found {
            Some(found) => found.describe(),
            None => client.settings().credentials.describe_absence(registry, repository),
        }
    }

    /// Says for which registry a token was refused.
    fn explain(&self, mut error: Error, registry: &str) -> Error {
        if let Error::Refused(refusal) = &mut error {
            refusal.registry = Some(registry.to_owned());
            refusal.credentials = self.found.as_ref().map(Found::describe);
        }
        error
    }
}

/// Returns the header of a name and a password (RFC 7617).
pub(crate) fn basic(credential: &Credential) -> Option<Secret> {
    match credential {
        Credential::Password { username, password } => {
            let pair = format!("{username}:{}", password.expose());
            Some(Secret::new(format!("Basic {}", STANDARD.encode(pair))))
        }
        Credential::IdentityToken(_) | Credential::RegistryToken(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_do_not_travel_in_the_clear() {
        let check = |realm, registry| {
            let urls = (Url::parse(realm).unwrap(), Url::parse(registry).unwrap());
            check_realm(&urls.0, &urls.1).map_err(|error| error.to_string())
        };
        assert_eq!(check("https://auth.example/t", "https://r.example/"), Ok(()));
        assert_eq!(check("http://127.0.0.1:81/t", "http://127.0.0.1:80/"), Ok(()));
        let refused =
            "`r.example` wants credentials to be sent to `http://evil/t`: that is plain HTTP";
        assert_eq!(check("http://evil/t", "https://r.example/"), Err(refused.into()));
        assert!(check("http://r.example/t", "https://r.example/").is_err());
        let refused = "`127.0.0.1` wants credentials to be sent to `http://evil/t`: \
                       that is plain HTTP, on another host";
        assert_eq!(check("http://evil/t", "http://127.0.0.1/"), Err(refused.into()));
    }

    #[test]
    fn basic_is_this() {
        let password = Secret::new("open sesame");
        let credential = Credential::Password { username: "Aladdin".into(), password };
        let header = basic(&credential).unwrap();
        assert_eq!(header.expose(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }
}
