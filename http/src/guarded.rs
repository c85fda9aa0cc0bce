//! The stream of a connection, which brings no more than there is room for.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::meter::{Meter, Ration};
use crate::peer::{Accepted, Ingress};
use crate::service::Service;

/// How many bytes the HTTP parser is given before it looks at them. It would read on for as long as
/// more is there.
const AT_ONCE: usize = 8 * 1024;

/// A stream that brings no more than there is room for.
pub(crate) struct Guarded<S> {
    stream: S,
    service: Rc<Service>,
    meter: Rc<Meter>,
    /// Whether the parser is to look at what it was given before it gets more.
    has_given_enough: bool,
    /// The last answer, and nothing is read any more.
    farewell: Option<Bytes>,
    number: u64,
}

impl<S: Accepted + AsyncWrite + Unpin> Guarded<S> {
    /// Takes in a connection. One for which there is no place is told so and closed.
    ///
    /// # Errors
    /// When there is no place.
    pub(crate) async fn admit(mut stream: S, service: &Rc<Service>) -> io::Result<Self> {
        match service.welcome(stream.ingress()) {
            Ok((number, meter)) => Ok(Self {
                stream,
                service: Rc::clone(service),
                meter,
                has_given_enough: false,
                farewell: None,
                number,
            }),
            Err(words) => {
                // A new connection has room for it; nobody waits until it is read.
                let mut send = |cx: &mut Context<'_>| Pin::new(&mut stream).poll_write(cx, &words);
                if !words.is_empty() {
                    drop(poll_fn(|cx| Poll::Ready(send(cx))).await);
                }
                Err(io::ErrorKind::QuotaExceeded.into())
            }
        }
    }
}

impl<S> Guarded<S> {
    pub(crate) const fn meter(&self) -> &Rc<Meter> {
        &self.meter
    }
}

impl<S> Drop for Guarded<S> {
    fn drop(&mut self) {
        self.service.forget(self.number);
    }
}

impl<S: Accepted> Accepted for Guarded<S> {
    fn ingress(&self) -> Ingress {
        self.stream.ingress()
    }
}

impl<S: Accepted + AsyncWrite + Unpin> Guarded<S> {
    /// Says why no more is read, as far as the caller listens, and reads no more.
    fn poll_farewell(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.farewell.is_none() {
            self.farewell = Some(self.service.farewell(&self.meter, self.stream.ingress()));
        }
        while let Some(words) = self.farewell.as_mut().filter(|words| !words.is_empty()) {
            let sent = ready!(Pin::new(&mut self.stream).poll_write(cx, words))?;
            words.advance(sent);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: Accepted + AsyncRead + AsyncWrite + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.meter.remember(cx.waker());
        if this.meter.is_evicted() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        if this.farewell.is_some() {
            return this.poll_farewell(cx);
        }
        if this.has_given_enough {
            this.has_given_enough = false;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let room = match this.meter.ration(AT_ONCE) {
            Ration::Open(room) => room.min(buffer.remaining()),
            Ration::Closed => return Poll::Pending,
            Ration::Exhausted { is_first: true } => return this.poll_farewell(cx),
            // An answer may still be on its way, so nothing is said.
            Ration::Exhausted { is_first: false } => return Poll::Ready(Ok(())),
        };
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(room));
        let outcome = Pin::new(&mut this.stream).poll_read(cx, &mut part);
        let read = part.filled().len();
        buffer.advance(read);
        this.has_given_enough = read == room;
        if read > 0 {
            this.meter.take_in(read);
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.meter.is_evicted() || this.farewell.is_some() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        this.meter.remember(cx.waker());
        let sent = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.meter.note_sending(sent.is_pending());
        sent
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
