//! TLS: with a certificate of a private authority, and with files that are
//! none.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use oci::registry::{Client, Settings};
use registry_server::{Certificate, Limits, Server};

use crate::support::{Running, run, sample};

/// Makes an authority and a certificate of 127.0.0.1 in a directory.
pub(crate) fn certificates(openssl: &Path, dir: &Path) -> Certificate {
    let openssl_run = |arguments: &str| {
        let arguments = arguments.split(' ');
        host::Cmd::new(openssl).args(arguments).dir(dir).run().unwrap();
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl_run(&format!(
        "req -x509 {key} -keyout ca.key -out ca.crt -days 2 -subj /CN=test-authority"
    ));
    let extension = b"subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n";
    host::fs::write_atomic(&dir.join("server.ext"), extension).unwrap();
    openssl_run(&format!("req {key} -keyout server.key -out server.csr -subj /CN=server"));
    openssl_run(
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.pem -days 2 -extfile server.ext",
    );
    Certificate { certificate: dir.join("server.pem"), key: dir.join("server.key") }
}

#[test]
fn clients_that_know_the_authority_pull() {
    let Some(openssl) = test_support::tool("openssl") else { return };
    let (dir, tree, artifact) = sample();
    let certificate = certificates(&openssl, dir.path());
    let mut server = Running::with(&tree, Some(certificate), Limits::default());
    let reference = server.name("a/one:v1").parse().unwrap();
    let tls = BTreeSet::from([server.address.to_string()]);
    let stranger = Client::new(Settings {
        tls: tls.clone(),
        retry: oci::registry::RetryPolicy { attempts: 1, ..Default::default() },
        ..Settings::default()
    });
    assert!(stranger.resolve(&reference).unwrap_err().to_string().contains("certificate"));
    let ca_files = vec![dir.path().join("ca.crt")];
    let client = Client::new(Settings { tls, ca_files, ..Settings::default() });
    let pulled = client.pull(&reference, None).unwrap();
    assert_eq!(pulled.digest(), artifact.digest());

    // Who speaks in the clear, or nonsense, is told so or left.
    let mut stream = server.connect();
    write!(stream, "GET /v2/ HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"));
    server.stop();
    let failed = server.events().into_iter().filter(|event| event.contains("TLS handshake"));
    assert_eq!(failed.count(), 2, "{:?}", server.events());
}

#[test]
fn skopeo_pulls_over_tls() {
    let Some(openssl) = test_support::tool("openssl") else { return };
    let Some(skopeo) = test_support::tool("skopeo") else { return };
    let (dir, tree, artifact) = sample();
    let certificate = certificates(&openssl, dir.path());
    let server = Running::with(&tree, Some(certificate), Limits::default());
    let certs = dir.path().join("certs");
    host::fs::create_dir_all(&certs).unwrap();
    std::fs::copy(dir.path().join("ca.crt"), certs.join("ca.crt")).unwrap();
    let certs = certs.display().to_string();
    let source = format!("docker://{}", server.name("a/one:v1"));
    let raw = run(&skopeo, &["inspect", "--raw", "--cert-dir", &certs, &source]);
    assert_eq!(oci::Digest::of(raw.as_bytes()), artifact.digest());
    let copy = format!("oci:{}:v1", dir.path().join("copy").display());
    let options = ["--insecure-policy", "copy", "--all", "--src-cert-dir", &certs];
    run(&skopeo, &[&options[..], &[&source, &copy]].concat());
}

#[test]
fn a_silent_client_does_not_keep_the_server() {
    let Some(openssl) = test_support::tool("openssl") else { return };
    let (dir, tree, _) = sample();
    let certificate = certificates(&openssl, dir.path());
    let mut server = Running::with(&tree, Some(certificate), Limits::default());
    let mut stream = server.connect();
    stream.write_all(b"\x16").unwrap();
    // Well before the end of what a farewell may take.
    let before = std::time::Instant::now();
    server.stop();
    assert!(before.elapsed() < Limits::default().farewell);
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let Some(openssl) = test_support::tool("openssl") else { return };
    let (dir, tree, _) = sample();
    let good = certificates(&openssl, dir.path());
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        host::fs::write_atomic(&path, text.as_bytes()).unwrap();
        path
    };
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let (text, broken) = (file("text", "text"), file("broken", broken));
    let base64 = file("base64", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
    let absent = dir.path().join("absent");
    let (cert, key) = (&good.certificate, &good.key);
    let no_key = "it has no private key in PEM form that is not encrypted";
    let not_its = format!("it is not the key of `{}`", cert.display());
    let unusable = |path: &Path, reason: &str| {
        format!("`{}` cannot be used for TLS: {reason}", path.display())
    };
    let cases: [(&PathBuf, &PathBuf, String); 7] = [
        (&absent, key, format!("failed to read `{}`", absent.display())),
        (cert, &absent, format!("failed to read `{}`", absent.display())),
        (&text, key, unusable(&text, "it has no certificate in PEM form")),
        (key, key, unusable(key, "it has no certificate in PEM form")),
        (cert, cert, unusable(cert, no_key)),
        (cert, &dir.path().join("ca.key"), unusable(&dir.path().join("ca.key"), &not_its)),
        (&base64, key, unusable(&base64, "")),
    ];
    let bind = |certificate: &Path, key: &Path| {
        let tls = Certificate { certificate: certificate.to_owned(), key: key.to_owned() };
        let listen = "127.0.0.1:0".parse().unwrap();
        let limits = Limits::default();
        Server::bind(registry_server::Settings {
            tree: tree.clone(),
            listen,
            tls: Some(tls),
            limits,
        })
    };
    for (certificate, key, message) in cases {
        let error = bind(certificate, key).unwrap_err().to_string();
        assert!(error.starts_with(&message), "{error}\n{message}");
    }
    let error = bind(&broken, key).unwrap_err().to_string();
    assert!(error.starts_with(&unusable(&broken, "")), "{error}");
    assert!(bind(cert, key).is_ok());
}
