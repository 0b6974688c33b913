//! Tokens: asked of the server that a registry names.
//!
//! With a password or nobody's name by GET, with an identity token by POST
//! (distribution's token and oauth2 specifications; RFC 6749, 6).

use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::http::Method;

use super::auth::basic;
use super::credentials::Credential;
use super::exchange::Payload;
use super::transport::{Host, Identity, Request};
use super::url::{Url, encode};
use super::{Client, Error, Secret};

/// A token as it goes into a header, and until when.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) header: Secret,
    fresh_until: Instant,
}

impl Token {
    pub(crate) fn is_fresh(&self) -> bool {
        Instant::now() < self.fresh_until
    }
}

/// How long a token is good for whose server does not say.
const DEFAULT_SECONDS: u64 = 60;
/// The longest answer of a token server.
const ANSWER_MAX: u64 = 1 << 20;
/// By what name this program asks; OAuth2 requires one.
const CLIENT_ID: &str = "oci-registry-client";

/// Fetches a token for these scopes of a registry.
pub(crate) fn fetch(
    client: &Client,
    registry: &Arc<Host>,
    realm: &Url,
    service: Option<&str>,
    scopes: &[String],
    credential: Option<&Credential>,
) -> Result<Token, Error> {
    let asked_at = Instant::now();
    let (method, bytes) = match credential {
        Some(Credential::IdentityToken(token)) => {
            let form = form(service, scopes, token);
            let host = client.host_of(realm, registry)?;
            let mut request = Request::new(&host, Method::POST, realm.clone(), Identity::Nobody);
            request.headers = vec![("content-type", "application/x-www-form-urlencoded")];
            request.payload = Payload::Secret(&form);
            ("POST", client.document(&request, &[200], ANSWER_MAX)?.1)
        }
        credential => {
            let mut url = realm.clone();
            if let Some(service) = service {
                url = url.with_query("service", service);
            }
            for scope in scopes {
                url = url.with_query("scope", scope);
            }
            let header = credential.and_then(basic);
            let identity = header.as_ref().map_or(Identity::Nobody, Identity::Header);
            let host = client.host_of(realm, registry)?;
            let request = Request::new(&host, Method::GET, url, identity);
            ("GET", client.document(&request, &[200], ANSWER_MAX)?.1)
        }
    };
    parse(&bytes, asked_at).ok_or_else(|| Error::Unexpected {
        method: method.into(),
        url: realm.to_string(),
        reason: "without a token".into(),
    })
}

fn form(service: Option<&str>, scopes: &[String], token: &Secret) -> Secret {
    let fields = [
        ("grant_type", "refresh_token"),
        ("service", service.unwrap_or_default()),
        ("client_id", CLIENT_ID),
        ("scope", &scopes.join(" ")),
        ("refresh_token", token.expose()),
    ];
    let fields = fields.map(|(key, value)| format!("{key}={}", encode(value)));
    Secret::new(fields.join("&"))
}

fn parse(bytes: &[u8], asked_at: Instant) -> Option<Token> {
    #[derive(serde::Deserialize)]
    struct Answer {
        token: Option<String>,
        access_token: Option<String>,
        #[serde(default)]
        expires_in: serde_json::Value,
    }
    let answer: Answer = serde_json::from_slice(bytes).ok()?;
    let tokens = [answer.token, answer.access_token];
    let token = tokens.into_iter().flatten().find(|token| !token.is_empty())?;
    let seconds = answer.expires_in.as_u64().filter(|seconds| *seconds > 0);
    let seconds = seconds.unwrap_or(DEFAULT_SECONDS);
    // A tenth is left for the request itself and for clocks that differ; a
    // token of a hundred years is asked for anew after one.
    let lifetime = Duration::from_secs(seconds.min(31_536_000)).mul_f64(0.9);
    let header = Secret::new(format!("Bearer {token}"));
    Some(Token { header, fresh_until: asked_at + lifetime })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_both_kinds_are_read() {
        let now = Instant::now();
        let token = parse(br#"{"token":"a","expires_in":300,"issued_at":"x"}"#, now).unwrap();
        assert_eq!(token.header.expose(), "Bearer a");
        assert_eq!(token.fresh_until - now, Duration::from_secs(270));
        let token = parse(br#"{"access_token":"b","refresh_token":"r"}"#, now).unwrap();
        assert_eq!(
            (token.header.expose(), token.fresh_until - now),
            ("Bearer b", Duration::from_secs(54))
        );
        let token = parse(br#"{"token":"","access_token":"c"}"#, now).unwrap();
        assert_eq!(token.header.expose(), "Bearer c");
        for answer in ["", "{}", r#"{"token":""}"#, r#"{"token":5}"#] {
            assert!(parse(answer.as_bytes(), now).is_none(), "{answer}");
        }
        for odd in ["0", "-1", "299.5", r#""300""#, "null"] {
            let answer = format!(r#"{{"token":"a","expires_in":{odd}}}"#);
            let token = parse(answer.as_bytes(), now).unwrap();
            assert_eq!(token.fresh_until - now, Duration::from_secs(54), "{odd}");
        }
        assert!(parse(br#"{"token":"a","expires_in":18446744073709551615}"#, now).is_some());
    }

    #[test]
    fn the_form_is_this() {
        let scopes = ["repository:a/b:pull".to_owned(), "repository:c:pull".to_owned()];
        assert_eq!(
            form(Some("r.io"), &scopes, &Secret::new("t&=")).expose(),
            "grant_type=refresh_token&service=r.io&client_id=oci-registry-client\
             &scope=repository:a/b:pull%20repository:c:pull&refresh_token=t%26%3D"
        );
    }
}
