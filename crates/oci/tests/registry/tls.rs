//! TLS: private authorities, `certs.d`, client certificates.

use std::collections::BTreeSet;

use oci::Named;
use oci::registry::{Client, Settings};
use test_support::Registry;

use crate::certificates::{Authority, start};
use crate::support::*;

fn one(registry: &Registry) -> [Named; 1] {
    [named(&[registry.name("org/image:v1")], &index("one"))]
}

fn with_tls(registry: &Registry) -> Settings {
    Settings { tls: BTreeSet::from([registry.address.clone()]), ..settings() }
}

/// A directory of `certs.d` for a registry, and how files get into it.
struct Directory<'a> {
    authority: &'a Authority,
    certs_dir: std::path::PathBuf,
    own: std::path::PathBuf,
}

impl<'a> Directory<'a> {
    fn new(authority: &'a Authority, place: &str, registry: &Registry) -> Directory<'a> {
        let certs_dir = authority.path(place);
        let own = certs_dir.join(&registry.address);
        host::fs::create_dir_all(&own).unwrap();
        Directory { authority, certs_dir, own }
    }

    fn put(&self, from: &str, name: &str) {
        let bytes = host::fs::read(&self.authority.path(from)).unwrap();
        host::fs::write_atomic(&self.own.join(name), &bytes).unwrap();
    }
}

fn client_of(directories: &[&Directory<'_>]) -> Client {
    let certs_dirs = directories.iter().map(|directory| directory.certs_dir.clone()).collect();
    Client::new(Settings { certs_dirs, ..settings() })
}

#[test]
fn a_private_authority_is_believed_when_it_is_given() {
    let Some(authority) = Authority::new() else { return };
    authority.sign_both();
    let Some(registry) = start(&authority, "server", false, |_| String::new()) else { return };
    let error = push_fails(&Client::new(with_tls(&registry)), &one(&registry)).to_string();
    assert!(error.ends_with("its certificate is from an authority that is not trusted"), "{error}");

    let ca_files = vec![authority.path("ca.pem")];
    let client = Client::new(Settings { ca_files, ..with_tls(&registry) });
    push(&client, &one(&registry));
    assert_arrived(&client, &registry.name("org/image:v1"), &index("one"));

    let ca_files = vec![authority.path("server.key")];
    let client = Client::new(Settings { ca_files, ..with_tls(&registry) });
    let error = push_fails(&client, &one(&registry)).to_string();
    assert!(error.ends_with("cannot be used for TLS: it has no certificate in PEM form"));
}

#[test]
fn a_certificate_signed_with_its_own_key_is_believed_when_it_is_given() {
    let Some(authority) = Authority::new() else { return };
    authority.self_sign("alone", "CA:FALSE");
    let Some(registry) = start(&authority, "alone", false, |_| String::new()) else { return };
    push_fails(&Client::new(with_tls(&registry)), &one(&registry));
    let ca_files = vec![authority.path("alone.pem")];
    push(&Client::new(Settings { ca_files, ..with_tls(&registry) }), &one(&registry));
}

#[test]
fn directories_named_like_the_registry_are_used() {
    let Some(authority) = Authority::new() else { return };
    authority.sign_both();
    let Some(registry) = start(&authority, "server", true, |_| String::new()) else { return };
    let directory = Directory::new(&authority, "certs.d", &registry);
    let fails = || push_fails(&client_of(&[&directory]), &one(&registry)).to_string();
    let file = |name: &str| directory.own.join(name).display().to_string();
    directory.put("ca.pem", "ca.crt");
    let error = fails();
    let expected = "failed: it does not accept the client certificate, or wants one";
    assert!(error.ends_with(expected), "{error}");
    directory.put("client.pem", "client.cert");
    assert_eq!(fails(), format!("failed to read `{}`", file("client.key")));
    directory.put("client.key", "other.key");
    directory.put("client.key", "client.key");
    assert_eq!(
        fails(),
        format!(
            "`{}` cannot be used for TLS: its certificate `{}` is missing",
            file("other.key"),
            file("other.cert")
        )
    );
    host::fs::remove_file(&directory.own.join("other.key")).unwrap();
    push(&client_of(&[&directory]), &one(&registry));

    // The first of several directories is asked for the certificate to show;
    // all say whom to believe.
    let first = Directory::new(&authority, "first", &registry);
    authority.self_sign("stranger", "CA:FALSE");
    first.put("client.pem", "client.cert");
    first.put("client.key", "client.key");
    directory.put("stranger.pem", "client.cert");
    directory.put("stranger.key", "client.key");
    push(&client_of(&[&first, &directory]), &one(&registry));
    push_fails(&client_of(&[&directory, &first]), &one(&registry));
}

#[test]
fn a_private_authority_and_a_password_go_together() {
    let Some(authority) = Authority::new() else { return };
    let Some(htpasswd) = test_support::tool("htpasswd") else { return };
    authority.sign_both();
    let file = host::Cmd::new(htpasswd).args(["-Bbn", "robot", "hunter2"]).run().unwrap().stdout;
    host::fs::write_atomic(&authority.path("htpasswd"), &file).unwrap();
    let auth = |_: &std::path::Path| {
        let path = authority.path("htpasswd");
        format!("auth: {{htpasswd: {{realm: here, path: '{}'}}}}\n", path.display())
    };
    let Some(registry) = start(&authority, "server", false, auth) else { return };
    let client = |secret: &str| {
        let credentials = password(&registry.address, "robot", secret);
        let ca_files = vec![authority.path("ca.pem")];
        Client::new(Settings { credentials, ca_files, ..with_tls(&registry) })
    };
    push(&client("hunter2"), &one(&registry));
    assert_arrived(&client("hunter2"), &registry.name("org/image:v1"), &index("one"));
    let error = push_fails(&client("wr0ng"), &one(&registry)).to_string();
    let url = format!("https://{}/v2/org/image/manifests/v1", registry.address);
    assert_eq!(error, format!("`HEAD {url}` was answered with 401"));
}

/// As with docker and podman, a token server, which is mostly of the same
/// house, needs no directory of its own.
#[test]
fn a_token_server_may_be_of_the_registrys_authority() {
    let Some(authority) = Authority::new() else { return };
    authority.sign_both();
    // Not a token server, but whether it is reached can be seen.
    let Some(tokens) = start(&authority, "server", false, |_| String::new()) else { return };
    let auth = |_: &std::path::Path| {
        format!(
            "auth: {{token: {{realm: 'https://{}/token', service: s, issuer: i, \
             rootcertbundle: '{}'}}}}\n",
            tokens.address,
            authority.path("ca.pem").display()
        )
    };
    let Some(registry) = start(&authority, "server", false, auth) else { return };
    let directory = Directory::new(&authority, "certs.d", &registry);
    directory.put("ca.pem", "ca.crt");
    let error = push_fails(&client_of(&[&directory]), &one(&registry));
    assert_eq!(error.status(), Some(404), "{error}");
}
