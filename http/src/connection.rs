//! One connection, between the kernel and the HTTP parser.
//!
//! Every byte that comes in goes to the parser as it came, though it has to wait until the answer to the
//! request before it has gone. Every answer goes out as it was given, but for one: where the parser
//! answers of its own accord, with a status and nothing else, an answer like every other error's goes
//! out in its place. And the parser's `100 Continue` goes out only when somebody waits for the body.
//!
//! For a caller who is idle, slow with a head, or does not read its answers, the parser would wait for
//! ever; here it does not.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_http::Extensions;
use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::bare_answer::BareAnswer;
use crate::clock;
use crate::countdown::Countdown;
use crate::guarded::Guarded;
use crate::intake::{Intake, Share};
use crate::peer::Accepted;
use crate::service::Service;
use crate::visit::Visit;

/// How long a head may take from its first byte on; the first one of a connection from its beginning.
const HEAD_LIMIT: Duration = Duration::from_secs(5);
/// How much longer than it was promised an idle connection is kept, for what is on its way already.
const IDLE_GRACE: Duration = Duration::from_secs(5);
/// What the parser says to a caller who waits with its body, before anybody has looked at the head.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
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
    idleness: Countdown,
    /// Runs from the first byte of each head on, or from the beginning of the connection.
    head: Countdown,
    /// Runs while the caller reads nothing of what is ready for it.
    deafness: Countdown,
    /// Runs while what it does not read are signatures.
    glance: Countdown,
    /// What is still to be sent at the end; in place of an answer of the parser's, which waits to see
    /// that one sent, or because the parser says nothing.
    last_words: Option<Bytes>,
    intake: Intake,
}

impl<S: Accepted> Connection<Guarded<S>> {
    /// A connection that stays idle for as long as `idle_limit`.
    pub(crate) fn new(stream: Guarded<S>, service: Rc<Service>, idle_limit: Duration) -> Self {
        let visit = Rc::new(Visit::new(stream.ingress(), idle_limit));
        let mut head = Countdown::new(HEAD_LIMIT);
        head.start();
        Self {
            stream,
            service,
            visit,
            intake: Intake::default(),
            has_spoken: false,
            is_speaking: false,
            idleness: Countdown::new(idle_limit + IDLE_GRACE),
            head,
            deafness: Countdown::new(DEAFNESS_LIMIT),
            glance: Countdown::new(GLANCE),
            last_words: None,
        }
    }

    /// Notes what is known of the connection, for its requests.
    pub(crate) fn remember(&self, data: &mut Extensions) {
        data.insert(Rc::clone(&self.visit));
        data.insert(Rc::clone(self.stream.meter()));
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

    /// Whether nothing was said behind an answer.
    const fn is_idle(&self) -> bool {
        !self.is_speaking && self.idleness.is_running()
    }

    /// Ready when the caller has not got on with its next request in time; it is told so if it had
    /// begun one.
    fn poll_impatience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.visit.is_occupied() || self.deafness.is_running() {
            return Poll::Pending;
        }
        if self.is_idle() {
            return self.idleness.poll_end(cx);
        }
        ready!(self.head.poll_end(cx));
        if self.last_words.is_none() {
            let date = clock::http_date();
            self.last_words = self.replace(&BareAnswer::to_slow_head(date.as_deref()));
        }
        Poll::Ready(())
    }

    /// Why nothing more is sent.
    fn cut(&self) -> io::Error {
        tracing::warn!(
            peer = %self.visit.ingress(),
            "connection cut: signatures that the caller did not read may not leave any more"
        );
        io::ErrorKind::ConnectionAborted.into()
    }

    /// Notes that the parser was shown so much.
    fn note_shown(&mut self, bytes: usize) {
        self.visit.note_taken(bytes);
        if bytes > 0 && !self.visit.is_occupied() {
            if self.is_idle() {
                self.head.start();
            }
            self.has_spoken = true;
            self.is_speaking = true;
        }
    }
}

impl<S: AsyncRead + Unpin> Connection<S> {
    /// Takes in a little while the parser may not be shown more, so that it shows when the caller has
    /// left. What was taken in is shown later, when the parser asks again.
    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = &mut self.stream;
        let read = |chunk: &mut ReadBuf<'_>| Pin::new(&mut *stream).poll_read(cx, chunk);
        self.intake.poll_fill(read)?;
        Poll::Pending
    }

    /// Throws away what still comes after the last request, and says that nothing does once all that
    /// belongs to it has come.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (discarded, mut has_ended) = self.intake.discard();
        self.visit.note_taken(discarded);
        while !has_ended {
            let mut chunk = [0; 4096];
            let mut chunk = ReadBuf::new(&mut chunk);
            if Pin::new(&mut self.stream)
                .poll_read(cx, &mut chunk)?
                .is_pending()
            {
                if self.visit.has_rest() {
                    return Poll::Pending;
                }
                break;
            }
            has_ended = chunk.filled().is_empty();
            self.visit.note_taken(chunk.filled().len());
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> Connection<S> {
    /// Sends some of `bytes`, unless it is too late for the signatures among them.
    fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let may_release = || self.service.may_release().is_ok();
        if self.visit.is_cut(may_release) {
            return Poll::Ready(Err(self.cut()));
        }
        let Poll::Ready(sent) = Pin::new(&mut self.stream).poll_write(cx, bytes) else {
            return self.poll_deafness(cx).map(Err);
        };
        self.deafness.stop();
        self.idleness.start();
        self.is_speaking = false;
        Poll::Ready(sent)
    }

    /// Ready with the reason when a caller who does not read is waited for no longer.
    fn poll_deafness(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if !self.deafness.is_running() {
            self.deafness.start();
        }
        if self.deafness.poll_end(cx).is_ready() {
            tracing::debug!(peer = %self.visit.ingress(), "caller does not read its answers");
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
    /// To the parser, a caller that does not get on looks like one that has nothing more to say, and so
    /// does one whose last request was read.
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.visit.is_over() {
            return self.poll_rest(cx);
        }
        if self.intake.take_pause() {
            // It looks now, and asks again.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let share = self.visit.share();
        if share == Share::Nothing {
            return self.poll_ahead(cx);
        }
        let shown = if self.intake.has_more() {
            self.intake.show_held(share, buffer)
        } else {
            let before = buffer.filled().len();
            if Pin::new(&mut self.stream)
                .poll_read(cx, buffer)?
                .is_pending()
            {
                return self.poll_impatience(cx).map(Ok);
            }
            self.intake.show_read(share, buffer, before)
        };
        self.note_shown(shown);
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
        if bytes.starts_with(CONTINUE) && !self.visit.is_reading() {
            return Poll::Ready(Ok(CONTINUE.len()));
        }
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
        if self.visit.note_all_sent() {
            if self.intake.has_more() {
                cx.waker().wake_by_ref();
            } else if self.idleness.poll_end(cx).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
