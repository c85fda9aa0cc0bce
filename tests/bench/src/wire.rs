//! Just enough HTTP/1.1 for a load generator: requests as ready bytes, answers found by their
//! `Content-Length`. The measured loop uses the framing alone; set-up uses the blocking client.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::Outcome;

/// Nothing that is measured may take longer than this.
const PATIENCE: Duration = Duration::from_secs(15);

/// Where an answer ends, known once its head is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Framing {
    pub(crate) status: u16,
    pub(crate) body_at: usize,
    pub(crate) ends_at: usize,
}

impl Framing {
    /// Reads the head of an answer; `None` while it is incomplete.
    pub(crate) fn of(bytes: &[u8]) -> Outcome<Option<Self>> {
        let Some(head_len) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            return Ok(None);
        };
        let (head, _body) = bytes.split_at(head_len);
        let status = head
            .get(9..12)
            .and_then(|code| std::str::from_utf8(code).ok()?.parse().ok())
            .ok_or("the answer has no status line")?;
        let body_len = head
            .split(|byte| *byte == b'\n')
            .find_map(content_length)
            .ok_or("the answer has no content length")?;
        let body_at = head_len + 4;
        Ok(Some(Self {
            status,
            body_at,
            ends_at: body_at + body_len,
        }))
    }
}

fn content_length(line: &[u8]) -> Option<usize> {
    let (name, value) = line.split_at_checked(b"content-length:".len())?;
    let named = name.eq_ignore_ascii_case(b"content-length:");
    named.then(|| std::str::from_utf8(value).ok()?.trim().parse().ok())?
}

/// The bytes of one request.
pub(crate) fn render(method: &str, path: &str, body: &str) -> Vec<u8> {
    let entity = if body.is_empty() {
        String::new()
    } else {
        format!(
            "content-type: application/json\r\ncontent-length: {}\r\n",
            body.len()
        )
    };
    format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{entity}\r\n{body}").into_bytes()
}

/// The path of one key, `tail` being empty or what follows with its slash.
pub(crate) fn key_path(handle_id: &str, tail: &str) -> String {
    let escaped = utf8_percent_encode(handle_id, NON_ALPHANUMERIC);
    format!("/v1/keys/{escaped}{tail}")
}

/// One connection that waits for each answer.
#[derive(Debug)]
pub(crate) struct Client(UnixStream);

impl Client {
    /// Connects to `socket`.
    pub(crate) fn connect(socket: &Path) -> Outcome<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self(stream))
    }

    /// Sends a request and waits for its answer: the status and the body.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> Outcome<(u16, Vec<u8>)> {
        self.0.write_all(request)?;
        let mut bytes = Vec::new();
        let mut chunk = [0; 16 * 1024];
        loop {
            let count = self.0.read(&mut chunk)?;
            if count == 0 {
                return Err("the server closed the connection".into());
            }
            bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
            match Framing::of(&bytes)? {
                Some(framing) if bytes.len() >= framing.ends_at => {
                    return Ok((framing.status, bytes.split_off(framing.body_at)));
                }
                Some(_) | None => {}
            }
        }
    }

    /// Like [`Self::exchange`], but only for a status of 2xx.
    pub(crate) fn expect(&mut self, request: &[u8]) -> Outcome<Vec<u8>> {
        let (status, body) = self.exchange(request)?;
        if (200..300).contains(&status) {
            Ok(body)
        } else {
            let text = String::from_utf8_lossy(&body);
            Err(format!("the server answered {status}: {text}").into())
        }
    }

    /// The connection itself.
    pub(crate) fn into_stream(self) -> UnixStream {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_end_of_an_answer() {
        let answer = b"HTTP/1.1 410 Gone\r\nContent-Length: 3\r\nx: y\r\n\r\nabc";
        let framing = Framing::of(answer).unwrap().unwrap();
        assert_eq!(framing.status, 410);
        assert_eq!(&answer[framing.body_at..framing.ends_at], b"abc");
    }

    #[test]
    fn waits_for_the_whole_head() {
        assert_eq!(Framing::of(b"HTTP/1.1 200 OK\r\ncontent-le").unwrap(), None);
    }

    #[test]
    fn refuses_an_answer_of_unknown_length() {
        let refused = Framing::of(b"HTTP/1.1 200 OK\r\n\r\n").unwrap_err();
        assert_eq!(refused.to_string(), "the answer has no content length");
    }

    #[test]
    fn escapes_handles_in_paths() {
        assert_eq!(
            key_path("software:platform|k1", "/sign"),
            "/v1/keys/software%3Aplatform%7Ck1/sign"
        );
    }
}
