//! Requests that get through: credentials, redirects, further tries.
//!
//! What is shown to a registry is never shown to another host, whoever sends
//! the request there (CVE-2020-15157): redirects are followed here, one by
//! one, and an `Authorization` goes with a request only to the origin it was
//! made for.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::http::Method;

use super::auth::{Auth, Wish};
use super::exchange::{Asked, Payload, Response, exchange};
use super::limit::Limiter;
use super::scope::Scopes;
use super::tls::Certs;
use super::url::Url;
use super::{Client, Error, Secret};

/// One server: its connections, and what was learnt of it.
#[derive(Debug)]
pub(crate) struct Host {
    /// The name by which users know it, which is that of its credentials.
    pub(crate) name: String,
    pub(crate) base: Url,
    pub(crate) certs: Certs,
    pub(crate) agent: Agent,
    pub(crate) auth: Auth,
    pub(crate) limiter: Arc<Limiter>,
    /// Whether it ever answered.
    reached: OnceLock<()>,
    /// Set once it is known to have no route to lists of referrers.
    pub(crate) without_lists: OnceLock<()>,
    /// Why it is not asked any more: it never answered, tried in full, or it
    /// wants to be left alone for longer than anyone waits.
    lost: Mutex<Option<Error>>,
}

impl Host {
    pub(crate) fn new(
        name: &str,
        base: Url,
        certs: Certs,
        agent: Agent,
        concurrency: usize,
    ) -> Host {
        Host {
            name: name.to_owned(),
            base,
            certs,
            agent,
            auth: Auth::default(),
            limiter: Arc::new(Limiter::new(concurrency)),
            reached: OnceLock::new(),
            without_lists: OnceLock::new(),
            lost: Mutex::new(None),
        }
    }

    /// Fails if the host is not asked any more.
    fn check(&self) -> Result<(), Error> {
        let lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.clone().map_or(Ok(()), Err)
    }

    /// Notes why the host is not asked any more.
    fn lose(&self, error: &Error) {
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.get_or_insert_with(|| error.clone());
    }
}

/// Whose name a request carries.
#[derive(Clone, Debug)]
pub(crate) enum Identity<'a> {
    Nobody,
    /// This header.
    Header(&'a Secret),
    /// That of the account for a repository, with these rights.
    Account {
        repository: &'a str,
        scopes: Scopes,
    },
}

/// A request to a host.
#[derive(Clone, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) host: &'a Arc<Host>,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(&'static str, &'a str)>,
    pub(crate) payload: Payload<'a>,
    pub(crate) identity: Identity<'a>,
    /// How long the body of the answer may take; `None` for the time that a
    /// document has.
    pub(crate) body_time: Option<Duration>,
    /// Whether a failure that may pass is met by sending it again.
    pub(crate) again: bool,
    /// Whether it counts among those under way.
    pub(crate) counted: bool,
}

impl<'a> Request<'a> {
    pub(crate) fn new(
        host: &'a Arc<Host>,
        method: Method,
        url: Url,
        identity: Identity<'a>,
    ) -> Request<'a> {
        let (headers, payload) = (Vec::new(), Payload::Nothing);
        let (body_time, again, counted) = (None, true, true);
        Request { host, method, url, headers, payload, identity, body_time, again, counted }
    }
}

/// How many redirects one request follows.
const REDIRECTS: usize = 5;

impl Client {
    /// Sends a request until it is answered with one of the statuses `good`,
    /// or will not be.
    pub(crate) fn send(&self, request: &Request<'_>, good: &[u16]) -> Result<Response, Error> {
        let host = request.host;
        let mut tried = 0;
        loop {
            tried += 1;
            crate::error::check_interrupt()?;
            host.check()?;
            let error = match self.follow(request) {
                Ok(response) if good.contains(&response.status) => {
                    host.limiter.succeeded();
                    return Ok(response);
                }
                Ok(response) => self.refusal(request, response),
                Err(error) => error,
            };
            let wait = match error.is_passing() && request.again {
                true => self.retries().next(tried, error.retry_after()),
                false => None,
            };
            let is_throttled = error.status() == Some(429);
            let asks = error.retry_after();
            let is_long = asks.is_some_and(|asks| asks > self.settings().retry.patience);
            if is_throttled && !is_long {
                host.limiter.throttled(asks.or(wait).unwrap_or_default());
            }
            match wait {
                Some(wait) => pause(wait),
                None => {
                    // The others need not find out each for itself.
                    let never = matches!(error, Error::Transport { .. })
                        && request.again
                        && host.reached.get().is_none();
                    if never || is_throttled && is_long {
                        host.lose(&error);
                    }
                    return Err(error);
                }
            }
        }
    }

    /// Sends a request for a document and reads what a 200 has, which must not
    /// be longer than `limit`. One that breaks off is asked for again.
    pub(crate) fn document(
        &self,
        request: &Request<'_>,
        good: &[u16],
        limit: u64,
    ) -> Result<(Response, Vec<u8>), Error> {
        let mut tried = 0;
        loop {
            tried += 1;
            let mut response = self.send(request, good)?;
            let read = response.read(limit);
            response.release();
            match read {
                _ if response.status != 200 => return Ok((response, Vec::new())),
                Ok(bytes) => return Ok((response, bytes)),
                Err(error) if !error.is_passing() => return Err(error),
                Err(error) => match self.retries().next(tried, None) {
                    Some(wait) => pause(wait),
                    None => return Err(error),
                },
            }
        }
    }

