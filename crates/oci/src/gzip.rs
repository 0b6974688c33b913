//! Gzip members whose bytes depend on their content alone.
//!
//! The container is RFC 1952, without name and time. Short content is one
//! stored block of RFC 1951, made here: its bytes depend on no compressor and
//! no version of one. Longer content is deflated at a fixed level, in pieces of
//! a fixed length that know nothing of each other: so that all processors can
//! work on one member, however many there are, and its bytes stay the same.

use std::io::{self, Write};

use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use rayon::prelude::*;

use crate::digest::Hasher;
use crate::{Digest, HashingWriter};

/// The most that one stored block holds.
const STORED_MAX: usize = u16::MAX as usize;

/// The level for content that is not stored.
const LEVEL: u32 = 6;

/// Magic, deflate, no flags, no time, no extra flags, and as the system
/// "unknown" instead of the one this runs on.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// How much is compressed by itself. Shorter pieces would make the member
/// longer: of a program of 210 MB these make it longer by 0.4 %.
const PIECE: usize = 256 * 1024;

/// How many pieces are gathered for each processor, so that none waits long
/// for the others, and how many at most: memory has its limits.
const PIECES_EACH: usize = 4;
const PIECES_MAX: usize = 64;

/// How many bytes are compressed at once.
fn batch() -> usize {
    PIECE * (PIECES_EACH * rayon::current_num_threads()).min(PIECES_MAX)
}

/// Makes one gzip member of what is written to it, and hashes both. The bytes
/// do not depend on how the content is cut into writes.
#[derive(Debug)]
pub(crate) struct Encoder<W> {
    /// Not yet compressed, at most as much as `most`.
    pending: Vec<u8>,
    most: usize,
    /// Compressed, not yet written.
    done: Vec<Vec<u8>>,
    content: Hasher,
    crc: Crc,
    sink: HashingWriter<W>,
}

/// A finished member.
pub(crate) struct Member<W> {
    pub(crate) sink: W,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    /// The digest of the content.
    pub(crate) content: Digest,
}

impl<W: Write + Send> Encoder<W> {
    pub(crate) fn new(sink: W) -> Encoder<W> {
        Encoder {
            pending: Vec::new(),
            most: PIECE,
            done: Vec::new(),
            content: Hasher::default(),
            crc: Crc::new(),
            sink: HashingWriter::new(sink),
        }
    }

    /// Writes the end of the member.
    pub(crate) fn finish(mut self) -> io::Result<Member<W>> {
        if self.content.size() == 0 && self.pending.len() <= STORED_MAX {
            self.content.update(&self.pending);
            self.sink.write_all(&store(&self.pending))?;
        } else {
            self.compress(true)?;
            self.write_done()?;
            self.sink.write_all(&trailer(&self.crc))?;
        }
        let (sink, digest, size) = self.sink.finish();
        Ok(Member { sink, digest, size, content: self.content.finish().0 })
    }

    /// Compresses what is pending; hashes it meanwhile, and writes what was
    /// compressed before.
    fn compress(&mut self, is_last: bool) -> io::Result<()> {
        if self.content.size() == 0 {
            self.done.push(HEADER.to_vec());
        }
        let pending = std::mem::take(&mut self.pending);
        let mut pieces: Vec<(&[u8], FlushCompress)> =
            pending.chunks(PIECE).map(|piece| (piece, FlushCompress::Sync)).collect();
        if let (true, Some((_, flush))) = (is_last, pieces.last_mut()) {
            *flush = FlushCompress::Finish;
        }
        let (written, done) = match pieces.as_slice() {
            [(piece, flush)] => (self.hash_and_write(&pending), Ok(vec![deflate(piece, *flush)?])),
            pieces => rayon::join(
                || self.hash_and_write(&pending),
                || pieces.par_iter().map(|(piece, flush)| deflate(piece, *flush)).collect(),
            ),
        };
        written?;
        self.done = done?;
        self.pending = pending;
        self.pending.clear();
        Ok(())
    }

    fn hash_and_write(&mut self, content: &[u8]) -> io::Result<()> {
        self.content.update(content);
        self.crc.update(content);
        self.write_done()
    }

