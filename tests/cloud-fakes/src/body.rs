//! Bodies of answers that are not as they should be.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};

/// What an endless body has at the most, so that a test of a client that reads it all ends.
const MOST: usize = 256 * 1024 * 1024;
const CHUNK: &[u8] = &[b' '; 64 * 1024];

/// The body of an answer, and what comes behind it.
pub(crate) struct AnswerBody {
    begin: Option<Bytes>,
    end: End,
}

/// What comes behind the body of an answer.
enum End {
    Whole,
    /// Blanks, counted as they are taken.
    Endless {
        left: usize,
        taken: Arc<AtomicUsize>,
    },
    /// The connection breaks.
    Broken,
}

impl AnswerBody {
    pub(crate) const fn whole(body: Bytes) -> Self {
        Self::with(body, End::Whole)
    }

    pub(crate) const fn endless(body: Bytes, taken: Arc<AtomicUsize>) -> Self {
        Self::with(body, End::Endless { left: MOST, taken })
    }

    pub(crate) const fn truncated(body: Bytes) -> Self {
        Self::with(body, End::Broken)
    }

    const fn with(body: Bytes, end: End) -> Self {
        Self {
            begin: Some(body),
            end,
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(begin) = self.begin.take().filter(|begin| !begin.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(begin))));
        }
        Poll::Ready(match &mut self.end {
            End::Whole | End::Endless { left: 0, .. } => None,
            End::Endless { left, taken } => {
                *left = left.saturating_sub(CHUNK.len());
                taken.fetch_add(CHUNK.len(), Ordering::SeqCst);
                Some(Ok(Frame::data(Bytes::from_static(CHUNK))))
            }
            End::Broken => Some(Err(io::ErrorKind::ConnectionReset.into())),
        })
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        match (&self.begin, &self.end) {
            (Some(begin), End::Whole) => {
                hyper::body::SizeHint::with_exact(begin.len().try_into().unwrap())
            }
            _ => hyper::body::SizeHint::default(),
        }
    }
}
