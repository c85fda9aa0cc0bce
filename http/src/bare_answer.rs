//! The answers that the HTTP parser gives of its own accord: a status, and nothing else.
//!
//! The server library answers what never becomes a request by itself, and lets nobody put words to
//! it. Its answers are known by what they lack: all of ours carry more header fields than these.

use actix_http::StatusCode;
use bytes::{BufMut as _, Bytes, BytesMut};

use crate::refusal::{Hint, Refusal};
use crate::request_id::RequestId;
use crate::seconds::whole_seconds;
use crate::wire::Problem;

/// The end of every head, and so of every answer without a body.
const END: &[u8] = b"\r\n\r\n";
/// How every answer begins.
const BEGINNING: &[u8] = b"HTTP/1.";
/// No bare answer is longer.
const LONGEST: usize = 192;

/// An answer of the parser's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BareAnswer<'a> {
    version: &'a str,
    status: StatusCode,
    date: Option<&'a str>,
}

impl<'a> BareAnswer<'a> {
    /// What the parser would say to a head that does not arrive in time.
    pub(crate) const fn to_slow_head(date: Option<&'a str>) -> Self {
        Self {
            version: "HTTP/1.1",
            status: StatusCode::REQUEST_TIMEOUT,
            date,
        }
    }

    /// Finds the bare answer at the end of what is about to be sent, and where it begins. It is the
    /// last thing that is ever said on a connection.
    pub(crate) fn find_last(bytes: &'a [u8]) -> Option<(usize, Self)> {
        if !bytes.ends_with(END) {
            return None;
        }
        let floor = bytes.len().saturating_sub(LONGEST);
        let tail = bytes.get(floor..)?;
        let begins = |window: &[u8]| window == BEGINNING;
        let start = floor + tail.windows(BEGINNING.len()).rposition(begins)?;
        let text = std::str::from_utf8(bytes.get(start..)?).ok()?;
        Some((start, Self::parse(text)?))
    }

    fn parse(text: &'a str) -> Option<Self> {
        let head = text.strip_suffix("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let (version, rest) = lines.next()?.split_once(' ')?;
        let status = rest.get(..3)?.parse().ok()?;
        let mut date = None;
        let mut is_empty = false;
        for line in lines {
            match line.split_once(": ")? {
                ("content-length", "0") => is_empty = true,
                ("connection", _) => {}
                ("date", value) => date = Some(value),
                _ => return None,
            }
        }
        is_empty.then_some(Self {
            version,
            status,
            date,
        })
    }

    /// What it means, in our words; none when it is no answer that the parser is known to give.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        match self.status {
            StatusCode::BAD_REQUEST => Some(Refusal::unreadable_head()),
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Some(Refusal::endless_head()),
            StatusCode::REQUEST_TIMEOUT => Some(Refusal::slow_head()),
            StatusCode::INTERNAL_SERVER_ERROR => Some(Refusal::internal()),
            _ => None,
        }
    }

    /// The whole answer that says so in its place.
    pub(crate) fn put_into_words(&self, refusal: Refusal, request_id: &RequestId) -> Bytes {
        let id = request_id.as_str();
        let status = refusal.code.status();
        let problem = Problem::new(refusal.code, refusal.detail, id);
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let date = self.date.map(|date| format!("date: {date}\r\n"));
        let retry_after = match refusal.hint {
            Hint::RetryAfter(delay) => format!("retry-after: {}\r\n", whole_seconds(delay)),
            Hint::None | Hint::Allow(_) => String::new(),
        };
        let head = format!(
            "{} {status}\r\ncontent-length: {}\r\nconnection: close\r\n\
             content-type: application/problem+json\r\nx-request-id: {id}\r\n{retry_after}{}\r\n",
            self.version,
            body.len(),
            date.unwrap_or_default(),
        );
        let mut answer = BytesMut::with_capacity(head.len() + body.len());
        answer.put_slice(head.as_bytes());
        answer.put_slice(&body);
        answer.freeze()
    }
}

#[cfg(test)]
mod tests;
