//! Gzip members whose bytes depend on their content alone.
//!
//! The container is RFC 1952, without name and time. Short content is one
//! stored block of RFC 1951, made here: its bytes depend on no compressor and
//! no version of one. Longer content is deflated at a fixed level.

use std::io::{self, Write};

use flate2::write::GzEncoder;
use flate2::{Compression, Crc, GzBuilder};

/// The most that one stored block holds.
const STORED_MAX: usize = u16::MAX as usize;

/// The level for content that is not stored.
const LEVEL: u32 = 6;

/// "Unknown", as opposed to the system this runs on.
const OS_UNKNOWN: u8 = 255;

/// How much is handed to the compressor at a time: what it makes of the same
/// content depends on how that is cut.
const PIECE: usize = 256 * 1024;

/// Makes one gzip member of what is written to it. The bytes do not depend on
/// how the content is cut into writes.
#[derive(Debug)]
pub(crate) struct Encoder<W> {
    /// At most a piece, not yet compressed.
    pending: Vec<u8>,
    /// `None` until there is more than a piece.
    deflate: Option<GzEncoder<Vec<u8>>>,
    sink: W,
}

impl<W: Write> Encoder<W> {
    pub(crate) fn new(sink: W) -> Encoder<W> {
        Encoder { pending: Vec::new(), deflate: None, sink }
    }

    /// Writes the end of the member, and returns where it went.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        if self.deflate.is_none() && self.pending.len() <= STORED_MAX {
            self.sink.write_all(&store(&self.pending))?;
            return Ok(self.sink);
        }
        let mut deflate = self.deflate.take().unwrap_or_else(start);
        deflate.write_all(&self.pending)?;
        self.sink.write_all(&deflate.finish()?)?;
        Ok(self.sink)
    }

    fn compress(&mut self) -> io::Result<()> {
        let deflate = self.deflate.get_or_insert_with(start);
        deflate.write_all(&self.pending)?;
        self.pending.clear();
        self.sink.write_all(deflate.get_ref())?;
        deflate.get_mut().clear();
        Ok(())
    }
}

fn start() -> GzEncoder<Vec<u8>> {
    let builder = GzBuilder::new().mtime(0).operating_system(OS_UNKNOWN);
    builder.write(Vec::new(), Compression::new(LEVEL))
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.pending.len() == PIECE {
            self.compress()?;
        }
        let taken = bytes.len().min(PIECE - self.pending.len());
        self.pending.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `content` must be no longer than [`STORED_MAX`].
fn store(content: &[u8]) -> Vec<u8> {
    let length = content.len() as u16;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Digest;
    use proptest::prelude::*;
    use std::io::Read;

    fn compress(content: &[u8]) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::new());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

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
            assert_eq!(decompress(&compress(&content)), content, "{length}");
        }
    }

    #[test]
    fn the_limit_is_where_storing_ends() {
        assert_eq!(compress(&sample(STORED_MAX)).len(), STORED_MAX + 23);
        assert!(compress(&sample(STORED_MAX + 1)).len() < STORED_MAX);
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
            assert_eq!(Digest::of(&compress(&sample(length))).to_string(), digest);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn the_cuts_between_writes_do_not_matter(
            blocks in prop::collection::vec((any::<u8>(), 1usize..80_000), 0..12),
            cuts in prop::collection::vec(1usize..100_000, 1..20),
        ) {
            let content: Vec<u8> = blocks
                .iter()
                .flat_map(|&(seed, length)| (0..length).map(move |i| (i * i % 251) as u8 ^ seed))
                .collect();
            let mut encoder = Encoder::new(Vec::new());
            let mut rest = content.as_slice();
            for cut in cuts.into_iter().cycle() {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                encoder.write_all(piece).unwrap();
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(encoder.finish().unwrap(), compress(&content));
        }
    }
}