    /// Makes the error that an answer is, and says which credentials were
    /// shown.
    fn refusal(&self, request: &Request<'_>, response: Response) -> Error {
        let (host, name) = (request.host, &request.host.name);
        let credentials = match &request.identity {
            Identity::Account { repository, .. } if matches!(response.status, 401 | 403 | 404) => {
                let account = host.auth.account(self, name, repository).ok();
                account.map(|account| account.describe(self, name, repository))
            }
            _ => None,
        };
        response.into_refusal(name, credentials)
    }

    /// Sends a request, and on to where it is sent. A request that changes
    /// something is only sent on as it is (RFC 9110, 15.4.8 and 15.4.9).
    fn follow(&self, request: &Request<'_>) -> Result<Response, Error> {
        let mut response = self.identified(request)?;
        let _ = request.host.reached.set(());
        let reads = matches!(request.method, Method::GET | Method::HEAD);
        for _ in 0..REDIRECTS {
            match response.status {
                307 | 308 => {}
                301..=303 if reads => {}
                _ => return Ok(response),
            }
            let asked = response.asked();
            let location = response.header("location");
            let location = location.ok_or_else(|| asked.unexpected("without a `Location`"))?;
            let url = asked.url.join(location).map_err(|reason| {
                asked.unexpected(format!("its `Location` is faulty: {reason}"))
            })?;
            // The permit goes back before another host's is waited for.
            response.drain();
            response = if url.same_origin(&request.url) {
                self.identified(&Request { url, ..request.clone() })?
            } else {
                if matches!(request.payload, Payload::Secret(_)) {
                    return Err(asked.unexpected(format!(
                        "it sends the credentials on to `{url}`, which is another host"
                    )));
                }
                let host = self.host_of(&url, request.host)?;
                let identity = Identity::Nobody;
                let onward = Request { url, identity, host: &host, ..request.clone() };
                self.exchange(&onward, None)?
            };
        }
        Err(response.asked().unexpected("with one redirect too many"))
    }

    /// Sends a request with the name it carries.
    fn identified(&self, request: &Request<'_>) -> Result<Response, Error> {
        let host = request.host;
        let (repository, scopes) = match &request.identity {
            Identity::Nobody => return self.exchange(request, None),
            Identity::Header(header) => return self.exchange(request, Some(header)),
            // The place to upload to may be elsewhere.
            _ if !request.url.same_origin(&host.base) => {
                let host = self.host_of(&request.url, host)?;
                let identity = Identity::Nobody;
                return self.exchange(&Request { identity, host: &host, ..request.clone() }, None);
            }
            Identity::Account { repository, scopes } => (repository, scopes),
        };
        let mut extra = Vec::new();
        let mut known = host.auth.wish.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_none() {
            // The first request goes alone, so that not all are sent in vain.
            host.check()?;
            let response = self.exchange(request, None).inspect_err(|error| {
                // A host that does not answer is not waited for one by one.
                match error {
                    Error::Transport { passing: false, .. } => host.lose(error),
                    _ => *known = Some(Wish::Nothing),
                }
            })?;
            if response.status != 401 {
                *known = Some(Wish::Nothing);
                return Ok(response);
            }
            let (wish, scopes) = Wish::of(&response, &host.base)?;
            if wish == Wish::Nothing {
                return Ok(response);
            }
            *known = Some(wish);
            extra = scopes;
            response.drain();
        }
        drop(known);
        let account = host.auth.account(self, &host.name, repository)?;
        let wish = host.auth.known_wish();
        let shown = account.authorization(self, host, &wish, scopes, None, &extra)?;
        let mut response = match (&wish, &shown) {
            (Wish::Basic, Some(_)) => account.prove(|| self.basic(request, shown.as_ref()))?,
            _ => self.exchange(request, shown.as_ref())?,
        };
        if response.status != 401 {
            return Ok(response);
        }
        // Expired early, or other rights are needed, or another scheme.
        response.release();
        let (wish, extra) = Wish::of(&response, &host.base)?;
        if wish == Wish::Nothing {
            return Ok(response);
        }
        *host.auth.wish.lock().unwrap_or_else(PoisonError::into_inner) = Some(wish.clone());
        let again = account.authorization(self, host, &wish, scopes, shown.as_ref(), &extra)?;
        if again.is_none() || again == shown {
            return Ok(response);
        }
        response.drain();
        self.exchange(request, again.as_ref())
    }

    /// Shows a password. One that is refused is an error.
    fn basic(&self, request: &Request<'_>, shown: Option<&Secret>) -> Result<Response, Error> {
        let response = self.exchange(request, shown)?;
        let is_refused = response.status == 401
            && !matches!(Wish::of(&response, &request.host.base)?.0, Wish::Bearer { .. });
        if is_refused { Err(self.refusal(request, response)) } else { Ok(response) }
    }

    fn exchange(&self, request: &Request<'_>, shown: Option<&Secret>) -> Result<Response, Error> {
        let host = request.host;
        let permit = match request.counted {
            true => Some(host.limiter.acquire()),
            false => {
                host.limiter.wait();
                None
            }
        };
        let asked = Asked { method: request.method.clone(), url: request.url.clone() };
        let (headers, payload) = (&request.headers, request.payload);
        exchange(&host.agent, permit, &asked, headers, shown, payload, request.body_time)
    }
}

/// Waits, but not longer than the user does.
pub(crate) fn pause(wait: Duration) {
    let until = Instant::now() + wait;
    while !host::interrupted() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        std::thread::sleep(left.min(Duration::from_millis(100)));
    }
}
