//! What is told of a PKCS#11 token, as documents.

use serde::Serialize;

/// What a token offers.
#[derive(Debug, Serialize)]
pub(crate) struct MechanismsDocument {
    pub(crate) token: TokenDocument,
    pub(crate) mechanisms: Vec<MechanismDocument>,
    /// The mechanisms that the custodian needs and the token lacks.
    pub(crate) missing: Vec<String>,
}

/// A token as it describes itself.
#[derive(Debug, Serialize)]
pub(crate) struct TokenDocument {
    pub(crate) slot: u64,
    pub(crate) label: String,
    pub(crate) serial: String,
    pub(crate) manufacturer: String,
    pub(crate) model: String,
    /// How many sessions it takes at once; null when it does not say.
    pub(crate) most_sessions: Option<u64>,
    /// What it says of its PIN that an operator should know.
    pub(crate) pin_warning: Option<&'static str>,
}

/// One mechanism.
#[derive(Debug, Serialize)]
pub(crate) struct MechanismDocument {
    pub(crate) name: String,
    pub(crate) sign: bool,
    pub(crate) generate_key_pair: bool,
    pub(crate) needed: bool,
}

/// Whether a token can serve.
#[derive(Debug, Serialize)]
pub(crate) struct CheckDocument {
    pub(crate) usable: bool,
    pub(crate) token: Option<TokenDocument>,
    /// The public key of the sentinel in base64; null when there is none yet.
    pub(crate) sentinel_public_key: Option<String>,
    /// The handles of the keys that the registry calls retired and the token can still use; null when no
    /// registry was named, or the check did not get as far.
    pub(crate) retired_still_usable: Option<Vec<String>>,
    pub(crate) steps: Vec<StepDocument>,
}

/// One step of the check.
#[derive(Debug, Serialize)]
pub(crate) struct StepDocument {
    pub(crate) name: &'static str,
    pub(crate) ok: bool,
    pub(crate) detail: String,
}
