//! How a provider whose keys all come from one secret is known to have the right one.

use signer_domain::Deadline;
use signer_domain::ports::{CustodyError, KeyProviderError};

use super::ProviderContext;
use super::sweep::SHOW_DEADLINE;
use crate::errors::from_registry;

/// What is wrong with a provider whose keys all come from one secret, when that is not the secret which
/// the registered keys came from: one of them tells. Runs before anything is settled, because such a
/// provider knows nothing of what is left open. Where each key stands for itself, one that differs
/// says nothing of the others, and the sweep meets it.
///
/// # Errors
/// When the registry cannot be asked.
pub(crate) async fn mistake(
    context: &ProviderContext,
) -> Result<Option<KeyProviderError>, CustodyError> {
    let capabilities = context.provider.capabilities();
    let Some(mistaken_secret) = capabilities.mistaken_secret else {
        return Ok(None);
    };
    let key = context.shared.ports.registry.any_of(context.name()).await;
    let Some(key) = key.map_err(from_registry)? else {
        return Ok(None);
    };
    let deadline = Deadline::after(SHOW_DEADLINE);
    let shown = context.provider.public_key(&key.handle_id, deadline).await;
    let is_another = shown.is_ok_and(|shown| shown != key.public_key);
    Ok(is_another.then_some(KeyProviderError::Misconfigured {
        context: mistaken_secret,
        source: None,
    }))
}
