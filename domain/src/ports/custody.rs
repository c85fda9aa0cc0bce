//! The driving port: what the outside may ask of the custodian.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::KeyQuery;
use crate::{
    Deadline, Digest, HandleId, KeyId, ProviderName, PublicKey, Scope, ScopeNotPermitted,
    Signature, SigningKey,
};

/// What the outside may ask of the custodian. Every call is safe to repeat: `generate` is idempotent
/// on (scope, `key_id`), `retire` on the handle, and signing is deterministic.
#[async_trait]
pub trait Custody: Send + Sync {
    /// Makes a key, or finds the one that already stands under this name.
    ///
    /// # Errors
    /// [`CustodyError::KeyRetired`] when the name belongs to a retired key;
    /// [`CustodyError::RotationInProgress`] when the name is free and the scope is being rotated;
    /// [`CustodyError::KeyNotFound`] when the named provider is not configured; and others by cause.
    async fn generate(
        &self,
        request: GenerateKey,
        deadline: Deadline,
    ) -> Result<GeneratedOrStanding, CustodyError>;

    /// Signs one digest. The signature was verified under the registered key before it is returned.
    ///
    /// # Errors
    /// By cause.
    async fn sign(
        &self,
        request: SignRequest,
        deadline: Deadline,
    ) -> Result<SignedDigest, CustodyError>;

    /// Signs many digests; the results stand in the order of the requests, each on its own merits.
    ///
    /// # Errors
    /// [`CustodyError::Overloaded`] when the custodian takes no further batch.
    async fn sign_batch(
        &self,
        requests: Vec<SignRequest>,
        deadline: Deadline,
    ) -> Result<Vec<Result<SignedDigest, CustodyError>>, CustodyError>;

    /// The record of one key.
    ///
    /// # Errors
    /// By cause.
    async fn key(&self, handle: HandleId, deadline: Deadline) -> Result<ShownKey, CustodyError>;

    /// One page of the registered keys.
    ///
    /// # Errors
    /// By cause.
    async fn keys(&self, query: KeyQuery, deadline: Deadline) -> Result<ShownKeys, CustodyError>;

    /// The public half of one key, in any state, from the provider or else from the registry.
    ///
    /// # Errors
    /// By cause.
    async fn public_key(
        &self,
        handle: HandleId,
        deadline: Deadline,
    ) -> Result<PublishedKey, CustodyError>;

    /// Retires one key. Once this has returned, no signature by the key is ever released.
    ///
    /// # Errors
    /// [`CustodyError::RotationInProgress`] when it is the new key of an open rotation;
    /// [`CustodyError::ProviderUnavailable`] when its provider has not confirmed that the private half
    /// is unusable: then the key is blocked, and retired as soon as the provider does; and others by
    /// cause.
    async fn retire(
        &self,
        handle: HandleId,
        deadline: Deadline,
    ) -> Result<SigningKey, CustodyError>;

    /// Blocks a key: once this has returned, no signature by it is released until it is unblocked. Asks
    /// the registry alone, so it works while the provider is down.
    ///
    /// # Errors
    /// [`CustodyError::KeyRetired`]; and others by cause.
    async fn block(&self, handle: HandleId, deadline: Deadline) -> Result<ShownKey, CustodyError>;

    /// Takes a block away.
    ///
    /// # Errors
    /// [`CustodyError::KeyRetired`]; [`CustodyError::KeyBlocked`] when the retirement of the key has
    /// begun; and others by cause.
    async fn unblock(&self, handle: HandleId, deadline: Deadline)
    -> Result<ShownKey, CustodyError>;

    /// Lets a quarantined key sign again, because its operator knows why a signature did not verify.
    ///
    /// # Errors
    /// [`CustodyError::KeyRetired`]; and others by cause.
    async fn release_quarantine(
        &self,
        handle: HandleId,
        deadline: Deadline,
    ) -> Result<ShownKey, CustodyError>;

    /// Whether signatures may leave the process just now. To be asked when an answer is about to be
    /// given and directly before its bytes are handed to the kernel, each time, along with the holds of
    /// its signatures. Waits for nobody.
    ///
    /// # Errors
    /// [`CustodyError::RegistryUnavailable`] when what they were made by does not count any more.
    fn may_release(&self) -> Result<(), CustodyError>;

    /// Whether the process is alive: event loop and supervisor, never a back end. `None` when the
    /// supervisor does not answer.
    async fn liveness(&self) -> Option<Liveness>;

    /// Whether the custodian can serve right now.
    async fn readiness(&self) -> Readiness;
}

/// A request to make a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerateKey {
    /// What the key shall sign for.
    pub scope: Scope,
    /// The operator's name of the key.
    pub key_id: KeyId,
    /// Which provider shall hold it; the first configured one when not given.
    pub provider: Option<ProviderName>,
}

/// What a request to make a key led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GeneratedOrStanding {
    /// The key is new.
    Generated(SigningKey),
    /// The key stood already.
    Standing(SigningKey),
}

/// Which key shall sign.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SignTarget {
    /// This key.
    Handle(HandleId),
    /// The current key of this scope.
    Scope(Scope),
}

/// A request to sign one digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignRequest {
    /// Which key shall sign.
    pub target: SignTarget,
    /// What shall be signed.
    pub digest: Digest,
}

/// A verified signature and the key that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedDigest {
    /// The key that signed.
    pub handle_id: HandleId,
    /// What that key signs for.
    pub scope: Scope,
    /// The operator's name of that key.
    pub key_id: KeyId,
    /// The signature.
    pub signature: Signature,
    /// To be kept until the signature has been released or thrown away.
    pub hold: ReleaseHold,
}

