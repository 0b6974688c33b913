//! An authority, certificates by it, and registries that show them.

use std::path::{Path, PathBuf};
use test_support::Registry;

/// A private authority in a directory of its own: `ca.pem` and `ca.key`.
pub(crate) struct Authority {
    openssl: PathBuf,
    pub(crate) dir: tempfile::TempDir,
}

impl Authority {
    /// Makes one that is a server on this machine as well; `None` where
    /// openssl is missing.
    pub(crate) fn new() -> Option<Authority> {
        let openssl = test_support::tool("openssl")?;
        let authority = Authority { openssl, dir: tempfile::tempdir().unwrap() };
        authority.self_sign("ca", "CA:TRUE");
        Some(authority)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn run(&self, arguments: &str) {
        let arguments = arguments.split(' ');
        host::Cmd::new(&self.openssl).args(arguments).dir(self.dir.path()).run().unwrap();
    }

    /// Makes a certificate that is signed with its own key.
    pub(crate) fn self_sign(&self, name: &str, constraints: &str) {
        self.run(&format!(
            "req -x509 {KEY} -keyout {name}.key -out {name}.pem -days 2 -subj /CN={name} \
             -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,{constraints}"
        ));
    }

    /// Makes a certificate that is good for so many days.
    pub(crate) fn sign(&self, name: &str, days: i32, extension: &str) {
        let file = self.path(&format!("{name}.ext"));
        host::fs::write_atomic(&file, extension.as_bytes()).unwrap();
        self.run(&format!("req {KEY} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        self.run(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out {name}.pem \
             -days {days} -extfile {name}.ext"
        ));
    }

    /// Makes the certificates of a server on this machine and of a client.
    pub(crate) fn sign_both(&self) {
        self.sign("server", 2, "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n");
        self.sign("client", 2, "extendedKeyUsage=clientAuth\n");
    }
}

const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";

/// Starts a registry that shows this certificate. `http` are more of its
/// settings of that kind, `extra` further ones.
pub(crate) fn start(
    authority: &Authority,
    name: &str,
    clientcas: bool,
    extra: impl FnOnce(&Path) -> String,
) -> Option<Registry> {
    let path = |name: &str| authority.path(name).display().to_string();
    let clientcas =
        if clientcas { format!(", clientcas: ['{}']", path("ca.pem")) } else { String::new() };
    let (certificate, key) = (path(&format!("{name}.pem")), path(&format!("{name}.key")));
    Registry::start_as(
        &format!(", tls: {{certificate: '{certificate}', key: '{key}'{clientcas}}}"),
        extra,
    )
}
