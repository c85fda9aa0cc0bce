//! One connection, between the kernel and the HTTP parser.
//!
//! Every byte that comes in goes to the parser as it came, and every answer goes out as it was given,
//! but for one: where the parser answers of its own accord, with a status and nothing else, an answer
//! like every other error's goes out in its place.
//!
//! The parser waits a limited time for the first head and for the first byte of each further one. For
//! the rest of that head, and for a caller who does not read its answers, it would wait for ever; here
//! it does not.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use actix_http::Extensions;
use actix_http::header::HttpDate;
use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::bare_answer::BareAnswer;
use crate::countdown::Countdown;
use crate::peer::Accepted;
use crate::service::Service;
use crate::visit::Visit;

/// How long after an answer the next head may be complete: half of it for its first byte, as the
/// parser has it.
const NEXT_HEAD_LIMIT: Duration = Duration::from_secs(10);
/// How long a caller may take to read anything at all of what is ready for it.
const DEAFNESS_LIMIT: Duration = Duration::from_secs(10);
/// How often a caller who does not read signatures is looked at for a retirement that waits for them.
const GLANCE: Duration = Duration::from_millis(100);

/// A stream whose last words are ours.
pub(crate) struct Connection<S> {
    stream: S,
    service: Rc<Service>,
    visit: Rc<Visit>,
    /// Whether the caller has said anything.
    has_spoken: bool,
    /// Whether it has since it was told anything.
    is_speaking: bool,
    /// Runs from each answer on.
    next_head: Countdown,
    /// Runs while the caller reads nothing of what is ready for it.
    deafness: Countdown,
    /// Runs while what it does not read are signatures.
    glance: Countdown,
    /// What is still to be sent at the end; in place of an answer of the parser's, which waits to see
    /// that one sent, or because the parser says nothing.
    last_words: Option<Bytes>,
}

impl<S: Accepted> Connection<S> {
    pub(crate) fn new(stream: S, service: Rc<Service>) -> Self {
        let visit = Visit::new(stream.ingress());
        Self {
            stream,
            service,
            visit: Rc::new(visit),
            has_spoken: false,
            is_speaking: false,
            next_head: Countdown::new(NEXT_HEAD_LIMIT),
            deafness: Countdown::new(DEAFNESS_LIMIT),
            glance: Countdown::new(GLANCE),
            last_words: None,
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
        if self.visit.end() {
            return Some(Bytes::new());
        }
        let request_id = if self.has_spoken {
            self.service.note_unreadable(&refusal, self.visit.ingress())
        } else {
            self.service.fresh_id()
        };
        Some(bare.put_into_words(refusal, &request_id))
    }

    /// Ready when the caller has not got on with its next request in time; it is told so if it had
    /// begun one.
    fn poll_impatience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.visit.is_busy() || self.deafness.is_running() {
            return Poll::Pending;
        }
        ready!(self.next_head.poll_end(cx));
        if self.is_speaking && self.last_words.is_none() {
            let date = HttpDate::from(SystemTime::now()).to_string();
            self.last_words = self.replace(&BareAnswer::to_slow_head(&date));
        }
        Poll::Ready(())
    }
}

impl<S: AsyncWrite + Unpin> Connection<S> {
    /// Sends some of `bytes`, unless it is too late for the signatures among them.
    fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.visit.is_cut() {
            return Poll::Ready(Err(self.cut()));
        }
        let Poll::Ready(sent) = Pin::new(&mut self.stream).poll_write(cx, bytes) else {
            return self.poll_deafness(cx).map(Err);
        };
        self.deafness.stop();
        self.next_head.start();
        self.is_speaking = false;
        Poll::Ready(sent)
    }

    /// Ready with the reason when a caller who does not read is waited for no longer.
    fn poll_deafness(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if !self.deafness.is_running() {
            self.deafness.start();
        }
        if self.deafness.poll_end(cx).is_ready() {
            tracing::debug!(peer = ?self.visit.ingress(), "caller does not read its answers");
            return Poll::Ready(io::ErrorKind::TimedOut.into());
        }
        if self.visit.is_holding() {
            self.glance.start();
            while self.glance.poll_end(cx).is_ready() {
                self.glance.start();
            }
        }
        Poll::Pending
    }

    /// Why nothing more is sent.
    fn cut(&self) -> io::Error {
        tracing::warn!(
            peer = ?self.visit.ingress(),
            "connection cut: the caller did not read signatures by a key that is now retired"
        );
        io::ErrorKind::ConnectionAborted.into()
    }

    /// Sends what is still to be sent at the end.
    fn poll_last_words(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(mut words) = self.last_words.take_if(|words| !words.is_empty()) {
            let sent = self.poll_send(cx, &words);
            words.advance(match &sent {
                Poll::Ready(Ok(sent)) => *sent,
                Poll::Ready(Err(_)) | Poll::Pending => 0,
            });
            self.last_words = Some(words);
            if ready!(sent)? == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    /// To the parser, a caller that does not get on looks like one that has nothing more to say.
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if Pin::new(&mut self.stream)
            .poll_read(cx, buffer)?
            .is_pending()
        {
            return self.poll_impatience(cx).map(Ok);
        }
        if buffer.filled().len() > before {
            self.has_spoken = true;
            self.is_speaking = true;
        }
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
        if self.last_words.is_none() {
            match BareAnswer::find_last(bytes) {
                Some((0, bare)) => self.last_words = self.replace(&bare),
                Some((start, _)) => {
                    let front = bytes.get(..start).unwrap_or(bytes);
                    return self.poll_send(cx, front);
                }
                None => {}
            }
        }
        if self.last_words.is_none() {
            return self.poll_send(cx, bytes);
        }
        ready!(self.poll_last_words(cx))?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_last_words(cx))?;
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.visit.note_all_sent();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
