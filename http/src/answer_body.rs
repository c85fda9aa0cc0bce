//! The body of an answer on its way out.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_http::Payload;
use actix_http::body::{BodySize, MessageBody};
use bytes::Bytes;

use crate::visit::Untaken;

/// The bytes of an answer, and what was left unread of its request.
///
/// The server closes a connection after an answer only while somebody still holds the unread body.
/// Once nobody does, it waits for the end of a body in chunks so as to reuse the connection, for as
/// long as the caller likes to withhold it.
pub(crate) struct AnswerBody {
    bytes: Bytes,
    _unread: Payload,
    untaken: Option<Untaken>,
}

impl AnswerBody {
    pub(crate) const fn new(bytes: Bytes, unread: Payload, untaken: Option<Untaken>) -> Self {
        Self {
            bytes,
            _unread: unread,
            untaken,
        }
    }
}

impl MessageBody for AnswerBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        self.bytes.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        let part = Pin::new(&mut self.bytes).poll_next(cx);
        // All of it is in the parser's buffer.
        if matches!(part, Poll::Ready(None)) {
            self.untaken = None;
        }
        part
    }
}
