//! What stands for the provider and its commands in a binary without it.

use signer_domain::RetiredKey;
use signer_module::{Closed, LeftOut, ProviderModule, Refusal, Settings, UnsupportedProvider};

use crate::face::FACE;
use crate::report::{Accepted, Checked, MechanismsDocument};

/// What stands for the provider, which this binary does not hold.
pub const MODULE: &dyn ProviderModule = &LeftOut(&FACE);

fn refusal() -> Refusal {
    Refusal::usage(UnsupportedProvider(FACE.name))
}

/// Lists what the token offers.
///
/// # Errors
/// Always.
pub fn mechanisms(_settings: &Settings) -> Result<MechanismsDocument, Refusal> {
    Err(refusal())
}

/// Checks the token.
///
/// # Errors
/// Always.
pub fn check(_settings: &Settings, _retired: Option<&[RetiredKey]>) -> Result<Checked, Refusal> {
    Err(refusal())
}

/// Takes an empty token into use: refused always.
pub async fn accept(_settings: &Settings) -> Accepted {
    (Err(refusal()), Closed::InOrder)
}
