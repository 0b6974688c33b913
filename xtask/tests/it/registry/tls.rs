//! Registries with a private authority, and those without TLS.

use std::path::PathBuf;

use oci::registry::{Client, Settings};
use test_support::Registry;

use super::*;

/// A certificate that vouches for itself.
const REQUEST: &str = "[req]
distinguished_name = name
prompt = no
x509_extensions = v3
[name]
CN = NAME
[v3]
basicConstraints = critical, CA:FALSE
subjectAltName = IP:127.0.0.1
";

/// Makes `NAME.pem` and `NAME.key`.
pub fn certificate(dir: &Path, name: &str) -> Option<PathBuf> {
    let openssl = test_support::tool("openssl")?;
    let path = |extension: &str| dir.join(format!("{name}.{extension}"));
    write(&path("cnf"), &REQUEST.replace("NAME", name));
    let mut command = Command::new(openssl);
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]);
    command.args(["-nodes", "-days", "2", "-config"]).arg(path("cnf"));
    command.arg("-keyout").arg(path("key")).arg("-out").arg(path("pem"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(path("pem"))
}

#[test]
fn a_private_authority() {
    let dir = tempfile::tempdir().unwrap();
    let Some(own) = certificate(dir.path(), "own") else { return };
    let other = certificate(dir.path(), "other").unwrap();
    let (pem, key) = (own.display(), own.with_extension("key"));
    let tls = format!(", tls: {{certificate: '{pem}', key: '{}'}}", key.display());
    let Some(registry) = Registry::start_as(&tls, |_| String::new()) else { return };
    let checkout = checkout(&["one", "two"]);
    let push_with = |args: &[&str]| push(&checkout, &registry.address, &[&["-q"], args].concat());
    let said = |run: &Run| steady(&run.stderr, &checkout, &registry.address);

    let run = push_with(&["--registry-ca", own.to_str().unwrap()]);
    assert_eq!((run.code, run.stdout.lines().count()), (0, 2), "{}", run.stderr);
    let client = Client::new(Settings { ca_files: vec![own], ..Settings::default() });
    for line in run.stdout.lines() {
        let (name, digest) = line.split_once('@').unwrap();
        let found = client.resolve(&reference(name)).unwrap().unwrap();
        assert_eq!(found.digest.to_string(), digest);
    }

    // The wrong authority, and none: one failure each, with what to do.
    let run = push_with(&["--registry-ca", other.to_str().unwrap()]);
    assert_eq!((run.code, run.stderr.matches("error:").count()), (1, 1), "{}", run.stderr);
    let (error, hint) = (said(&run), "hint: `--registry-ca FILE` gives a certificate\n");
    assert!(error.contains("`HEAD https://REGISTRY/v2/"), "{error}");
    assert!(error.contains("certificate") && error.contains(hint), "{error}");
    let run = push_with(&[]);
    let hint = "\n\nhint: it was spoken to without TLS";
    assert_eq!((run.code, said(&run).contains(hint)), (1, true), "{}", run.stderr);

    // What is no certificate.
    let file = checkout.path().join("images.yaml");
    let run = push_with(&["--registry-ca", file.to_str().unwrap()]);
    let expected = "\
error: failed to push 2 images
  Caused by: `CHECKOUT/images.yaml` cannot be used for TLS: it has no certificate in PEM form
    REGISTRY/o/one:latest
    REGISTRY/o/two:latest
";
    assert_eq!((run.code, said(&run).as_str()), (1, expected));
}

#[test]
fn without_tls_where_it_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let Some(authority) = certificate(dir.path(), "own") else { return };
    let Some(registry) = Registry::anonymous() else { return };
    let checkout = checkout(&["one"]);
    // With an authority, registries of this machine are spoken to with TLS.
    let args = ["-q", "--registry-ca", authority.to_str().unwrap()];
    let run = push(&checkout, &registry.address, &args);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("`HEAD https://"), "{}", run.stderr);
    let hint = "hint: `--plain-http HOST` names a registry without TLS\n";
    assert!(run.stderr.contains(hint), "{}", run.stderr);
    let args = [&args[..], &["--plain-http", &registry.address]].concat();
    let run = push(&checkout, &registry.address, &args);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
}
