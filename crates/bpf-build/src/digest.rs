//! SHA-256 of what the cache is keyed by, as lower-case hexadecimal text.

use sha2::{Digest as _, Sha256};

/// Returns the digest of `bytes`.
pub(crate) fn of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// A digest over a sequence of parts, whose borders count.
#[derive(Default)]
pub(crate) struct Sequence(Sha256);

impl Sequence {
    pub(crate) fn add(&mut self, part: impl AsRef<[u8]>) -> &mut Sequence {
        let part = part.as_ref();
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
        self
    }

    pub(crate) fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_fips_180() {
        assert_eq!(of(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn the_borders_of_parts_count() {
        let digest = |parts: &[&str]| {
            let mut sequence = Sequence::default();
            parts.iter().for_each(|part| {
                sequence.add(part);
            });
            sequence.finish()
        };
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_eq!(digest(&["ab", "c"]), digest(&["ab", "c"]));
    }
}
