//! URLs as registries answer with them: parsed, joined, printed without
//! what could be a secret.
//!
//! Only `http` and `https` exist here. Printing shows the values of query
//! parameters known to be harmless; a signed URL's are replaced, because
//! whoever holds them holds what they sign for.

use std::fmt;

use ureq::http::Uri;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    fn prefix(self) -> &'static str {
        match self {
            Scheme::Http => "http://",
            Scheme::Https => "https://",
        }
    }
}

/// An absolute URL without user information and fragment.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Url {
    scheme: Scheme,
    /// Host and perhaps port, in lower case.
    authority: String,
    /// Path and perhaps query; starts with a slash.
    target: String,
}

impl Url {
    /// Makes the URL of a host's root.
    pub(crate) fn of_host(scheme: Scheme, authority: &str) -> Url {
        Url { scheme, authority: authority.to_ascii_lowercase(), target: "/".to_owned() }
    }

    /// Parses an absolute URL.
    pub(crate) fn parse(text: &str) -> Result<Url, &'static str> {
        let (scheme, rest) = match text.split_once("://") {
            Some((name, rest)) if name.eq_ignore_ascii_case("https") => (Scheme::Https, rest),
            Some((name, rest)) if name.eq_ignore_ascii_case("http") => (Scheme::Http, rest),
            _ => return Err("it is neither `http://` nor `https://`"),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if authority.contains('@') {
            return Err("it has user information");
        }
        let target = target.split('#').next().unwrap_or_default();
        let slash = if target.starts_with('/') { "" } else { "/" };
        let url = Url {
            scheme,
            authority: authority.to_ascii_lowercase(),
            target: format!("{slash}{target}"),
        };
        let uri: Uri = url.exposed().parse().map_err(|_| "it has characters that no URL has")?;
        match uri.host() {
            Some(host) if !host.is_empty() => Ok(url),
            _ => Err("it has no host"),
        }
    }

    /// Returns what `location` means in an answer to a request for this
    /// (RFC 3986, 5.2, without the removal of dots, which servers do).
    ///
    /// A proxy that ends TLS in front of a registry makes it answer with
    /// `http://` and its own host; that stays on TLS.
    pub(crate) fn join(&self, location: &str) -> Result<Url, &'static str> {
        let location = location.trim();
        let scheme_end = location.find(':');
        let path_start = location.find(['/', '?', '#']).unwrap_or(location.len());
        let mut joined = if scheme_end.is_some_and(|colon| colon < path_start) {
            Url::parse(location)?
        } else if let Some(rest) = location.strip_prefix("//") {
            Url::parse(&format!("{}{rest}", self.scheme.prefix()))?
        } else {
            let path = self.target.split('?').next().unwrap_or_default();
            let directory = &path[..=path.rfind('/').unwrap_or_default()];
            let base = match location.bytes().next() {
                None => return Err("it is empty"),
                Some(b'/') => "",
                Some(b'?' | b'#') => path,
                Some(_) => directory,
            };
            Url::parse(&format!("{}{}{base}{location}", self.scheme.prefix(), self.authority))?
        };
        if self.scheme == Scheme::Https && joined.scheme == Scheme::Http {
            if joined.authority != self.authority && joined.authority != self.host() {
                return Err("it leads from TLS to plain HTTP");
            }
            joined.scheme = Scheme::Https;
            joined.authority.clone_from(&self.authority);
        }
        Ok(joined)
    }

    /// Returns the URL of another path (with its slash) on the same host.
    pub(crate) fn at(&self, target: &str) -> Url {
        Url { target: target.to_owned(), ..self.clone() }
    }

    /// Adds a parameter after those that are there.
    pub(crate) fn with_query(mut self, key: &str, value: &str) -> Url {
        self.target.push(if self.target.contains('?') { '&' } else { '?' });
        self.target.push_str(key);
        self.target.push('=');
        self.target.push_str(&encode(value));
        self
    }

    pub(crate) fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// Returns the host without its port; an IPv6 address keeps its brackets.
    pub(crate) fn host(&self) -> &str {
        self.split_authority().0
    }

    fn split_authority(&self) -> (&str, u16) {
        let default = if self.scheme == Scheme::Https { 443 } else { 80 };
        match self.authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().unwrap_or(default)),
            _ => (&self.authority, default),
        }
    }

    /// Returns whether both are of one server: scheme, host and port.
    pub(crate) fn same_origin(&self, other: &Url) -> bool {
        self.scheme == other.scheme && self.split_authority() == other.split_authority()
    }

    /// Returns the whole text: for the wire alone.
    pub(crate) fn exposed(&self) -> String {
        format!("{}{}{}", self.scheme.prefix(), self.authority, self.target)
    }
}

