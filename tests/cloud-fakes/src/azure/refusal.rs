//! How the vault says no.

use serde_json::{Value, json};

use crate::message::{Answer, Request};

/// Why the vault does not do it.
#[derive(Debug)]
pub(super) enum Refused {
    Unauthorized,
    Forbidden(&'static str),
    NotFound(String),
    BadParameter(String),
    Conflict(String),
}

/// The answer that says so.
pub(super) fn refuse(refused: &Refused, request: &Request) -> Answer {
    let document = |status, code: &str, message: String, inner: Option<&str>| {
        let mut error = json!({ "code": code, "message": message });
        if let Some(inner) = inner {
            error["innererror"] = json!({ "code": inner });
        }
        Answer::json(status, &json!({ "error": error }))
    };
    match refused {
        Refused::Unauthorized => {
            let challenge = "Bearer authorization=\"https://login.microsoftonline.com/\
                             00000000-0000-0000-0000-000000000001\", \
                             resource=\"https://vault.azure.net\"";
            let message = format!("AKV10000: Request is missing a token: {}", request.method);
            document(401, "Unauthorized", message, None).with("www-authenticate", challenge)
        }
        Refused::Forbidden(inner) => {
            let message = "Caller is not authorized to perform action on resource.";
            document(403, "Forbidden", message.to_owned(), Some(inner))
        }
        Refused::NotFound(name) => {
            let message = format!("A key with (name/id) {name} was not found in this key vault.");
            document(404, "KeyNotFound", message, None)
        }
        Refused::BadParameter(message) => document(400, "BadParameter", message.clone(), None),
        Refused::Conflict(name) => {
            let message = format!("Key {name} is currently in a deleted but recoverable state.");
            document(
                409,
                "Conflict",
                message,
                Some("ObjectIsDeletedButRecoverable"),
            )
        }
    }
}

/// A value that the vault does not take.
pub(super) fn bad_property(name: &str, value: &Value) -> Refused {
    Refused::BadParameter(format!("Property {name} has invalid value {value}"))
}
