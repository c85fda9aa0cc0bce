//! Who may call: the holders of an access token that was issued here.

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::refusal::gcp_refusal;
use crate::Answer;

/// Access tokens and whether they are needed.
#[derive(Default)]
pub(super) struct Tokens(Mutex<State>);

#[derive(Default)]
struct State {
    are_required: bool,
    are_withheld: bool,
    issued: Vec<String>,
    /// Tokens before this one are revoked.
    first_good: usize,
}

impl Tokens {
    pub(super) fn require(&self) {
        self.0.lock().are_required = true;
    }

    pub(super) fn revoke(&self) {
        let mut state = self.0.lock();
        state.are_withheld = true;
        state.first_good = state.issued.len();
    }

    pub(super) fn issue_again(&self) {
        self.0.lock().are_withheld = false;
    }

    pub(super) fn issued(&self) -> Vec<String> {
        self.0.lock().issued.clone()
    }

    /// Issues one for a refresh token.
    pub(super) fn issue(&self, document: &Value) -> Result<Value, Answer> {
        let mut state = self.0.lock();
        let refresh_token = document["refresh_token"].as_str().unwrap_or_default();
        if state.are_withheld || refresh_token.is_empty() {
            // The refresh token comes back in the description, as a careless service might do it.
            let description = format!("Token {refresh_token} has been expired or revoked.");
            let refusal = json!({
                "error": "invalid_grant",
                "error_description": description,
            });
            return Err(Answer::json(400, &refusal));
        }
        let token = format!("throw-away-access-token-{}", state.issued.len());
        state.issued.push(token.clone());
        Ok(json!({ "access_token": token, "expires_in": 3600, "token_type": "Bearer" }))
    }

    /// Whether this header field opens the door.
    pub(super) fn check(&self, authorization: &str) -> Result<(), Answer> {
        let state = self.0.lock();
        if !state.are_required {
            return Ok(());
        }
        let token = authorization.strip_prefix("Bearer ").unwrap_or_default();
        let mut good = state.issued.iter().skip(state.first_good);
        if good.any(|issued| issued == token) {
            return Ok(());
        }
        let message = "Request had invalid authentication credentials.";
        Err(gcp_refusal(401, "UNAUTHENTICATED", message))
    }
}