    fn write_done(&mut self) -> io::Result<()> {
        self.done.drain(..).try_for_each(|bytes| self.sink.write_all(&bytes))
    }
}

impl<W: Write + Send> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.pending.len() == self.most && !bytes.is_empty() {
            if self.most > PIECE {
                self.compress(false)?;
            } else {
                // Not before it is known to be long: most content is not.
                self.most = batch();
            }
        }
        let taken = bytes.len().min(self.most - self.pending.len());
        self.pending.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Compresses a piece; ends where a byte does, so that another can follow.
fn deflate(piece: &[u8], flush: FlushCompress) -> io::Result<Vec<u8>> {
    let mut state = Compress::new(Compression::new(LEVEL), false);
    let mut deflated = Vec::with_capacity(piece.len() / 2 + 1024);
    loop {
        let rest = &piece[state.total_in() as usize..];
        let status = state.compress_vec(rest, &mut deflated, flush).map_err(io::Error::other)?;
        let is_done = match flush {
            FlushCompress::Finish => status == Status::StreamEnd,
            // All is out once there is room left.
            _ => state.total_in() == piece.len() as u64 && deflated.len() < deflated.capacity(),
        };
        if is_done {
            return Ok(deflated);
        }
        deflated.reserve(piece.len() / 4 + 1024);
    }
}

/// The checksum, and the length as far as 32 bits hold it.
fn trailer(crc: &Crc) -> [u8; 8] {
    let (sum, length) = (crc.sum().to_le_bytes(), crc.amount().to_le_bytes());
    let mut trailer = [0; 8];
    trailer[..4].copy_from_slice(&sum);
    trailer[4..].copy_from_slice(&length);
    trailer
}

/// `content` must be no longer than [`STORED_MAX`].
fn store(content: &[u8]) -> Vec<u8> {
    let length = content.len() as u16;
    let mut crc = Crc::new();
    crc.update(content);
    let mut member = Vec::with_capacity(content.len() + 23);
    member.extend_from_slice(&HEADER);
    // The last block, stored; its length and the complement of that.
    member.push(1);
    member.extend_from_slice(&length.to_le_bytes());
    member.extend_from_slice(&(!length).to_le_bytes());
    member.extend_from_slice(content);
    member.extend_from_slice(&trailer(&crc));
    member
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sha2::Digest as _;
    use std::io::Read;

    fn compress(content: &[u8]) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::new());
        encoder.write_all(content).unwrap();
        let member = encoder.finish().unwrap();
        assert_eq!(member.content, Digest::of(content));
        assert_eq!(
            (member.digest, member.size),
            (Digest::of(&member.sink), member.sink.len() as u64)
        );
        member.sink
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
        let around = |n: usize| [n - 1, n, n + 1];
        let batch = batch();
        let lengths =
            [[0, 1, 512], around(STORED_MAX), around(PIECE), around(2 * PIECE), around(batch)];
        for length in lengths.into_iter().flatten().chain([2 * batch + 5]) {
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
            (5_000_000, "sha256:ee98d35836a4177267fa784b6acb13b33ab808eef9899fe4b1abf3cf51ef10a8"),
        ];
        for (length, digest) in golden {
            assert_eq!(Digest::of(&compress(&sample(length))).to_string(), digest);
        }
    }

    #[test]
    fn the_number_of_processors_does_not_matter() {
        let content = sample(9 * PIECE + 1);
        for threads in [1, 2, 3, 16] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert!(pool.install(|| compress(&content)) == compress(&content), "{threads}");
        }
    }

    #[test]
    fn what_does_not_compress_grows_little() {
        let random: Vec<u8> = (0..2 * PIECE as u32 / 32)
            .flat_map(|i| sha2::Sha256::digest(i.to_le_bytes()))
            .collect();
        let member = compress(&random);
        assert_eq!(decompress(&member), random);
        assert!(member.len() < random.len() + 500, "{}", member.len());
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
            prop_assert_eq!(encoder.finish().unwrap().sink, compress(&content));
        }
    }
}
