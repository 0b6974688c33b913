//! A real registry that wants tokens, and the server that it sends for them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oci::Named;
use oci::registry::{Client, Credential, Credentials, Secret};
use test_support::Registry;

use crate::proxy::{Proxy, Setup};
use crate::scripted::{Request, Server, answer};
use crate::support::*;

const SERVICE: &str = "the registry";
const ISSUER: &str = "the issuer";
/// `robot:hunter2`
const PASSWORD: &str = "Basic cm9ib3Q6aHVudGVyMg==";
const REFRESH_TOKEN: &str = "a+refresh/token";

/// How long past its end the registry takes a token, in seconds.
const LEEWAY: u64 = 60;

/// Signs tokens (distribution's "Token Authentication Implementation").
struct Issuer {
    key: std::path::PathBuf,
    openssl: std::path::PathBuf,
    /// The certificate in base64, without its frame.
    certificate: String,
}

impl Issuer {
    fn new(openssl: &Path, dir: &Path) -> Issuer {
        let (key, certificate) = (dir.join("token.key"), dir.join("token.pem"));
        host::Cmd::new(openssl)
            .args("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=issuer".split(' '))
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .run()
            .unwrap();
        let text = host::fs::read_to_string(&certificate).unwrap();
        let certificate = text.lines().filter(|line| !line.starts_with("---")).collect();
        Issuer { key, openssl: openssl.to_owned(), certificate }
    }

    /// Returns a token for these rights: the registry takes it for so many
    /// seconds.
    fn token(&self, access: &[serde_json::Value], seconds: u64) -> String {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let header = serde_json::json!({
            "typ": "JWT", "alg": "RS256", "x5c": [self.certificate],
        });
        let claims = serde_json::json!({
            "iss": ISSUER, "aud": SERVICE, "sub": "", "jti": "1",
            "iat": now, "nbf": now - 2 * LEEWAY, "exp": now + seconds - LEEWAY, "access": access,
        });
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let output = host::Cmd::new(&self.openssl)
            .args(["dgst", "-sha256", "-sign"])
            .arg(&self.key)
            .input(signed.as_bytes())
            .run()
            .unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(output.stdout))
    }
}

/// Returns the values of one parameter of a query or a form.
fn values<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).collect()
}

/// The rights that who asks has of those that are asked for: everyone reads
/// below `public`, the robot does all. `None` for one who is not known.
fn access(request: &Request) -> Option<Vec<serde_json::Value>> {
    let form = String::from_utf8(request.body.clone()).unwrap();
    let query = request.target.split_once('?').map_or("", |(_, query)| query);
    let (scopes, is_robot) = match (request.method.as_str(), request.header("authorization")) {
        ("POST", None) => {
            // `a+refresh/token`
            let is_good = values(&form, "refresh_token") == ["a%2Brefresh/token"];
            is_good.then_some(())?;
            (values(&form, "scope")[0].split("%20").collect(), true)
        }
        ("GET", None) => (values(query, "scope"), false),
        ("GET", Some(PASSWORD)) => (values(query, "scope"), true),
        _ => return None,
    };
    let granted = scopes.iter().filter_map(|scope| {
        let [kind, name, actions] = scope.split(':').collect::<Vec<_>>()[..] else { return None };
        let is_granted =
            |action: &&str| is_robot || name.starts_with("public/") && *action == "pull";
        let actions: Vec<&str> = actions.split(',').filter(is_granted).collect();
        Some(serde_json::json!({"type": kind, "name": name, "actions": actions}))
    });
    Some(granted.collect())
}

/// A registry, its token server, and a proxy to it.
struct Guarded {
    _registry: Registry,
    tokens: Server,
    proxy: Proxy,
    _dir: tempfile::TempDir,
}

