//! One thing that nobody should send, and what may come back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use signer_test_support::{K1, sign_request};

/// What the attacks ask to be signed. Nothing else ever asks for it.
pub(crate) const COVETED: [u8; 64] = [0xe7; 64];

/// Bytes that go over a connection of their own.
#[derive(Debug, Clone)]
pub(crate) struct Attack {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) expected: Expected,
}

/// What may come back.
#[derive(Debug, Clone)]
pub(crate) enum Expected {
    /// One answer for each of these, in this order.
    Answers(Vec<Answer>),
    /// The first of these at least, and the others or the end: the custodian may hang up rather than
    /// read on.
    AnswersOrEnd(Answer, Vec<Answer>),
    /// These, and then at most one refusal, after which the connection is closed.
    AnswersThenEnd(Vec<Answer>),
    /// Nothing but the end, once the other side has said that nothing more comes.
    EndAfterHalf(Vec<Answer>),
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A signature by `k1` over this digest.
    Signed([u8; 64]),
    /// A success without any signature.
    Done,
    /// A problem of this code.
    Refused(&'static str),
}

impl Attack {
    /// A well-framed request that is refused.
    pub(crate) fn refused(name: impl Into<String>, bytes: Vec<u8>, code: &'static str) -> Self {
        Self {
            name: name.into(),
            bytes,
            expected: Expected::Answers(vec![Answer::Refused(code)]),
        }
    }

    /// Bytes after which the connection is of no more use.
    pub(crate) fn ended(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self {
            name: name.into(),
            bytes,
            expected: Expected::AnswersThenEnd(Vec::new()),
        }
    }

    /// Requests after which the other side says no more, and what is answered to them.
    pub(crate) fn half(name: impl Into<String>, bytes: Vec<u8>, answers: Vec<Answer>) -> Self {
        Self {
            name: name.into(),
            bytes,
            expected: Expected::EndAfterHalf(answers),
        }
    }
}

/// The path of a call that signs with `k1`.
pub(crate) fn sign_path() -> String {
    format!("{K1}/sign")
}

/// A body that asks for the signature over [`COVETED`].
pub(crate) fn coveted() -> String {
    sign_request(&COVETED)
}

/// [`COVETED`] in base64.
pub(crate) fn coveted_digest() -> String {
    STANDARD.encode(COVETED)
}

/// A well-framed `POST` of a JSON document.
pub(crate) fn post(path: &str, json: impl AsRef<[u8]>) -> Vec<u8> {
    post_with(path, "", json)
}

/// A well-framed `POST` of a JSON document with more header fields, each with its line end.
pub(crate) fn post_with(path: &str, fields: &str, json: impl AsRef<[u8]>) -> Vec<u8> {
    let json = json.as_ref();
    let length = format!("{fields}Content-Length: {}\r\n", json.len());
    framed(path, &length, json)
}

/// A `POST` of a JSON document that is framed as `framing` says, which ends each of its lines.
pub(crate) fn framed(path: &str, framing: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{framing}\r\n"
    );
    [head.as_bytes(), body.as_ref()].concat()
}

/// A request without a body.
pub(crate) fn bare(method: &str, path: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}
