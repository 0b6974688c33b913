//! What a request asks for, by its path and query alone.
//!
//! Nothing of a request reaches the file system but what this file lets
//! through: names of the grammar of repositories, and digests.

use oci::{Digest, Reference};

use crate::problem::Problem;

/// What is asked for (distribution-spec, "Endpoints").
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Whether this is a registry: end-1.
    Base,
    /// The repositories, which the specification leaves to registries.
    Catalog(Page),
    /// The tags of a repository: end-8.
    Tags(Name, Page),
    /// A manifest or an index: end-3.
    Manifest(Name, Wanted),
    /// A blob: end-2.
    Blob(Name, Wanted),
    /// What is about a manifest, of any artifact type or of one: end-12.
    Referrers(Name, Wanted, Option<String>),
}

/// A repository as clients name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// Components of letters, digits and single separators.
    pub(crate) path: String,
    /// The registry that the client means, where it takes this one for a
    /// mirror: containerd says so in the query, as `ns`.
    pub(crate) registry: Option<String>,
}

/// One of a repository's things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// That of a digest.
    Digest(Digest),
    /// That of a tag; any word is one, for what is no tag names nothing.
    Tag(String),
    /// A digest of another algorithm: no layout of this workspace has any.
    Foreign,
}

/// A part of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    /// How many items at most.
    pub(crate) n: Option<usize>,
    /// The item before the first.
    pub(crate) last: Option<String>,
}

impl Route {
    /// Understands a path and a query as they stand in a request.
    pub(crate) fn of(path: &str, query: &str) -> Result<Route, Problem> {
        let path = decode(path).ok_or_else(Problem::no_endpoint)?;
        let query = Query::of(query);
        let rest = match path.strip_prefix("/v2") {
            Some("" | "/") => return Ok(Route::Base),
            Some("/_catalog") => return Ok(Route::Catalog(query.page()?)),
            rest => rest.and_then(|rest| rest.strip_prefix('/')),
        };
        let mut parts = rest.unwrap_or_default().rsplitn(3, '/');
        let (Some(last), Some(verb), Some(name)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(Problem::no_endpoint());
        };
        let name = || Name::of(name, query.get("ns"));
        match (verb, last) {
            ("tags", "list") => Ok(Route::Tags(name()?, query.page()?)),
            ("manifests", word) if word.contains(':') => {
                Ok(Route::Manifest(name()?, Wanted::digest(word)?))
            }
            ("manifests", word) => Ok(Route::Manifest(name()?, Wanted::Tag(word.to_owned()))),
            ("blobs", word) => Ok(Route::Blob(name()?, Wanted::digest(word)?)),
            ("referrers", word) => {
                Ok(Route::Referrers(name()?, Wanted::digest(word)?, query.get("artifactType")))
            }
            _ => Err(Problem::no_endpoint()),
        }
    }
}

impl Name {
    fn of(word: &str, registry: Option<String>) -> Result<Name, Problem> {
        // A registry's name before it, so that none of it is taken for one.
        let parsed = format!("registry.invalid/{word}").parse::<Reference>();
        match parsed {
            // What follows a colon or an at sign is no part of a name.
            Ok(reference) if reference.repository() == word => {
                Ok(Name { path: word.to_owned(), registry })
            }
            _ => Err(Problem::invalid_name(word)),
        }
    }
}

impl Wanted {
    /// Understands a digest (image-spec, descriptor.md, "Digests").
    fn digest(word: &str) -> Result<Wanted, Problem> {
        if let Ok(digest) = word.parse() {
            return Ok(Wanted::Digest(digest));
        }
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let is_algorithm = |word: &str| {
            word.split(['+', '.', '_', '-'])
                .all(|part| !part.is_empty() && part.chars().all(is_plain))
        };
        let is_encoded = |word: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || "=_-".contains(c);
            !word.is_empty() && word.chars().all(plain)
        };
        match word.split_once(':') {
            Some((algorithm, encoded))
                if algorithm != "sha256" && is_algorithm(algorithm) && is_encoded(encoded) =>
            {
                Ok(Wanted::Foreign)
            }
            _ => Err(Problem::invalid_digest(word)),
        }
    }
}

/// The parameters of a request.
struct Query(Vec<(String, String)>);

impl Query {
    /// A parameter that cannot be decoded is none. A plus sign stays one:
    /// media types have them, and nothing here has blanks.
    fn of(query: &str) -> Query {
        let pairs = query.split('&').filter_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(key)?, decode(value)?))
        });
        Query(pairs.collect())
    }

    /// Returns the first value of a parameter; an empty one is none.
    fn get(&self, key: &str) -> Option<String> {
        let (_, value) = self.0.iter().find(|(own, _)| own == key)?;
        (!value.is_empty()).then(|| value.clone())
    }

    fn page(&self) -> Result<Page, Problem> {
        let n = self.get("n").map(|word| word.parse().map_err(|_| Problem::invalid_page(&word)));
        Ok(Page { n: n.transpose()?, last: self.get("last") })
    }
}

