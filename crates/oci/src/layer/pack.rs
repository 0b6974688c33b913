//! Where the bytes of a layer's tar go: through the compressor, or nowhere.
//!
//! What grows beyond a few megabytes goes to a file, so that memory stays flat.

use std::io::{self, Write};
use std::path::PathBuf;

use host::fs::Staged;

use super::Layer;
use crate::digest::Hasher;
use crate::gzip::{Encoder, Member};
use crate::spec::Descriptor;
use crate::{Blob, Content, Digest, Error, media};

/// Compresses a tar, and keeps the outcome.
#[derive(Debug)]
pub struct Packing(Encoder<Sink>);

impl Packing {
    /// Keeps it in memory, or what is large in the directory `work`.
    pub(super) fn new(work: Option<PathBuf>) -> Packing {
        Packing(Encoder::new(Sink::Memory(Vec::new(), work)))
    }

    pub(super) fn finish(self) -> Result<Layer, Error> {
        let Member { sink, digest, size, content } = self.0.finish().map_err(unpack)?;
        let bytes = sink.finish(&digest.hex())?;
        let blob = Blob::new(Descriptor::new(media::LAYER_GZIP, digest, size), bytes);
        Ok(Layer::new(blob, content))
    }
}

impl Write for Packing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Only hashes a tar.
#[derive(Debug, Default)]
pub struct Measuring(Hasher);

impl Measuring {
    pub(super) fn finish(mut self, end: &[u8]) -> Digest {
        self.0.update(end);
        self.0.finish().0
    }
}

impl Write for Measuring {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How many compressed bytes are kept in memory before they go to a file.
const MEMORY_MAX: usize = 4 << 20;

/// Where the compressed bytes go.
#[derive(Debug)]
enum Sink {
    /// And the directory for more, if they may leave memory.
    Memory(Vec<u8>, Option<PathBuf>),
    File(Staged, PathBuf),
}

impl Sink {
    fn finish(self, name: &str) -> Result<Content, Error> {
        match self {
            Sink::Memory(bytes, _) => Ok(Content::Memory(bytes.into())),
            Sink::File(staged, work) => {
                let path = work.join(name);
                staged.place(&path)?;
                Ok(Content::File { path: path.into(), offset: 0 })
            }
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Sink::Memory(kept, Some(work)) = self
            && kept.len() + bytes.len() > MEMORY_MAX
        {
            let mut staged = Staged::new(work).map_err(pack)?;
            staged.put(kept).map_err(pack)?;
            *self = Sink::File(staged, std::mem::take(work));
        }
        match self {
            Sink::Memory(kept, _) => kept.extend_from_slice(bytes),
            Sink::File(staged, _) => staged.put(bytes).map_err(pack)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sends an error through [`Write`]; [`unpack`] takes it out again.
fn pack(error: host::fs::IoError) -> io::Error {
    io::Error::other(Error::from(error))
}

pub(super) fn unpack(error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(error) => Error::Assembly(error.to_string()),
    }
}
