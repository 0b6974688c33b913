//! Keys, by the words that cosign has for them; never a key itself.

use std::fmt;
use std::path::PathBuf;

/// Where a key is: a file, a variable of the environment, or a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A file.
    File(PathBuf),
    /// A variable of the environment that holds it (`env://NAME`).
    Variable(String),
    /// What a service or token keeps, by its URI (`awskms://…`, `k8s://…`,
    /// `pkcs11:…`).
    Service(String),
}

impl From<&str> for Key {
    /// Reads a word as cosign does; what has no scheme is a file.
    fn from(word: &str) -> Key {
        match word.split_once("://") {
            Some(("env", name)) => Key::Variable(name.to_owned()),
            Some(_) => Key::Service(word.to_owned()),
            None if word.starts_with("pkcs11:") => Key::Service(word.to_owned()),
            None => Key::File(word.into()),
        }
    }
}

impl fmt::Display for Key {
    /// Writes it as cosign reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::File(path) => write!(f, "{}", path.display()),
            Key::Variable(name) => write!(f, "env://{name}"),
            Key::Service(uri) => f.write_str(uri),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_cosign_does() {
        let cases = [
            ("cosign.key", Key::File("cosign.key".into())),
            ("/a/b:c", Key::File("/a/b:c".into())),
            ("env://COSIGN_PRIVATE_KEY", Key::Variable("COSIGN_PRIVATE_KEY".into())),
            ("awskms:///alias/x", Key::Service("awskms:///alias/x".into())),
            ("pkcs11:token=a", Key::Service("pkcs11:token=a".into())),
        ];
        for (word, key) in cases {
            assert_eq!((Key::from(word), key.to_string().as_str()), (key.clone(), word));
        }
    }
}
