//! What the custodian answered: a document, or a problem that becomes one sentence.

use hyper::body::Bytes;
use hyper::header::HeaderMap;
use hyper::{Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::exit::Exit;
use crate::failure::Failure;

/// A document, read and as it came.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    /// What it says.
    pub(crate) document: T,
    /// The bytes that said it.
    pub(crate) body: Bytes,
}

/// The members of a problem document (RFC 9457) that matter here. A server may be newer than this
/// client, so the code is any text and every member may be missing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ProblemAnswer {
    code: String,
    detail: String,
    request_id: String,
}

/// Reads the document of a success.
///
/// # Errors
/// When the answer is a problem, with its detail and the request's id, or is not understood.
pub(super) fn read<T: DeserializeOwned>(response: Response<Bytes>) -> Result<Answer<T>, Failure> {
    if !response.status().is_success() {
        return Err(refusal(&response));
    }
    let body = response.into_body();
    match serde_json::from_slice(&body) {
        Ok(document) => Ok(Answer { document, body }),
        Err(cause) => Err(Failure::general(format_args!(
            "the custodian's answer is not understood: {cause}"
        ))),
    }
}

fn refusal(response: &Response<Bytes>) -> Failure {
    let problem: ProblemAnswer = serde_json::from_slice(response.body()).unwrap_or_default();
    let request_id = match problem.request_id.as_str() {
        "" => request_id_header(response.headers()),
        request_id => request_id,
    };
    let exit = Exit::of_problem(&problem.code);
    if problem.detail.is_empty() {
        return Failure::new(exit, status_sentence(response.status(), request_id));
    }
    let detail = &problem.detail;
    Failure::new(exit, format_args!("{detail} (request {request_id})"))
}

fn request_id_header(headers: &HeaderMap) -> &str {
    headers
        .get("x-request-id")
        .and_then(|value| value.to_str().ok())
        .unwrap_or("unknown")
}

fn status_sentence(status: StatusCode, request_id: &str) -> String {
    format!("the custodian answered {status} (request {request_id})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &'static str) -> Failure {
        let response = Response::builder()
            .status(status)
            .header("X-Request-Id", "from-the-head")
            .body(Bytes::from_static(body.as_bytes()))
            .unwrap();
        read::<serde_json::Value>(response).unwrap_err()
    }

    #[test]
    fn a_problem_becomes_its_detail_and_the_request() {
        let failure = refused(
            410,
            r#"{"code":"key_retired","detail":"signing: key retired","request_id":"r1","more":1}"#,
        );
        assert_eq!(failure.to_string(), "signing: key retired (request r1)");
        assert_eq!(failure.exit(), Exit::Retired);
    }

    #[test]
    fn an_answer_that_is_no_problem_is_told_by_its_status() {
        let failure = refused(502, "<html>");
        assert_eq!(
            failure.to_string(),
            "the custodian answered 502 Bad Gateway (request from-the-head)"
        );
        assert_eq!(failure.exit(), Exit::General);
    }

    #[test]
    fn a_success_that_is_no_document_is_a_failure() {
        let failure = refused(200, "[");
        assert!(failure.to_string().contains("not understood"), "{failure}");
    }
}
