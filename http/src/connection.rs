//! One connection, between the kernel and the HTTP parser.
//!
//! Every byte that comes in goes to the parser as it came, and every answer goes out as it was given,
//! but for one: where the parser answers of its own accord, with a status and nothing else, an answer
//! like every other error's goes out in its place.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_http::Extensions;
use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::bare_answer::BareAnswer;
use crate::peer::{Accepted, Ingress};
use crate::service::Service;

/// What is known of a connection while it lasts.
#[derive(Debug)]
pub(crate) struct Visit {
    ingress: Ingress,
    is_over: Cell<bool>,
}

impl Visit {
    pub(crate) const fn ingress(&self) -> Ingress {
        self.ingress
    }

    /// Nothing more is said after the answer that is being given.
    pub(crate) fn end(&self) {
        self.is_over.set(true);
    }
}

/// A stream whose last words are ours.
pub(crate) struct Connection<S> {
    stream: S,
    service: Rc<Service>,
    visit: Rc<Visit>,
    /// Whether the caller has said anything.
    has_spoken: bool,
    /// What is still to be sent in place of an answer that the parser is waiting to see sent.
    replacement: Option<Bytes>,
}

impl<S: Accepted> Connection<S> {
    pub(crate) fn new(stream: S, service: Rc<Service>) -> Self {
        let visit = Visit {
            ingress: stream.ingress(),
            is_over: Cell::new(false),
        };
        Self {
            stream,
            service,
            visit: Rc::new(visit),
            has_spoken: false,
            replacement: None,
        }
    }

    /// Notes what is known of the connection, for its requests.
    pub(crate) fn remember(&self, data: &mut Extensions) {
        data.insert(Rc::clone(&self.visit));
    }
}

impl<S> Connection<S> {
    /// What goes out in place of a bare answer; nothing behind an answer that was the last.
    fn replace(&self, bare: &BareAnswer<'_>) -> Option<Bytes> {
        let refusal = bare.refusal()?;
        if self.visit.is_over.replace(true) {
            return Some(Bytes::new());
        }
        let request_id = if self.has_spoken {
            self.service.note_unreadable(&refusal, self.visit.ingress)
        } else {
            self.service.fresh_id()
        };
        Some(bare.put_into_words(refusal, &request_id))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.has_spoken |= buffer.filled().len() > before;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    /// Sends what stands before a bare answer first. The parser then offers the bare answer alone, and
    /// offers it again until it is told that it was sent.
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.replacement.is_none() {
            match BareAnswer::find_last(bytes) {
                Some((0, bare)) => this.replacement = this.replace(&bare),
                Some((start, _)) => {
                    let front = bytes.get(..start).unwrap_or(bytes);
                    return Pin::new(&mut this.stream).poll_write(cx, front);
                }
                None => {}
            }
        }
        let Some(replacement) = &mut this.replacement else {
            return Pin::new(&mut this.stream).poll_write(cx, bytes);
        };
        while !replacement.is_empty() {
            let sent = ready!(Pin::new(&mut this.stream).poll_write(cx, replacement))?;
            if sent == 0 {
                return Poll::Ready(Ok(0));
            }
            replacement.advance(sent);
        }
        this.replacement = None;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