/// Decodes percent signs (RFC 3986, 2.1), once. `None` where they are not
/// followed by two hex digits, or what comes of it is no text.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn name(path: &str) -> Name {
        Name { path: path.to_owned(), registry: None }
    }

    fn tag(word: &str) -> Wanted {
        Wanted::Tag(word.to_owned())
    }

    #[test]
    fn paths_are_understood() {
        let digest = Wanted::Digest(Digest::of(b""));
        let page = |n, last: Option<&str>| Page { n, last: last.map(str::to_owned) };
        let cases = [
            ("/v2", "", Route::Base),
            ("/v2/", "x=y", Route::Base),
            ("/v2/_catalog", "n=0", Route::Catalog(page(Some(0), None))),
            ("/v2/a/tags/list", "", Route::Tags(name("a"), Page::default())),
            (
                "/v2/a/b__c/tags/list",
                "last=v%2E1&n=20&n=3",
                Route::Tags(name("a/b__c"), page(Some(20), Some("v.1"))),
            ),
            ("/v2/a/manifests/v1", "", Route::Manifest(name("a"), tag("v1"))),
            // The last verb counts: repositories may be named like one.
            ("/v2/a/blobs/manifests/v1", "", Route::Manifest(name("a/blobs"), tag("v1"))),
            ("/v2/tags/list/tags/list", "", Route::Tags(name("tags/list"), Page::default())),
            ("/v2/a/manifests/.odd", "", Route::Manifest(name("a"), tag(".odd"))),
            (
                "/v2/a/manifests/sha512%3Aabc",
                "ns=quay.io",
                Route::Manifest(
                    Name { registry: Some("quay.io".into()), ..name("a") },
                    Wanted::Foreign,
                ),
            ),
        ];
        for (path, query, expected) in cases {
            assert_eq!(Route::of(path, query), Ok(expected), "{path}?{query}");
        }
        let referrers = format!("/v2/quay.io/a/referrers/sha256:{HEX}");
        let wanted = |artifact_type: Option<&str>| {
            let artifact_type = artifact_type.map(str::to_owned);
            Ok(Route::Referrers(name("quay.io/a"), digest.clone(), artifact_type))
        };
        assert_eq!(Route::of(&referrers, "artifactType="), wanted(None));
        assert_eq!(Route::of(&referrers, "artifactType=a/b%2Bc"), wanted(Some("a/b+c")));
        assert_eq!(Route::of(&referrers, "artifactType=a/b+c"), wanted(Some("a/b+c")));
    }

    #[test]
    fn other_paths_are_problems() {
        let no_endpoint = [
            "",
            "/",
            "/v1/",
            "/v2x",
            "/v2/a",
            "/v2/a/tags",
            "/v2/a/tags/lists",
            "/v2/_catalog/",
            "/v2//v2/a",
            "/v2/a/manifests/v1/",
            "/v2/a/%",
            "/v2/a/manifests/%zz",
            "/v2/a/manifests/%ff",
            "/v2/a/blobs/uploads/",
            "v2/",
        ];
        for path in no_endpoint {
            assert_eq!(Route::of(path, ""), Err(Problem::no_endpoint()), "{path}");
        }
        let long = "a".repeat(256);
        let names = [
            "", "..", "../a", "a/../b", "a/..", "A", "a b", "a:b", "a@b", "/etc", "a//b", "a/",
            ".a", "a\0", "a\\b", "é", &long,
        ];
        for word in names {
            let encoded: String = word.bytes().map(|byte| format!("%{byte:02x}")).collect();
            let path = format!("/v2/{encoded}/manifests/v1");
            assert_eq!(Route::of(&path, ""), Err(Problem::invalid_name(word)), "{path}");
        }
        let short = HEX[1..].to_owned();
        let digests = [
            "v1",
            "sha256:",
            &format!("sha256:{short}"),
            &format!("sha256:{}", HEX.to_uppercase()),
            ":abc",
            "sha512:",
            "SHA512:abc",
            "sha512:a b",
            "a..b:c",
            HEX,
        ];
        for word in digests {
            let path = format!("/v2/a/blobs/{}", word.replace(' ', "%20"));
            assert_eq!(Route::of(&path, ""), Err(Problem::invalid_digest(word)), "{path}");
        }
        for word in ["-1", "x", "1.5", "99999999999999999999999"] {
            let query = format!("n={word}");
            assert_eq!(Route::of("/v2/a/tags/list", &query), Err(Problem::invalid_page(word)));
        }
    }

    proptest! {
        #[test]
        fn names_that_are_let_through_stay_below(path in r"/v2/[a-z./%2eEfF\\:@_-]{0,40}/(manifests|blobs|tags)/[a-z./%:0-9]{0,9}", query: String) {
            if let Ok(Route::Manifest(name, _) | Route::Blob(name, _) | Route::Tags(name, _)) =
                Route::of(&path, &query)
            {
                let is_plain = |part: &str| {
                    part.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
                };
                prop_assert!(name.path.split('/').all(is_plain), "{:?}", name);
            }
        }

        #[test]
        fn no_request_panics(path: String, query: String) {
            let _ = Route::of(&path, &query);
            let _ = Route::of(&format!("/v2/{path}"), &query);
        }
    }
}
