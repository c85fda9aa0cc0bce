//! Who gives tokens.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::{FakeVault, State};
use crate::message::{Answer, Request};

/// How long a token says that it is good for.
const LIFETIME: u64 = 3600;

/// Entra ID gives a token for the secret of the application.
pub(super) fn of_entra(state: &State, request: &Request) -> Answer {
    let body = String::from_utf8_lossy(&request.body);
    let secret = format!("client_secret={}", FakeVault::CLIENT_SECRET);
    let is_known = body.split('&').any(|pair| pair == secret);
    if state.identity_is_gone || !is_known {
        let error = json!({
            "error": "invalid_client",
            "error_description": "AADSTS7000215: Invalid client secret provided.",
            "error_codes": [7_000_215],
        });
        return Answer::json(401, &error);
    }
    let token = json!({
        "token_type": "Bearer",
        "expires_in": LIFETIME,
        "ext_expires_in": LIFETIME,
        "access_token": state.token,
    });
    Answer::json(200, &token)
}

/// The identity endpoint of App Service gives one to whoever shows its header.
pub(super) fn of_machine(state: &State, request: &Request) -> Answer {
    let is_known = request.header("x-identity-header") == FakeVault::IDENTITY_HEADER;
    if state.identity_is_gone || !is_known {
        return Answer::json(400, &json!({ "message": "no managed identity" }));
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let token = json!({
        "access_token": state.token,
        "expires_on": (now + LIFETIME).to_string(),
        "resource": "https://vault.azure.net",
        "token_type": "Bearer",
    });
    Answer::json(200, &token)
}
