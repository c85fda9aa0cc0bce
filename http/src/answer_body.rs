//! The body of an answer on its way out.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_http::Payload;
use actix_http::body::{BodySize, MessageBody};
use bytes::Bytes;

use crate::key_set::{BrokenOff, Rest};
use crate::meter::Holding;
use crate::visit::Untaken;

/// How much of an answer the HTTP parser is given at once; it copies that.
const AT_ONCE: usize = 16 * 1024;

/// The bytes of an answer, and what was left unread of its request.
///
/// The server closes a connection after an answer only while somebody still holds the unread body.
/// Once nobody does, it waits for the end of a body in chunks so as to reuse the connection, for as
/// long as the caller likes to withhold it.
pub(crate) struct AnswerBody {
    bytes: Bytes,
    /// What follows them; with it the length is not known beforehand.
    rest: Option<Rest>,
    _unread: Payload,
    untaken: Option<Untaken>,
    _holding: Option<Holding>,
}

impl AnswerBody {
    pub(crate) fn new(
        bytes: Bytes,
        rest: Option<Rest>,
        unread: Payload,
        (untaken, holding): (Option<Untaken>, Option<Holding>),
    ) -> Self {
        Self {
            bytes,
            rest,
            _unread: unread,
            untaken,
            _holding: holding,
        }
    }
}

impl MessageBody for AnswerBody {
    type Error = BrokenOff;

    fn size(&self) -> BodySize {
        match self.rest {
            Some(_) => BodySize::Stream,
            None => self.bytes.size(),
        }
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        while self.bytes.is_empty()
            && let Some(rest) = &mut self.rest
        {
            match ready!(rest.as_mut().poll_next(cx)) {
                Some(Ok(more)) => self.bytes = more,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => self.rest = None,
            }
        }
        let bytes = &mut self.bytes;
        let part = bytes.split_to(bytes.len().min(AT_ONCE));
        if part.is_empty() {
            // All of it is in the parser's buffer.
            self.untaken = None;
        }
        Poll::Ready((!part.is_empty()).then_some(Ok(part)))
    }
}
