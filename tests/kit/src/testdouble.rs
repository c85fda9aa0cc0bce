//! The scripted double of the test suites: an in-memory provider that signs for real, records what
//! it is asked, and fails on demand.
//!
//! A test that holds the double scripts it with [`TestDouble::inject_failure`]. A test that drives
//! a whole process cannot reach into it, so a key id can carry the script as well. It then opens
//! with an operation and a behaviour:
//!
//! | key id opens with | what happens |
//! | --- | --- |
//! | `<operation>-unavailable` | provider unavailable, surely without effect |
//! | `<operation>-lost` | the work is done, then the answer is lost: provider unavailable, outcome unknown |
//! | `<operation>-rotating` | rotation in progress |
//! | `<operation>-missing` | key not found |
//! | `<operation>-retired` | key retired |
//! | `<operation>-misconfigured` | misconfigured |
//! | `<operation>-slow-<N>ms` | the work is done after N milliseconds |
//! | `<operation>-hangs` | never answers |
//! | `<operation>-panics` | panics |
//! | `<operation>-wrong` | signs, but the signature is wrong; other operations do as they should |
//!
//! The operation is one of `generate`, `sign`, `public-key`, `retire`, `locate`. With `-once` or
//! `-twice` right after the behaviour it happens at the first such calls for that key only, as in
//! `sign-panics-once-7`. Anything else may follow.

mod failure;
mod key_pair;
mod module;
mod script;
mod state;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;

use signer_domain::ports::{GeneratedKey, KeyProvider, KeyProviderError, ProviderCapabilities};
use signer_domain::{Deadline, Digest, HandleId, KeyId, PublicKey, Scope, Signature};

use self::failure::unavailable;
use self::state::State;

pub use self::failure::{Call, Failure, Operation};
pub use self::module::{FACE, MODULE};

/// How many signatures by one key may be under way at once, unless the test says otherwise.
const MAX_IN_FLIGHT: NonZeroUsize = NonZeroUsize::new(16).unwrap();

/// The double. Clones share keys, log and script.
#[derive(Clone)]
pub struct TestDouble {
    state: Arc<State>,
    max_in_flight: NonZeroUsize,
}

impl TestDouble {
    /// A double without keys that does as it is told.
    pub fn new() -> Self {
        Self::with_max_in_flight(MAX_IN_FLIGHT)
    }

    /// The same, with another [`ProviderCapabilities::max_in_flight`].
    pub fn with_max_in_flight(max_in_flight: NonZeroUsize) -> Self {
        Self {
            state: Arc::default(),
            max_in_flight,
        }
    }

    /// Every `generate`, `sign`, `public_key` and `retire` so far, in order of arrival.
    pub fn calls(&self) -> Vec<Call> {
        self.state.calls()
    }

    /// The keys that it was told to forget, in order.
    pub fn forgotten(&self) -> Vec<HandleId> {
        self.state.forgotten()
    }

    /// Makes every further call of `operation` fail so, until it is cleared or replaced.
    pub fn inject_failure(&self, operation: Operation, failure: Failure) {
        self.state.inject(operation, failure, None);
    }

    /// Makes the next `times` calls of `operation` fail so.
    pub fn inject_failures(&self, operation: Operation, failure: Failure, times: usize) {
        self.state.inject(operation, failure, Some(times));
    }

    /// Whether something that was injected for `operation` is still to come.
    pub fn is_due(&self, operation: Operation) -> bool {
        self.state.is_due(operation)
    }

    /// Ends what was injected for `operation`.
    pub fn clear_failure(&self, operation: Operation) {
        self.state.clear(operation);
    }

    /// Ends everything that was injected.
    pub fn clear_failures(&self) {
        for operation in Operation::ALL {
            self.state.clear(operation);
        }
    }

    /// Does `work` as the script for this call says.
    async fn act<T>(
        &self,
        operation: Operation,
        names: Option<(Scope, KeyId)>,
        work: impl FnOnce(Twist) -> Result<T, KeyProviderError> + Send,
    ) -> Result<T, KeyProviderError> {
        match self.state.failure_of(operation, names) {
            None => work(Twist::None),
            Some(failure) => perform(failure, work).await,
        }
    }
}

/// How the work itself is to go wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Twist {
    None,
    WrongSignature,
}

