//! How a provider whose keys all come from one secret is known to have the right one.

use signer_domain::ports::{CustodyError, KeyPage, KeyProviderError, KeyQuery};
use signer_domain::{Deadline, KeyState, SigningKey};

use super::ProviderContext;
use super::sweep::{PAGE, SHOW_DEADLINE};
use crate::errors::from_registry;

/// How much of the registry is looked through for a key of the provider. One that stands further back
/// is met by the sweep.
const PAGES: usize = 100;

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
    let Some(mistaken_secret) = context.provider.capabilities().mistaken_secret else {
        return Ok(None);
    };
    let Some(key) = any_key(context).await? else {
        return Ok(None);
    };
    let deadline = Deadline::after(SHOW_DEADLINE);
    let call = context.provider.public_key(&key.handle_id, deadline);
    let shown = tokio::time::timeout(deadline.remaining(), call).await;
    let is_another = matches!(shown, Ok(Ok(shown)) if shown != key.public_key);
    Ok(is_another.then_some(KeyProviderError::Misconfigured {
        context: mistaken_secret,
        source: None,
    }))
}

/// A key of the provider that may sign.
async fn any_key(context: &ProviderContext) -> Result<Option<SigningKey>, CustodyError> {
    for state in [KeyState::Active, KeyState::Rotating] {
        let mut query = KeyQuery {
            scope: None,
            state: Some(state),
            limit: PAGE,
            after: None,
        };
        for _ in 0..PAGES {
            let page = context.ports.registry.list(&query).await;
            let KeyPage { keys, next } = page.map_err(from_registry)?;
            let mut keys = keys.into_iter();
            if let Some(key) = keys.find(|key| key.provider() == context.name()) {
                return Ok(Some(key));
            }
            let Some(after) = next else {
                break;
            };
            query.after = Some(after);
        }
    }
    Ok(None)
}