/// Parameters that hold no secret and help to understand a request.
const HARMLESS: [&str; 10] =
    ["account", "artifactType", "digest", "from", "last", "mount", "n", "scope", "service", "tag"];

impl fmt::Display for Url {
    /// Writes the URL with the values of other than harmless parameters
    /// replaced.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, query) = match self.target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (self.target.as_str(), None),
        };
        write!(f, "{}{}{path}", self.scheme.prefix(), self.authority)?;
        let parameters = query.into_iter().flat_map(|query| query.split('&'));
        for (i, parameter) in parameters.enumerate() {
            f.write_str(if i == 0 { "?" } else { "&" })?;
            match parameter.split_once('=') {
                Some((key, _)) if HARMLESS.contains(&key) => f.write_str(parameter)?,
                Some((key, _)) => write!(f, "{key}=…")?,
                // A word without a value may be the secret itself.
                None => f.write_str("…")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Percent-encodes all but the unreserved characters and those that mean
/// nothing in a query and are frequent in digests and repositories.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/,".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn locations_join() {
        let base = Url::parse("https://Reg.example:5000/v2/a/blobs/uploads/").unwrap();
        let cases = [
            (
                "/v2/a/blobs/uploads/1?_state=x",
                "https://reg.example:5000/v2/a/blobs/uploads/1?_state=x",
            ),
            ("1?_state=x", "https://reg.example:5000/v2/a/blobs/uploads/1?_state=x"),
            ("?x=1", "https://reg.example:5000/v2/a/blobs/uploads/?x=1"),
            ("//other/x", "https://other/x"),
            ("https://other.example/x?y=a:b", "https://other.example/x?y=a:b"),
            ("https://other.example?y", "https://other.example/?y"),
            ("https://[::1]:5000/x#f", "https://[::1]:5000/x"),
            // A registry behind a proxy that ends TLS.
            ("http://reg.example/v2/x", "https://reg.example:5000/v2/x"),
            ("http://reg.example:5000/v2/x", "https://reg.example:5000/v2/x"),
        ];
        for (location, whole) in cases {
            assert_eq!(base.join(location).unwrap().exposed(), whole, "{location}");
        }
        let cases = [
            ("", "it is empty"),
            ("ftp://x/y", "it is neither `http://` nor `https://`"),
            ("http://other/x", "it leads from TLS to plain HTTP"),
            ("https://user:pw@other/x", "it has user information"),
            ("https:///x", "it has characters that no URL has"),
            ("/a b", "it has characters that no URL has"),
        ];
        for (location, reason) in cases {
            assert_eq!(base.join(location).unwrap_err(), reason, "{location}");
        }
    }

    #[test]
    fn values_that_may_be_secrets_do_not_print() {
        let url = "https://h/p?digest=sha256:00&X-Amz-Signature=topsecret&_state=s&bare";
        let shown = "https://h/p?digest=sha256:00&X-Amz-Signature=…&_state=…&…";
        assert_eq!(Url::parse(url).unwrap().to_string(), shown);
        assert_eq!(format!("{:?}", Url::parse(url).unwrap()), shown);
    }

    #[test]
    fn origins_differ_by_scheme_host_and_port() {
        let url = |text| Url::parse(text).unwrap();
        assert!(url("https://h/a").same_origin(&url("https://H:443/b")));
        for other in ["http://h/", "https://h:444/", "https://g/", "https://h.g/"] {
            assert!(!url("https://h/").same_origin(&url(other)), "{other}");
        }
    }

    #[test]
    fn queries_are_encoded() {
        let url = Url::parse("http://h/x?_state=1").unwrap().with_query("a", "b c&d=sha256:0");
        assert_eq!(url.exposed(), "http://h/x?_state=1&a=b%20c%26d%3Dsha256:0");
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String, location in "[a-z:/?#@\\[\\] %é]{0,20}") {
            let base = Url::parse("https://h/v2/").unwrap();
            for text in [text, location] {
                if let Ok(url) = base.join(&text) {
                    let again = Url::parse(&url.exposed()).unwrap();
                    prop_assert_eq!(again, url);
                }
            }
        }
    }
}
