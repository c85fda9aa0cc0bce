//! Waiting until it is clear which version of a vault key is the key.

use std::time::{Duration, Instant};

use signer_cloud::until_there;
use signer_domain::Deadline;
use signer_domain::ports::KeyProviderError;

use super::error::{Refusal, unexpected};
use super::handle::KeyVersion;
use super::standing::Standing;
use super::vault::{Vault, Version};

/// How long another custodian is given to complete the version that it has made. One that is slower
/// is taken for dead.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long to wait before the vault is asked again.
const PAUSE: Duration = Duration::from_millis(150);

/// What stands under a name.
#[derive(Debug)]
pub(super) enum Settled {
    /// Nothing.
    Nothing,
    /// A version that nobody completes any more.
    Abandoned(Version),
    /// The key.
    Key(Version),
    /// Versions that were disabled before they held a key.
    Withdrawn,
}

/// Looks until nobody else is about to change what stands under `name`.
///
/// # Errors
/// Those of the calls.
pub(super) async fn settled(
    vault: &Vault,
    name: &str,
    holds_a_key: fn(&Version) -> bool,
    deadline: Deadline,
) -> Result<Settled, KeyProviderError> {
    let patience = PATIENCE.min(deadline.remaining() / 3);
    let began = Instant::now();
    loop {
        let versions = vault.versions(name, deadline).await?;
        let is_over = began.elapsed() >= patience;
        match Standing::of(&versions, holds_a_key) {
            Standing::Nothing => return Ok(Settled::Nothing),
            Standing::Withdrawn => return Ok(Settled::Withdrawn),
            Standing::Unfinished(version) if is_over => {
                return Ok(Settled::Abandoned(version.clone()));
            }
            Standing::Key {
                version,
                unfinished,
            } => match unfinished {
                None => return Ok(Settled::Key(version.clone())),
                Some(older) if is_over => {
                    put_aside(vault, &older.id, deadline).await;
                    return Ok(Settled::Key(version.clone()));
                }
                Some(_) => {}
            },
            Standing::Unfinished(_) => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The key under `name`, which was made a moment ago; waits until the vault shows it.
///
/// # Errors
/// Those of the calls; and when the vault never shows it.
pub(super) async fn settled_key(
    vault: &Vault,
    name: &str,
    holds_a_key: fn(&Version) -> bool,
    deadline: Deadline,
) -> Result<Version, KeyProviderError> {
    let seen = until_there(deadline, || async {
        match settled(vault, name, holds_a_key, deadline).await? {
            Settled::Key(version) => Ok(Some(version)),
            Settled::Withdrawn => Err(KeyProviderError::KeyRetired),
            Settled::Nothing | Settled::Abandoned(_) => Ok(None),
        }
    });
    let seen = seen.await?;
    seen.ok_or_else(|| unexpected("a key that was made is not shown"))
}

/// Disables a version that is not the key. One that stays enabled does no harm but for its price.
pub(super) async fn put_aside(vault: &Vault, id: &KeyVersion, deadline: Deadline) {
    match vault.disable(id, deadline).await.map_err(Refusal::plain) {
        Ok(()) => tracing::info!(version = %id, "superfluous version of a vault key disabled"),
        Err(cause) => {
            tracing::warn!(version = %id, %cause, "superfluous version of a vault key not disabled");
        }
    }
}
