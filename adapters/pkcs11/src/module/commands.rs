//! What the commands around a token do: list, check, and take an empty one into use.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use signer_domain::ports::{KeyProvider as _, KeyProviderError};
use signer_domain::{Deadline, RetiredKey};
use signer_module::{Closed, Prepared as _, Reason, Refusal, Settings};

use super::{END_PATIENCE, OpenToken, cause_of, load, token_settings, user_pin};
use crate::face::SLOT;
use crate::report::{
    Accepted, CheckDocument, Checked, MechanismDocument, MechanismsDocument, StepDocument,
    TokenDocument,
};
use crate::sdk::{self, CheckReport, CheckStep, RegistryKnows, TokenDescription};

/// How long a token may take to make its sentinel.
const ACCEPTANCE_PATIENCE: Duration = Duration::from_secs(30);

/// Lists what the token offers.
///
/// # Errors
/// When it cannot be asked.
pub fn mechanisms(settings: &Settings) -> Result<MechanismsDocument, Refusal> {
    let (module, slot) = (load(settings)?, settings.required(&SLOT)?);
    let listed = sdk::mechanisms(&module, &slot);
    let closing = module.close(END_PATIENCE);
    tracing::debug!(?closing, "module closed");
    let (token, offered) = listed.map_err(|error| verdict(&error))?;
    let missing = sdk::NEEDED_MECHANISMS
        .into_iter()
        .filter(|needed| !offered.iter().any(|mechanism| mechanism.name == *needed))
        .map(str::to_owned)
        .collect();
    let mechanisms = offered
        .into_iter()
        .map(|mechanism| MechanismDocument {
            name: mechanism.name,
            sign: mechanism.signs,
            generate_key_pair: mechanism.generates_pairs,
            needed: mechanism.is_needed,
        })
        .collect();
    Ok(MechanismsDocument {
        token: token_document(token),
        mechanisms,
        missing,
    })
}

/// Checks the token, holds it against the retired keys of a registry if there is one, and tells what to
/// end with.
///
/// # Errors
/// When there is nothing to check.
pub fn check(settings: &Settings, retired: Option<&[RetiredKey]>) -> Result<Checked, Refusal> {
    let (module, chosen) = (load(settings)?, token_settings(settings)?);
    let (pin, _) = user_pin(settings)?;
    let report = sdk::check(&module, chosen, pin, retired);
    let closing = module.close(END_PATIENCE);
    tracing::debug!(?closing, "module closed");
    let failed = report.steps.iter().find_map(|step| {
        let error = step.outcome.as_ref().err()?;
        let reason = if step.name == sdk::RETIRED_STEP {
            Reason::Integrity
        } else {
            verdict(error).reason()
        };
        let sentence = format!("the check failed at \"{}\"", step.name);
        Some(Refusal::new(reason, sentence))
    });
    Ok((check_document(report), failed.map_or(Ok(()), Err)))
}

/// Takes an empty token into use, whatever a registry knows of it; tells what was done. Refuses a token that
/// is not empty and has no sentinel, or cannot be asked.
pub async fn accept(settings: &Settings) -> Accepted {
    match OpenToken::of(settings) {
        Ok(token) => (accept_open(&token).await, token.close()),
        Err(refusal) => (Err(refusal), Closed::InOrder),
    }
}

async fn accept_open(token: &OpenToken) -> Result<&'static str, Refusal> {
    token.meet().await?;
    let deadline = Deadline::after(ACCEPTANCE_PATIENCE);
    // A token that is slow may have been opened without being met.
    if token.provider.has_met_its_token() || token.provider.check(deadline).await.is_ok() {
        return Ok("nothing to accept: the token has its sentinel");
    }
    token.provider.learn(RegistryKnows::NoKeys);
    match token.provider.check(deadline).await {
        Ok(()) => Ok("accepted: the token has a sentinel now"),
        Err(error) => Err(verdict(&error)),
    }
}

fn check_document(report: CheckReport) -> CheckDocument {
    let usable = report.is_usable();
    let step = |step: CheckStep| StepDocument {
        name: step.name,
        ok: step.outcome.is_ok(),
        detail: step.outcome.unwrap_or_else(|error| cause_of(&error)),
    };
    CheckDocument {
        usable,
        token: report.token.map(token_document),
        retired_still_usable: report
            .still_usable
            .map(|handles| handles.iter().map(ToString::to_string).collect()),
        sentinel_public_key: report.sentinel.map(|key| STANDARD.encode(key.as_bytes())),
        steps: report.steps.into_iter().map(step).collect(),
    }
}

fn token_document(token: TokenDescription) -> TokenDocument {
    TokenDocument {
        slot: token.slot,
        label: token.label,
        serial: token.serial,
        manufacturer: token.manufacturer,
        model: token.model,
        most_sessions: token.most_sessions,
        pin_warning: token.pin_warning,
    }
}

/// What a command ends with when the token cannot be asked.
fn verdict(error: &KeyProviderError) -> Refusal {
    let reason = match error {
        KeyProviderError::Misconfigured { .. } => Reason::Usage,
        KeyProviderError::ProviderUnavailable { .. } => Reason::Unavailable,
        KeyProviderError::KeyNotFound
        | KeyProviderError::KeyRetired
        | KeyProviderError::RotationInProgress => Reason::General,
    };
    Refusal::new(reason, cause_of(error))
}