/// What stands behind a [`ReleaseHold`]. It is given back on drop.
pub trait Held: Send + Sync {
    /// Whether a retirement has waited for it long enough.
    fn is_recalled(&self) -> bool;
}

/// Keeps the retirement of a key from being acknowledged while a signature by it may still leave the
/// process. Whoever has the signature keeps this until all its bytes have gone to the kernel, or until
/// it is certain that none of them will, and then drops it.
///
/// Any two are equal: it says nothing about the signature.
#[derive(Clone, Default)]
pub struct ReleaseHold(Option<Arc<dyn Held>>);

impl ReleaseHold {
    /// Holds something that is given back on drop.
    pub fn of(held: impl Held + 'static) -> Self {
        Self(Some(Arc::new(held)))
    }

    /// Whether the signature must be thrown away unless its bytes can go at once.
    pub fn is_recalled(&self) -> bool {
        self.0.as_ref().is_some_and(|held| held.is_recalled())
    }
}

impl fmt::Debug for ReleaseHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_held = self.0.is_some();
        f.debug_tuple("ReleaseHold").field(&is_held).finish()
    }
}

impl PartialEq for ReleaseHold {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for ReleaseHold {}

/// The record of a key, and whether its provider has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownKey {
    /// The record.
    pub key: SigningKey,
    /// Whether its provider has it.
    pub presence: Presence,
}

/// Whether the provider of a key has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// As far as known.
    Assumed,
    /// The provider answers, and does not show the key. It may be hidden or lost.
    Missing,
    /// The provider shows another public key in its place.
    Swapped,
}

/// One page of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownKeys {
    /// The keys.
    pub keys: Vec<ShownKey>,
    /// The cursor of the next page; `None` when this is the last one.
    pub next: Option<u64>,
}

/// A public key and where it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedKey {
    /// The record of the key.
    pub key: SigningKey,
    /// The public half.
    pub public_key: PublicKey,
    /// Where it was read.
    pub source: PublicKeySource,
}

/// Where a public key was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicKeySource {
    /// The provider gave it just now, and it equals the registered one.
    Provider,
    /// The provider could not be asked; this is the registry's copy.
    Registry,
}

/// The process is alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Liveness {
    /// What an operator should know although the process is well.
    pub warnings: Vec<String>,
}

/// Whether the custodian can serve right now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// Whether the registry answers.
    pub registry: CheckState,
    /// Where each configured provider stands, in the order of configuration.
    pub providers: Vec<(ProviderName, ProviderStatus)>,
    /// What an operator should attend to although requests are served, such as a rotation that is
    /// overdue.
    pub warnings: Vec<String>,
}

impl Readiness {
    /// Ready means: the registry answers and at least one provider is ready.
    pub fn is_ready(&self) -> bool {
        let serves = |(_, status): &(_, ProviderStatus)| *status == ProviderStatus::Ready;
        self.registry == CheckState::Ok && self.providers.iter().any(serves)
    }
}

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckState {
    /// It answers.
    Ok,
    /// It does not answer.
    Failing,
}

/// Where a provider stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderStatus {
    /// It is being opened and checked for the first time.
    Starting,
    /// It serves.
    Ready,
    /// It failed and is being restarted, or waits for its next try.
    Down,
}

impl ProviderStatus {
    /// The name used in answers and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Down => "down",
        }
    }
}

/// Why the custodian did not do what it was asked. The HTTP layer maps every variant to one status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CustodyError {
    /// The deployment profile does not serve the scope.
    #[error("{0}")]
    ScopeNotPermitted(#[from] ScopeNotPermitted),
    /// The registry knows no such key, or its provider is not configured.
    #[error("key not found")]
    KeyNotFound,
    /// The key is retired.
    #[error("key retired")]
    KeyRetired,
    /// The key is blocked.
    #[error("key blocked")]
    KeyBlocked,
    /// The keys of the scope are being rotated.
    #[error("rotation in progress")]
    RotationInProgress,
    /// No such rotation is open, or there never was one.
    #[error("no rotation open")]
    RotationNotFound,
    /// The name of the new key of a rotation belongs to another key of its scope.
    #[error("the name belongs to another key of the scope")]
    NameTaken,
    /// The provider that holds the key cannot serve now.
    #[error("key provider unavailable")]
    ProviderUnavailable {
        /// How long to wait before the next try.
        retry_after: Duration,
        /// Whether the call may have taken effect all the same.
        outcome_unknown: bool,
    },
    /// The registry cannot serve now.
    #[error("key registry unavailable")]
    RegistryUnavailable {
        /// How long to wait before the next try.
        retry_after: Duration,
    },
    /// What has to be recorded before it is done cannot be recorded now. Nothing was done.
    #[error("audit log unavailable")]
    AuditUnavailable,
    /// Too many requests wait for this key, or for the custodian as a whole.
    #[error("handle queue full")]
    Overloaded {
        /// How long to wait before the next try.
        retry_after: Duration,
    },
    /// The request's deadline passed before there was an answer.
    #[error("deadline exceeded")]
    DeadlineExceeded,
    /// The provider's signature does not verify under the registered key; nothing was released and
    /// the handle is quarantined.
    #[error("signature check failed")]
    SignatureCheckFailed,
    /// A defect of the custodian itself.
    #[error("internal error")]
    Internal,
}
