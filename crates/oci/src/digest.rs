//! Digests: the SHA-256 names of blobs.
//!
//! The grammar is that of the OCI image specification (descriptor.md,
//! "Digests"), of which only the algorithm `sha256` is accepted: it is the
//! one every registry and reader must support.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;

use crate::ParseError;

/// The SHA-256 digest of a blob, written `sha256:<64 hex digits>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Returns the digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(sha2::Sha256::digest(bytes).into())
    }

    /// Returns the 64 lowercase hex digits, a blob's file name in a layout.
    pub fn hex(&self) -> String {
        self.to_string().split_off(PREFIX.len())
    }

    /// Parses the 64 hex digits alone.
    pub(crate) fn from_hex(hex: &str) -> Option<Digest> {
        let nibble = |c: u8| match c {
            b'0'..=b'9' => Some(c - b'0'),
            b'a'..=b'f' => Some(c - b'a' + 10),
            _ => None,
        };
        let hex = hex.as_bytes();
        if hex.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
            *byte = (nibble(pair[0])? << 4) | nibble(pair[1])?;
        }
        Some(Digest(bytes))
    }
}

const PREFIX: &str = "sha256:";

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = ParseError;

    /// Accepts `sha256:` and 64 lowercase hex digits, nothing else.
    fn from_str(word: &str) -> Result<Digest, ParseError> {
        let error = |reason| ParseError { what: "digest", input: word.to_owned(), reason };
        let hex =
            word.strip_prefix(PREFIX).ok_or_else(|| error("it does not start with `sha256:`"))?;
        Digest::from_hex(hex).ok_or_else(|| error("it needs 64 lowercase hex digits"))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        let word = String::deserialize(deserializer)?;
        word.parse().map_err(serde::de::Error::custom)
    }
}

/// Hashes a stream piece by piece.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hasher {
    state: sha2::Sha256,
    size: u64,
}

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
        self.size += bytes.len() as u64;
    }

    /// Returns the number of bytes so far.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Returns the digest and the number of bytes.
    pub(crate) fn finish(self) -> (Digest, u64) {
        (Digest(self.state.finalize().into()), self.size)
    }
}

/// Hashes and counts what is written through it.
#[derive(Debug)]
pub struct HashingWriter<W> {
    inner: W,
    hasher: Hasher,
}

impl<W: Write> HashingWriter<W> {
    /// Starts to hash what goes to `inner`.
    pub fn new(inner: W) -> HashingWriter<W> {
        HashingWriter { inner, hasher: Hasher::default() }
    }

    /// Returns the inner writer, the digest and the number of bytes written.
    pub fn finish(self) -> (W, Digest, u64) {
        let (digest, size) = self.hasher.finish();
        (self.inner, digest, size)
    }
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn the_digest_of_nothing_is_the_known_one() {
        assert_eq!(Digest::of(b"").to_string(), EMPTY);
        assert_eq!(Digest::of(b"").hex(), EMPTY["sha256:".len()..]);
    }

    #[test]
    fn a_hashing_writer_agrees_with_the_whole() {
        let mut writer = HashingWriter::new(Vec::new());
        writer.write_all(b"one ").unwrap();
        writer.write_all(b"two").unwrap();
        let (bytes, digest, size) = writer.finish();
        assert_eq!((digest, size), (Digest::of(&bytes), 7));
    }

    #[test]
    fn other_words_are_refused_and_named() {
        let upper = EMPTY.to_uppercase().replace("SHA256", "sha256");
        let cases = [
            ("", "it does not start with `sha256:`"),
            ("sha512:00", "it does not start with `sha256:`"),
            ("sha256:", "it needs 64 lowercase hex digits"),
            ("sha256:00", "it needs 64 lowercase hex digits"),
            (upper.as_str(), "it needs 64 lowercase hex digits"),
        ];
        for (word, reason) in cases {
            let error = word.parse::<Digest>().unwrap_err();
            assert_eq!(error.to_string(), format!("invalid digest `{word}`: {reason}"));
        }
    }

    proptest! {
        #[test]
        fn every_digest_round_trips(bytes: Vec<u8>) {
            let digest = Digest::of(&bytes);
            prop_assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
            let json = serde_json::to_string(&digest).unwrap();
            prop_assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
        }

        #[test]
        fn no_word_panics(word: String) {
            let _ = word.parse::<Digest>();
            let _ = format!("sha256:{word}").parse::<Digest>();
        }
    }
}
