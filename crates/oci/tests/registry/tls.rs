//! TLS: private authorities, `certs.d`, client certificates.

use std::collections::BTreeSet;
use std::path::Path;

use oci::registry::{Client, Settings};

use crate::real::Registry;
use crate::support::*;

/// Makes an authority, a certificate of a server and one of a client.
fn certificates(openssl: &Path, dir: &Path) {
    let run = |arguments: &str| {
        let arguments = arguments.split(' ');
        host::Cmd::new(openssl).args(arguments).dir(dir).run().unwrap();
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    run(&format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=test-authority"));
    for (name, extension) in [
        ("server", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n"),
        ("client", "extendedKeyUsage=clientAuth\n"),
    ] {
        let file = dir.join(format!("{name}.ext"));
        host::fs::write_atomic(&file, extension.as_bytes()).unwrap();
        run(&format!("req {key} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        run(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out {name}.pem -days 2 -extfile {name}.ext"
        ));
    }
}

fn start(dir: &Path, client_authority: bool) -> Option<Registry> {
    let path = |name: &str| dir.join(name).display().to_string();
    let authority = if client_authority {
        format!(", clientcas: ['{}']", path("ca.pem"))
    } else {
        String::new()
    };
    Registry::start_with(&format!(
        ", tls: {{certificate: '{}', key: '{}'{authority}}}",
        path("server.pem"),
        path("server.key")
    ))
}

#[test]
fn a_private_authority_is_believed_when_it_is_given() {
    let Some(openssl) = test_support::tool("openssl") else { return };
    let dir = tempfile::tempdir().unwrap();
    certificates(&openssl, dir.path());
    let Some(registry) = start(dir.path(), false) else { return };
    let artifact = index("one");
    let name = registry.name("org/image:v1");
    let batch = [named(std::slice::from_ref(&name), &artifact)];
    let tls = BTreeSet::from([registry.address.clone()]);

    let with_tls = Settings { tls, ..settings() };
    let error = push_fails(&Client::new(with_tls.clone()), &batch);
    assert!(error.to_string().contains("certificate"), "{error}");
    assert!(error.hint().unwrap().contains("certs.d"));
    assert!(error.to_string().starts_with(&format!("`HEAD https://{}/v2/", registry.address)));

    let ca_files = vec![dir.path().join("ca.pem")];
    let client = Client::new(Settings { ca_files, ..with_tls.clone() });
    push(&client, &batch);
    assert_arrived(&client, &name, &artifact);

    let ca_files = vec![dir.path().join("server.key")];
    let error = push_fails(&Client::new(Settings { ca_files, ..with_tls.clone() }), &batch);
    assert!(
        error.to_string().ends_with("cannot be used for TLS: it has no certificate in PEM form")
    );

    let error = push_fails(&Client::new(settings()), &batch);
    assert_eq!(error.status(), Some(400));
    assert_eq!(error.hint().unwrap(), "it was spoken to without TLS, which it may expect");
}

#[test]
fn directories_named_like_the_registry_are_used() {
    let Some(openssl) = test_support::tool("openssl") else { return };
    let dir = tempfile::tempdir().unwrap();
    certificates(&openssl, dir.path());
    let Some(registry) = start(dir.path(), true) else { return };
    let batch = [named(&[registry.name("org/image:v1")], &index("one"))];
    let certs = dir.path().join("certs.d");
    let own = certs.join(&registry.address);
    host::fs::create_dir_all(&own).unwrap();
    let copy = |from: &str, to: &str| {
        let bytes = host::fs::read(&dir.path().join(from)).unwrap();
        host::fs::write_atomic(&own.join(to), &bytes).unwrap();
    };
    let client = || Client::new(Settings { certs_dirs: vec![certs.clone()], ..settings() });
    copy("ca.pem", "ca.crt");
    // The registry wants to see a certificate.
    push_fails(&client(), &batch);
    copy("client.pem", "client.cert");
    let error = push_fails(&client(), &batch).to_string();
    assert!(error.contains("client.key"), "{error}");
    copy("client.key", "client.key");
    push(&client(), &batch);
}
