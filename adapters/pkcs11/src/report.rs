//! What is told of a PKCS#11 token, as documents.

use serde::Serialize;
use signer_module::{Closed, Refusal};

/// What a token offers.
#[derive(Debug, Serialize)]
pub struct MechanismsDocument {
    /// The token.
    pub token: TokenDocument,
    /// What it offers.
    pub mechanisms: Vec<MechanismDocument>,
    /// The mechanisms that the custodian needs and the token lacks.
    pub missing: Vec<String>,
}

/// A token as it describes itself.
#[derive(Debug, Serialize)]
pub struct TokenDocument {
    /// The number of its slot.
    pub slot: u64,
    /// Its label.
    pub label: String,
    /// Its serial number.
    pub serial: String,
    /// Who made it.
    pub manufacturer: String,
    /// What it is.
    pub model: String,
    /// How many sessions it takes at once; null when it does not say.
    pub most_sessions: Option<u64>,
    /// What it says of its PIN that an operator should know.
    pub pin_warning: Option<&'static str>,
}

/// One mechanism.
#[derive(Debug, Serialize)]
pub struct MechanismDocument {
    /// The name.
    pub name: String,
    /// Whether it signs.
    pub sign: bool,
    /// Whether it makes pairs.
    pub generate_key_pair: bool,
    /// Whether the custodian needs it.
    pub needed: bool,
}

/// Whether a token can serve.
#[derive(Debug, Serialize)]
pub struct CheckDocument {
    /// Whether the token can serve.
    pub usable: bool,
    /// The token.
    pub token: Option<TokenDocument>,
    /// The public key of the sentinel in base64; null when there is none yet.
    pub sentinel_public_key: Option<String>,
    /// The handles of the keys that the registry calls retired and the token can still use; null when no
    /// registry was named, or the check did not get as far.
    pub retired_still_usable: Option<Vec<String>>,
    /// The steps, in their order.
    pub steps: Vec<StepDocument>,
}

/// One step of the check.
#[derive(Debug, Serialize)]
pub struct StepDocument {
    /// The name.
    pub name: &'static str,
    /// Whether it went well.
    pub ok: bool,
    /// What was found.
    pub detail: String,
}

/// What a check of a token came to: what was found, and why the process ends.
pub type Checked = (CheckDocument, Result<(), Refusal>);

/// What an acceptance came to: what was done, and how the use of the token ended.
pub type Accepted = (Result<&'static str, Refusal>, Closed);
