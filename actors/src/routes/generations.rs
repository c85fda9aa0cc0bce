//! From a name to those who wait for its key to be made.

use std::collections::HashMap;

use parking_lot::Mutex;
use signer_domain::ports::{CustodyError, GeneratedOrStanding};
use signer_domain::{KeyId, Scope};
use tokio::sync::oneshot;

/// What making a key led to.
pub(crate) type GenerateOutcome = Result<GeneratedOrStanding, CustodyError>;

/// The keys that are being made. Calls for one name are served by one call to the provider. The table
/// outlives the provider actors, because a call that is under way does.
#[derive(Debug, Default)]
pub(crate) struct Generations(Mutex<HashMap<(Scope, KeyId), Waiting>>);

type Waiting = Vec<oneshot::Sender<GenerateOutcome>>;

/// What a caller is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Make the key, and then tell everybody.
    First,
    /// Wait for who makes it.
    Later,
}

impl Generations {
    /// Joins those who wait for a name.
    pub(crate) fn join(
        &self,
        scope: Scope,
        key_id: &KeyId,
    ) -> (Place, oneshot::Receiver<GenerateOutcome>) {
        let (reply, outcome) = oneshot::channel();
        let mut table = self.0.lock();
        let waiting = table.entry((scope, key_id.clone())).or_default();
        waiting.push(reply);
        let place = if waiting.len() == 1 {
            Place::First
        } else {
            Place::Later
        };
        (place, outcome)
    }

    /// Tells everybody who waits for a name. The key is new to the first who asked; to the others it
    /// stands.
    pub(crate) fn finish(&self, scope: Scope, key_id: &KeyId, mut outcome: GenerateOutcome) {
        let waiting = self.0.lock().remove(&(scope, key_id.clone()));
        for reply in waiting.unwrap_or_default() {
            // Who no longer listens needs no answer.
            drop(reply.send(outcome.clone()));
            if let Ok(GeneratedOrStanding::Generated(key)) = outcome {
                outcome = Ok(GeneratedOrStanding::Standing(key));
            }
        }
    }

    /// Whether the key of this name is being made.
    pub(crate) fn is_under_way(&self, scope: Scope, key_id: &KeyId) -> bool {
        self.0.lock().contains_key(&(scope, key_id.clone()))
    }
}
