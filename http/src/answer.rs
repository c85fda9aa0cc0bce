//! What goes back to the caller.

use std::fmt;
use std::time::Duration;

use actix_http::header::{self, HeaderName, HeaderValue};
use actix_http::{ConnectionType, Response, StatusCode};
use bytes::Bytes;
use serde::Serialize;
use signer_domain::ports::ReleaseHold;

use crate::key_set::{Rest, without_end};
use crate::refusal::{Hint, Refusal};
use crate::request_id::RequestId;
use crate::seconds::whole_seconds;
use crate::wire::Problem;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// An answer, less what every answer has.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    content_type: HeaderValue,
    body: Bytes,
    extra: Option<(HeaderName, HeaderValue)>,
    holds: Vec<ReleaseHold>,
    rest: Option<Unread>,
}

/// What follows the body, and is read while that leaves.
struct Unread(Rest);

/// What reading the rest of an answer takes.
const READING: usize = 512 * 1024;

impl fmt::Debug for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Unread").finish_non_exhaustive()
    }
}

/// What becomes of the connection after the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Afterwards {
    /// It may carry the next request, and is kept for so long until that comes.
    KeepAlive(Duration),
    /// It is closed.
    Close,
}

impl Answer {
    /// An answer that is a JSON document.
    pub(crate) fn json(status: StatusCode, document: &impl Serialize) -> Self {
        Self::typed_json(status, JSON, document)
    }

    /// An answer that is a JSON document of the given media type.
    pub(crate) fn typed_json(
        status: StatusCode,
        content_type: HeaderValue,
        document: &impl Serialize,
    ) -> Self {
        match serde_json::to_vec(document) {
            Ok(body) => Self::new(status, content_type, body.into()),
            Err(error) => {
                tracing::error!(%error, "answer not serialised");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, JSON, Bytes::new())
            }
        }
    }

    pub(crate) const fn new(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Self {
        Self {
            status,
            content_type,
            body,
            extra: None,
            holds: Vec::new(),
            rest: None,
        }
    }

    /// Adds what goes with the signatures in it.
    pub(crate) fn holding(self, holds: Vec<ReleaseHold>) -> Self {
        Self { holds, ..self }
    }

    /// The problem that puts `refusal` into words.
    pub(crate) fn problem(refusal: Refusal, request_id: &RequestId) -> Self {
        let Refusal { code, detail, hint } = refusal;
        let problem = Problem::new(code, detail, request_id.as_str());
        let answer = Self::typed_json(code.status(), PROBLEM, &problem);
        match hint {
            Hint::None => answer,
            Hint::Allow(methods) => answer.with(header::ALLOW, HeaderValue::from_static(methods)),
            Hint::RetryAfter(delay) => {
                answer.with(header::RETRY_AFTER, HeaderValue::from(whole_seconds(delay)))
            }
        }
    }

    pub(crate) const fn status(&self) -> StatusCode {
        self.status
    }

    /// The beginning of an answer, which `rest` continues.
    pub(crate) fn continued_by(self, rest: Rest) -> Self {
        Self {
            body: without_end(self.body),
            rest: Some(Unread(rest)),
            ..self
        }
    }

    /// Takes out what follows the body.
    pub(crate) fn take_rest(&mut self) -> Option<Rest> {
        self.rest.take().map(|Unread(rest)| rest)
    }

    /// How many bytes it takes until it has left.
    pub(crate) const fn footprint(&self) -> usize {
        match self.rest {
            Some(_) => self.body.len() + READING,
            None => self.body.len(),
        }
    }

    /// Whether it says that the caller may not ask this.
    pub(crate) fn is_denial(&self) -> bool {
        self.status == StatusCode::FORBIDDEN
    }

    pub(crate) fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// Adds the one header field that this kind of answer has.
    pub(crate) fn with(self, name: HeaderName, value: HeaderValue) -> Self {
        Self {
            extra: Some((name, value)),
            ..self
        }
    }

    /// Whether there are signatures in it.
    pub(crate) const fn is_holding(&self) -> bool {
        !self.holds.is_empty()
    }

    /// Takes out what goes with its signatures, which must be kept until they have left.
    pub(crate) fn take_holds(&mut self) -> Vec<ReleaseHold> {
        std::mem::take(&mut self.holds)
    }

    /// Adds what every answer has.
    pub(crate) fn into_response(
        self,
        request_id: RequestId,
        afterwards: Afterwards,
    ) -> Response<Bytes> {
        let mut response = Response::with_body(self.status, self.body);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, self.content_type);
        headers.insert(REQUEST_ID, request_id.into_header());
        if let Some((name, value)) = self.extra {
            headers.insert(name, value);
        }
        match afterwards {
            Afterwards::KeepAlive(idle_limit) => {
                let promise = format!("timeout={}", idle_limit.as_secs());
                if let Ok(promise) = HeaderValue::from_str(&promise) {
                    headers.insert(KEEP_ALIVE, promise);
                }
            }
            Afterwards::Close => response
                .head_mut()
                .set_connection_type(ConnectionType::Close),
        }
        response
    }
}
