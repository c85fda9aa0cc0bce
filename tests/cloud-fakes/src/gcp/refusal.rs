//! How the service says no.

use serde_json::json;

use crate::Answer;

/// A refusal with a status code, the name of the canonical code, and a message.
pub fn gcp_refusal(status: u16, code: &str, message: &str) -> Answer {
    let error = json!({ "code": status, "status": code, "message": message });
    Answer::json(status, &json!({ "error": error }))
}

/// The refusal of an algorithm that the service does not offer at a protection level.
pub(super) fn of_level() -> Answer {
    let info = json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "ALGORITHM_NOT_SUPPORTED_FOR_PROTECTION_LEVEL",
        "domain": "cloudkms.googleapis.com",
    });
    let error = json!({
        "code": 400,
        "status": "INVALID_ARGUMENT",
        "message": "The algorithm EC_SIGN_ED25519 is not supported for protection level HSM.",
        "details": [info],
    });
    Answer::json(400, &json!({ "error": error }))
}
