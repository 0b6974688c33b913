//! Gzip members whose bytes depend on their content alone.
//!
//! The container is RFC 1952, without name and time. Short content is one
//! stored block of RFC 1951, made here: its bytes depend on no compressor and
//! no version of one. Longer content is deflated at a fixed level.

use std::io::Write;

use flate2::{Compression, Crc, GzBuilder};

use crate::Error;

/// The most that one stored block holds.
const STORED_MAX: usize = u16::MAX as usize;

/// The level for content that is not stored.
const LEVEL: u32 = 6;

/// "Unknown", as opposed to the system this runs on.
const OS_UNKNOWN: u8 = 255;

/// Returns `content` as one gzip member.
pub(crate) fn compress(content: &[u8]) -> Result<Vec<u8>, Error> {
    match u16::try_from(content.len()) {
        Ok(length) => Ok(store(content, length)),
        Err(_) => deflate(content).map_err(|error| Error::Assembly(error.to_string())),
    }
}

fn store(content: &[u8], length: u16) -> Vec<u8> {
    debug_assert!(content.len() <= STORED_MAX);
    let mut crc = Crc::new();
    crc.update(content);
    let mut member = Vec::with_capacity(content.len() + 23);
    // Magic, deflate, no flags, no time, no extra flags, operating system.
    member.extend_from_slice(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, OS_UNKNOWN]);
    // The last block, stored; its length and the complement of that.
    member.push(1);
    member.extend_from_slice(&length.to_le_bytes());
    member.extend_from_slice(&(!length).to_le_bytes());
    member.extend_from_slice(content);
    member.extend_from_slice(&crc.sum().to_le_bytes());
    member.extend_from_slice(&u32::from(length).to_le_bytes());
    member
}

fn deflate(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let builder = GzBuilder::new().mtime(0).operating_system(OS_UNKNOWN);
    let mut encoder = builder.write(Vec::new(), Compression::new(LEVEL));
    encoder.write_all(content)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Digest;
    use std::io::Read;

    fn sample(length: usize) -> Vec<u8> {
        (0..length).map(|i| (i * i % 251) as u8).collect()
    }

    fn decompress(member: &[u8]) -> Vec<u8> {
        let mut content = Vec::new();
        flate2::read::MultiGzDecoder::new(member).read_to_end(&mut content).unwrap();
        content
    }

    #[test]
    fn every_length_round_trips() {
        for length in [0, 1, 512, STORED_MAX - 1, STORED_MAX, STORED_MAX + 1, 300_000] {
            let content = sample(length);
            assert_eq!(decompress(&compress(&content).unwrap()), content, "{length}");
        }
    }

    #[test]
    fn the_limit_is_where_storing_ends() {
        assert_eq!(compress(&sample(STORED_MAX)).unwrap().len(), STORED_MAX + 23);
        assert!(compress(&sample(STORED_MAX + 1)).unwrap().len() < STORED_MAX);
    }

    /// If the second line changes, a dependency changed the compressor, or
    /// its features: published digests would change with it.
    #[test]
    fn the_bytes_are_these() {
        let golden = [
            (1000, "sha256:de07613cc3a57300a5fb498da6990644524a0f305bfce5c555e5890d55a1e44c"),
            (100_000, "sha256:1d518974051cb5dfdfdba67e4909c1528ff57a4119a33452fb18d5b3fd403c76"),
        ];
        for (length, digest) in golden {
            assert_eq!(Digest::of(&compress(&sample(length)).unwrap()).to_string(), digest);
        }
    }
}
