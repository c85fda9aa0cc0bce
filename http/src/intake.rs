//! What has come in over a connection and what of it the HTTP parser is shown, so that it never sees
//! the next request before the answer to the one at hand has gone.
//!
//! The parser decodes whatever it has, and what it knows of a head colours the next answer it encodes,
//! whichever request that belongs to. Where a head ends only the parser says. What is used here is that
//! no head, and no body in chunks, ends anywhere but behind an empty line: the parser is shown the
//! bytes up to each, and is asked between two whether it has found a request.

use std::io;
use std::task::Poll;

use bytes::{Buf as _, BytesMut};
use tokio::io::ReadBuf;

/// How much is taken from the kernel ahead of the parser. That some of it is taken shows when a caller
/// has left.
const AHEAD: usize = 4096;

/// What the parser may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// Nothing, for now.
    Nothing,
    /// As much as there is, up to an empty line.
    ToEmptyLine,
    /// So many bytes.
    Length(u64),
}

/// What has come in and was not shown yet.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    held: BytesMut,
    /// Whether nothing comes behind what is held.
    has_ended: bool,
    /// Whether the parser must look at what it was shown before it is shown more.
    is_pausing: bool,
    is_at_line_start: bool,
}

impl Intake {
    /// Whether there is something to be shown before anything else is read.
    pub(crate) fn has_more(&self) -> bool {
        self.has_ended || !self.held.is_empty()
    }

    /// Whether the parser is to look now. Says so once for each time.
    pub(crate) const fn take_pause(&mut self) -> bool {
        std::mem::replace(&mut self.is_pausing, false)
    }

    /// Takes in what the kernel has, by `read`, up to a limit.
    pub(crate) fn poll_fill(
        &mut self,
        mut read: impl FnMut(&mut ReadBuf<'_>) -> Poll<io::Result<()>>,
    ) -> io::Result<()> {
        while self.held.len() < AHEAD && !self.has_ended {
            let mut chunk = [0; AHEAD];
            let mut chunk = ReadBuf::new(&mut chunk);
            if read(&mut chunk)?.is_pending() {
                break;
            }
            self.has_ended = chunk.filled().is_empty();
            self.held.extend_from_slice(chunk.filled());
        }
        Ok(())
    }

    /// Shows some of what is held; nothing at all means that the caller says no more. Returns how much.
    pub(crate) fn show_held(&mut self, share: Share, buffer: &mut ReadBuf<'_>) -> usize {
        let held = std::mem::take(&mut self.held);
        let offered = held.get(..buffer.remaining()).unwrap_or(&held);
        let shown = self.measure(share, offered);
        buffer.put_slice(offered.get(..shown).unwrap_or_default());
        self.keep(held, shown);
        shown
    }

    /// Takes back what was read into `buffer` behind `before` and is not to be shown yet. Returns how
    /// much is shown.
    pub(crate) fn show_read(
        &mut self,
        share: Share,
        buffer: &mut ReadBuf<'_>,
        before: usize,
    ) -> usize {
        let read = buffer.filled().get(before..).unwrap_or_default();
        let shown = self.measure(share, read);
        self.held
            .extend_from_slice(read.get(shown..).unwrap_or_default());
        buffer.set_filled(before + shown);
        shown
    }

    /// Throws away what is held, and says how much it was and whether nothing comes behind it.
    pub(crate) fn discard(&mut self) -> (usize, bool) {
        let held = std::mem::take(&mut self.held);
        (held.len(), self.has_ended)
    }

    fn keep(&mut self, mut held: BytesMut, shown: usize) {
        held.advance(shown);
        // What is empty gives its memory back.
        if !held.is_empty() {
            self.held = held;
        }
    }

    /// How many of the bytes may be shown.
    fn measure(&mut self, share: Share, bytes: &[u8]) -> usize {
        match share {
            Share::Nothing => 0,
            Share::Length(length) => {
                usize::try_from(length).map_or(bytes.len(), |length| length.min(bytes.len()))
            }
            Share::ToEmptyLine => {
                for (shown, byte) in (1..).zip(bytes) {
                    let was_at_start = self.is_at_line_start;
                    match byte {
                        b'\n' if was_at_start => {
                            self.is_pausing = true;
                            return shown;
                        }
                        b'\n' => self.is_at_line_start = true,
                        b'\r' => {}
                        _ => self.is_at_line_start = false,
                    }
                }
                bytes.len()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is shown of what comes in piece by piece, split wherever the parser is asked.
    fn shown(pieces: &[&str]) -> Vec<String> {
        let mut intake = Intake::default();
        let mut all = vec![String::new()];
        for piece in pieces {
            let mut piece = piece.as_bytes();
            intake
                .poll_fill(|chunk| {
                    if piece.is_empty() {
                        return Poll::Pending;
                    }
                    chunk.put_slice(piece);
                    piece = &[];
                    Poll::Ready(Ok(()))
                })
                .unwrap();
            while intake.has_more() {
                let mut space = [0; 7];
                let mut buffer = ReadBuf::new(&mut space);
                intake.show_held(Share::ToEmptyLine, &mut buffer);
                let text = std::str::from_utf8(buffer.filled()).unwrap();
                all.last_mut().unwrap().push_str(text);
                if intake.take_pause() {
                    all.push(String::new());
                }
            }
        }
        all
    }

    #[test]
    fn the_parser_is_asked_behind_each_empty_line_however_the_bytes_arrive() {
        let whole = "GET / HTTP/1.1\r\nHost: s\r\n\r\nGET /b HTTP/1.1\nHost: s\n\nGE";
        let parts = [
            "GET / HTTP/1.1\r\nHost: s\r\n\r\n",
            "GET /b HTTP/1.1\nHost: s\n\n",
            "GE",
        ];
        assert_eq!(shown(&[whole]), parts);
        let bytes: Vec<&str> = (0..whole.len()).map(|at| &whole[at..=at]).collect();
        assert_eq!(shown(&bytes), parts);
        for at in 0..whole.len() {
            assert_eq!(shown(&[&whole[..at], &whole[at..]]), parts, "{at}");
        }
    }

    #[test]
    fn what_is_not_to_be_shown_is_kept_in_order() {
        let mut intake = Intake::default();
        let mut space = [0; 16];
        let mut buffer = ReadBuf::new(&mut space);
        buffer.put_slice(b"before");
        buffer.put_slice(b"bodynext");
        assert_eq!(intake.show_read(Share::Length(4), &mut buffer, 6), 4);
        assert_eq!(buffer.filled(), b"beforebody");
        assert!(intake.has_more());
        assert_eq!(intake.show_held(Share::Nothing, &mut buffer), 0);
        assert_eq!(intake.show_held(Share::Length(9), &mut buffer), 4);
        assert_eq!(buffer.filled(), b"beforebodynext");
        assert!(!intake.has_more());
    }

    #[test]
    fn no_more_than_a_little_is_taken_ahead() {
        let mut intake = Intake::default();
        let mut reads = 0;
        intake
            .poll_fill(|chunk| {
                reads += 1;
                chunk.put_slice(&[b'x'; 1000]);
                Poll::Ready(Ok(()))
            })
            .unwrap();
        assert_eq!(reads, 5);
        assert_eq!(intake.discard(), (5000, false));
    }
}
