//! How retirements are finished that a crash, a lost answer or a provider out of reach cut off.

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use signer_domain::ports::{CustodyError, RetirementStage};
use signer_domain::{Deadline, SigningKey};

use super::ProviderContext;
use super::left::{AT_ONCE, Left, of_key};
use crate::errors::from_registry;
use crate::key::{Finish, FinishRetirement};

/// How long a start waits for all its begun retirements together.
const FINISH_DEADLINE: Duration = Duration::from_secs(5);

/// Finishes the retirements of this provider that were begun: the provider first, then the registry.
/// Runs before the provider takes requests, and again as long as something is left. A key whose
/// retirement the provider does not confirm stays blocked.
///
/// # Errors
/// When the registry cannot be asked.
pub(super) async fn finish(context: &ProviderContext) -> Result<Left, CustodyError> {
    let deadline = Deadline::after(FINISH_DEADLINE);
    let left = context
        .shared
        .ports
        .registry
        .unsettled_retirements(RetirementStage::Begun)
        .await;
    let left = left.map_err(from_registry)?;
    let mine = left
        .into_iter()
        .filter(|key| key.provider() == context.name());
    let finish = |key: SigningKey| async move {
        let began = Instant::now();
        let keys = &context.shared.keys;
        let asked = keys.ask(&key.handle_id, &FinishRetirement, deadline);
        match asked.await.and_then(|finished| finished) {
            Ok(Finish::Done) => {
                tracing::info!(key_id = %key.key_id, scope = %key.scope, "begun retirement finished");
                context.shared.metrics.repairs.inc();
                context.shared.own_acts.repaired(of_key(key), began);
                Left::Nothing
            }
            Ok(Finish::Superfluous) => Left::Nothing,
            Err(error) => {
                tracing::error!(key_id = %key.key_id, cause = %error, "begun retirement not finished");
                Left::Something
            }
        }
    };
    let finished = stream::iter(mine).map(finish).buffer_unordered(AT_ONCE);
    let left: Vec<Left> = finished.collect().await;
    Ok(left
        .into_iter()
        .find(|left| *left == Left::Something)
        .unwrap_or(Left::Nothing))
}
