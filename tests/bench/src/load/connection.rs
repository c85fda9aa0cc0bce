//! One connection of the load generator.

use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::RequestSet;
use crate::Outcome;
use crate::wire::Framing;

/// One whole answer.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    pub(super) request: usize,
    pub(super) latency: Duration,
    pub(super) status: u16,
    pub(super) body: &'a [u8],
}

/// What became readable.
#[derive(Debug)]
pub(super) enum Received<'a> {
    Part,
    Answer(Answer<'a>),
    Closed,
}

#[derive(Debug)]
pub(super) struct Connection {
    stream: UnixStream,
    buffer: Vec<u8>,
    framing: Option<Framing>,
    sent_at: Instant,
    /// The next request of the set; each connection walks through the whole set from its own place.
    next: usize,
}

impl Connection {
    pub(super) fn open(socket: &Path, place: usize) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(4096),
            framing: None,
            sent_at: Instant::now(),
            next: place,
        })
    }

    pub(super) const fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// Sends the next request of the set.
    pub(super) fn send(&mut self, requests: &RequestSet) -> Outcome<()> {
        self.next += 1;
        self.buffer.clear();
        self.framing = None;
        let mut left = requests.bytes(self.next);
        self.sent_at = Instant::now();
        while !left.is_empty() {
            match self.stream.write(left) {
                Ok(count) => left = left.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let mut writable = [PollFd::new(&self.stream, PollFlags::OUT)];
                    poll(&mut writable, None)?;
                }
                // The closed connection is met, counted and replaced at the next read.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Takes what has arrived.
    pub(super) fn receive(&mut self) -> Outcome<Received<'_>> {
        let missing = self
            .framing
            .map_or(4096, |framing| framing.ends_at - self.buffer.len());
        self.buffer.reserve(missing);
        match rustix::io::read(&self.stream, spare_capacity(&mut self.buffer)) {
            Ok(0) | Err(Errno::CONNRESET) => return Ok(Received::Closed),
            Ok(_) => {}
            Err(Errno::AGAIN | Errno::INTR) => return Ok(Received::Part),
            Err(error) => return Err(error.into()),
        }
        if self.framing.is_none() {
            self.framing = Framing::of(&self.buffer)?;
        }
        let Some(framing) = self.framing else {
            return Ok(Received::Part);
        };
        Ok(self
            .buffer
            .get(framing.body_at..framing.ends_at)
            .map_or(Received::Part, |body| {
                Received::Answer(Answer {
                    request: self.next,
                    latency: self.sent_at.elapsed(),
                    status: framing.status,
                    body,
                })
            }))
    }
}