impl Guarded {
    /// Starts them. `seconds` says how long the first token for each right
    /// is taken; later ones are for long. `at` is called for each request
    /// to the registry.
    fn start(seconds: u64, at: impl Fn(&str) + Send + Sync + 'static) -> Option<Guarded> {
        let openssl = test_support::tool("openssl")?;
        let dir = tempfile::tempdir().unwrap();
        let issuer = Issuer::new(&openssl, dir.path());
        let n_before = Mutex::new(HashMap::new());
        let tokens = Server::start(move |_, request| {
            let Some(access) = access(request) else {
                return answer(401).body(r#"{"details":"incorrect username or password"}"#);
            };
            let mut n_before = n_before.lock().unwrap();
            let n_before = n_before.entry(serde_json::json!(access).to_string()).or_insert(0);
            *n_before += 1;
            let token = issuer.token(&access, if *n_before == 1 { seconds } else { 3600 });
            // It promises more than the token holds.
            answer(200).body(format!(r#"{{"access_token":"{token}","expires_in":3600}}"#))
        });
        let registry = Registry::start(|_| {
            format!(
                "auth: {{token: {{realm: 'http://{}/token', service: {SERVICE}, \
                 issuer: {ISSUER}, rootcertbundle: '{}'}}}}\n",
                tokens.address,
                dir.path().join("token.pem").display()
            )
        })?;
        let fate = move |_, request: &crate::wire::Head| {
            at(&request.first);
            None
        };
        let setup = Setup::before(&registry.address);
        let proxy = Proxy::start(Setup { fate: Box::new(fate), ..setup });
        Some(Guarded { _registry: registry, tokens, proxy, _dir: dir })
    }

    fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.proxy.address)
    }

    fn one(&self, rest: &str) -> [Named; 1] {
        [named(&[self.name(rest)], &index("text"))]
    }

    fn robot(&self) -> Client {
        client_with(password(&self.proxy.address, "robot", "hunter2"))
    }
}

#[test]
fn everyone_reads_and_the_account_writes() {
    let Some(guarded) = Guarded::start(3600, |_| {}) else { return };
    let artifact = index("text");
    let batch =
        ["public/one:v1", "public/two:v1"].map(|rest| named(&[guarded.name(rest)], &artifact));
    push(&guarded.robot(), &batch);
    let mut scopes: Vec<String> = guarded
        .tokens
        .lines()
        .iter()
        .map(|line| line.trim_start_matches("GET /token?service=the%20registry&").to_owned())
        .collect();
    scopes.sort();
    let expected = [
        "scope=repository:public/one:pull",
        "scope=repository:public/one:pull&scope=repository:public/two:pull,push",
        "scope=repository:public/one:pull,push",
        "scope=repository:public/two:pull",
    ];
    assert_eq!(scopes, expected);
    // The second gets its blobs from the first, which the token allows.
    let uploads: Vec<_> = guarded
        .proxy
        .seen()
        .iter()
        .filter(|seen| seen.uploads().is_some() && seen.status == Some(201))
        .map(|seen| seen.head.path().split("/blobs/").next().unwrap().to_owned())
        .collect();
    assert_eq!(uploads, ["/v2/public/one"; 5]);

    for rest in ["public/one:v1", "public/two:v1"] {
        assert_arrived(&client(), &guarded.name(rest), &artifact);
    }
    let error = push_fails(&client(), &guarded.one("public/one:v2"));
    assert_eq!(error.status(), Some(401));
    push(&guarded.robot(), &guarded.one("private/one:v1"));
    let error = pull(&client(), &guarded.name("private/one:v1")).unwrap_err();
    assert_eq!(error.status(), Some(401));
    assert_arrived(&guarded.robot(), &guarded.name("private/one:v1"), &artifact);
}

#[test]
fn an_identity_token_is_as_good_as_a_password() {
    let Some(guarded) = Guarded::start(3600, |_| {}) else { return };
    let identity = |token: &str| {
        let token = Credential::IdentityToken(Secret::new(token));
        client_with(Credentials::none().with(&guarded.proxy.address, token, "the test"))
    };
    let artifact = index("text");
    push(&identity(REFRESH_TOKEN), &guarded.one("private/one:v1"));
    let name = guarded.name("private/one:v1");
    assert_arrived(&identity(REFRESH_TOKEN), &name, &artifact);
    assert!(guarded.tokens.lines().iter().all(|line| line == "POST /token"));

    let error = pull(&identity("another"), &name).unwrap_err();
    let realm = format!("http://{}/token", guarded.tokens.address);
    let expected = format!("`POST {realm}` was answered with 401 (incorrect username or password)");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_token_that_ends_in_the_middle_of_a_push_is_replaced() {
    // The first token of each right ends while the first manifest waits.
    let waited = Arc::new(Mutex::new(false));
    let Some(guarded) = Guarded::start(2, move |line| {
        let mut waited = waited.lock().unwrap();
        if line.starts_with("PUT") && line.contains("/manifests/") && !*waited {
            *waited = true;
            std::thread::sleep(Duration::from_millis(3500));
        }
    }) else {
        return;
    };
    push(&guarded.robot(), &guarded.one("private/one:v1"));
    let is_refused = |seen: &&crate::proxy::Seen| seen.status == Some(401);
    assert!(guarded.proxy.seen().iter().filter(is_refused).count() >= 2);
    let for_pushing: Vec<_> =
        guarded.tokens.lines().into_iter().filter(|line| line.ends_with(":pull,push")).collect();
    assert_eq!(for_pushing.len(), 2, "{for_pushing:#?}");
    assert_arrived(&guarded.robot(), &guarded.name("private/one:v1"), &index("text"));
}

#[test]
fn a_wrong_password_is_shown_once() {
    let Some(guarded) = Guarded::start(3600, |_| {}) else { return };
    let client = client_with(password(&guarded.proxy.address, "robot", "wr0ng"));
    let batch: Vec<Named> =
        (0..8).flat_map(|number| guarded.one(&format!("private/image-{number}:v1"))).collect();
    let results = client.push(&batch, &|_| {});
    for result in results {
        let error = result.unwrap_err();
        assert!(error.to_string().ends_with("401 (incorrect username or password)"), "{error}");
    }
    // An account may be locked after a few.
    assert_eq!(guarded.tokens.lines().len(), 1, "{:#?}", guarded.tokens.lines());
}
