//! The bytes of an answer on their way out, a piece at a time.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::fs::File;
use tokio::io::{AsyncRead, ReadBuf};

use crate::answer::Content;

/// How much of a file is in memory at once, per download.
const PIECE: usize = 64 * 1024;

/// What hyper sends.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Bytes(Bytes),
    File {
        file: File,
        /// How many bytes are still to be sent.
        left: u64,
    },
}

impl From<Content> for Outgoing {
    fn from(content: Content) -> Outgoing {
        match content {
            Content::Empty => Outgoing::Bytes(Bytes::new()),
            Content::Bytes(bytes) => Outgoing::Bytes(bytes),
            Content::File(file, left) => {
                let mut file = File::from_std(file);
                file.set_max_buf_size(PIECE);
                Outgoing::File { file, left }
            }
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Outgoing::Bytes(bytes) if bytes.is_empty() => Poll::Ready(None),
            Outgoing::Bytes(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Outgoing::File { left: 0, .. } => Poll::Ready(None),
            Outgoing::File { file, left } => {
                let size = usize::try_from(*left).map_or(PIECE, |left| left.min(PIECE));
                let mut piece = vec![0; size];
                let mut buffer = ReadBuf::new(&mut piece);
                ready!(Pin::new(file).poll_read(cx, &mut buffer))?;
                let n = buffer.filled().len();
                if n == 0 {
                    // It was cut short meanwhile. The connection breaks, so
                    // the client does not take this for the end.
                    return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
                }
                *left -= n as u64;
                piece.truncate(n);
                Poll::Ready(Some(Ok(Frame::data(piece.into()))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.size() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.size())
    }
}

impl Outgoing {
    fn size(&self) -> u64 {
        match self {
            Outgoing::Bytes(bytes) => bytes.len() as u64,
            Outgoing::File { left, .. } => *left,
        }
    }
}
