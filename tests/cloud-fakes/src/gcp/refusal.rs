//! How the service says no.

use serde_json::json;

use crate::Answer;

/// A refusal with a status code, the name of the canonical code, and a message.
pub fn gcp_refusal(status: u16, code: &str, message: &str) -> Answer {
    let error = json!({ "code": status, "status": code, "message": message });
    Answer::json(status, &json!({ "error": error }))
}