async fn perform<T>(
    failure: Failure,
    work: impl FnOnce(Twist) -> Result<T, KeyProviderError> + Send,
) -> Result<T, KeyProviderError> {
    match failure {
        Failure::ProviderUnavailable {
            retry_after,
            outcome_unknown,
        } => Err(unavailable(retry_after, outcome_unknown)),
        Failure::RotationInProgress => Err(KeyProviderError::RotationInProgress),
        Failure::KeyNotFound => Err(KeyProviderError::KeyNotFound),
        Failure::KeyRetired => Err(KeyProviderError::KeyRetired),
        Failure::Misconfigured => Err(KeyProviderError::Misconfigured {
            context: "following the script of a test",
            source: None,
        }),
        Failure::Delay(delay) => {
            tokio::time::sleep(delay).await;
            work(Twist::None)
        }
        Failure::Hang => std::future::pending().await,
        Failure::Panic => scripted_panic(),
        Failure::WrongSignature => work(Twist::WrongSignature),
        Failure::LostReply => {
            work(Twist::None)?;
            Err(unavailable(failure::RETRY_AFTER, true))
        }
    }
}

#[expect(clippy::panic, reason = "tests ask for it")]
fn scripted_panic() -> ! {
    panic!("a test asked the key provider to panic")
}

#[async_trait]
impl KeyProvider for TestDouble {
    fn capabilities(&self) -> ProviderCapabilities {
        ProviderCapabilities {
            name: FACE.name,
            max_in_flight: self.max_in_flight,
            caution: None,
            mistaken_secret: None,
        }
    }

    async fn generate(
        &self,
        scope: &Scope,
        key_id: &KeyId,
        _deadline: Deadline,
    ) -> Result<GeneratedKey, KeyProviderError> {
        self.state.record(Call::Generate {
            scope: *scope,
            key_id: key_id.clone(),
        });
        let handle = handle_of(scope, key_id)?;
        let names = Some((*scope, key_id.clone()));
        self.act(Operation::Generate, names, |_| self.state.generate(handle))
            .await
    }

    async fn sign(
        &self,
        handle: &HandleId,
        digest: &Digest,
        _deadline: Deadline,
    ) -> Result<Signature, KeyProviderError> {
        self.state.record(Call::Sign {
            handle_id: handle.clone(),
            digest: *digest,
        });
        let work = |twist| {
            let signature = self.state.sign(handle, digest)?;
            Ok(match twist {
                Twist::None => signature,
                Twist::WrongSignature => bent(&signature),
            })
        };
        self.act(Operation::Sign, names_of(handle), work).await
    }

    fn forget(&self, handle: &HandleId) {
        self.state.forget(handle.clone());
    }

    async fn public_key(
        &self,
        handle: &HandleId,
        _deadline: Deadline,
    ) -> Result<PublicKey, KeyProviderError> {
        self.state.record(Call::PublicKey {
            handle_id: handle.clone(),
        });
        let work = |_| self.state.public_key(handle);
        self.act(Operation::PublicKey, names_of(handle), work).await
    }

    async fn retire(&self, handle: &HandleId, _deadline: Deadline) -> Result<(), KeyProviderError> {
        self.state.record(Call::Retire {
            handle_id: handle.clone(),
        });
        let work = |_| self.state.retire(handle);
        self.act(Operation::Retire, names_of(handle), work).await
    }

    async fn locate(
        &self,
        scope: &Scope,
        key_id: &KeyId,
        _deadline: Deadline,
    ) -> Result<Option<GeneratedKey>, KeyProviderError> {
        let handle = handle_of(scope, key_id)?;
        let names = Some((*scope, key_id.clone()));
        let work = |_| Ok(self.state.locate(handle));
        self.act(Operation::Locate, names, work).await
    }

    async fn check(&self, _deadline: Deadline) -> Result<(), KeyProviderError> {
        self.act(Operation::Check, None, |_| Ok(())).await
    }
}

fn handle_of(scope: &Scope, key_id: &KeyId) -> Result<HandleId, KeyProviderError> {
    HandleId::from_parts(FACE.name, format_args!("{scope}|{key_id}")).map_err(|cause| {
        KeyProviderError::Misconfigured {
            context: "naming a key pair",
            source: Some(Box::new(cause)),
        }
    })
}

fn names_of(handle: &HandleId) -> Option<(Scope, KeyId)> {
    let is_ours = handle.provider() == FACE.name;
    let (scope, key_id) = handle.rest().split_once('|').filter(|_| is_ours)?;
    Some((Scope::parse(scope).ok()?, KeyId::parse(key_id).ok()?))
}

/// The signature with its lowest bit of `S` flipped: of the right form, but wrong.
fn bent(signature: &Signature) -> Signature {
    let mut bytes = *signature.as_bytes();
    if let Some(byte) = bytes.get_mut(32) {
        *byte ^= 1;
    }
    Signature::from_bytes(bytes)
}

impl Default for TestDouble {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TestDouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestDouble")
            .field("max_in_flight", &self.max_in_flight)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
