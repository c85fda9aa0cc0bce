//! The driven port to one back end that holds private keys.

use std::fmt;
use std::num::NonZeroUsize;
use std::time::Duration;

use async_trait::async_trait;

use super::Cause;
use crate::{Deadline, Digest, HandleId, KeyId, ProviderName, PublicKey, Scope, Signature};

/// One back end that holds private keys. Implementations are the only code that ever touches private
/// key material.
///
/// Calls may run concurrently. Each takes the deadline of the request it serves; an implementation
/// that cannot answer by then returns [`KeyProviderError::ProviderUnavailable`] with
/// `outcome_unknown` set. Dropping the returned future abandons the answer, not necessarily the
/// effect.
#[async_trait]
pub trait KeyProvider: Send + Sync + fmt::Debug {
    /// What this provider is and how much it can do at once. Constant for the life of the value.
    fn capabilities(&self) -> ProviderCapabilities;

    /// Makes the key pair named `key_id` in `scope`, or finds the one that is already there.
    ///
    /// Idempotent: the same name yields the same handle and the same public key, and never a second
    /// pair, also after an answer was lost.
    ///
    /// The caller serialises: within its process one call of `generate` or [`locate`](Self::locate) for a
    /// name is under way at a time, also when the provider is opened anew meanwhile, so an adapter needs
    /// no lock for callers that wait. Two things it has to reckon with. A call that was dropped may go on
    /// taking effect while the next one is under way: where that could make a second pair, the adapter
    /// notes the name until the call returns, as PKCS#11 does. And another process may make the same name.
    ///
    /// # Errors
    /// [`KeyRetired`](KeyProviderError::KeyRetired) when the pair was retired;
    /// [`RotationInProgress`](KeyProviderError::RotationInProgress) when the back end is changing
    /// the keys of this scope; otherwise as for every call.
    async fn generate(
        &self,
        scope: &Scope,
        key_id: &KeyId,
        deadline: Deadline,
    ) -> Result<GeneratedKey, KeyProviderError>;

    /// Signs the 64 digest bytes with pure Ed25519 (RFC 8032 §5.1.6). Deterministic, so a call may
    /// be repeated freely.
    ///
    /// # Errors
    /// [`KeyNotFound`](KeyProviderError::KeyNotFound) when this provider has no such key, also when
    /// `handle` is not one of its own; [`KeyRetired`](KeyProviderError::KeyRetired) when it knows
    /// the key to be retired; otherwise as for every call.
    async fn sign(
        &self,
        handle: &HandleId,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Signature, KeyProviderError>;

    /// Drops everything that this value remembers of a key, so that the next call about it looks at the
    /// back end. Called after an answer about the key was wrong.
    fn forget(&self, _handle: &HandleId) {}

    /// Reads the public half from the back end.
    ///
    /// # Errors
    /// As for [`sign`](Self::sign). A provider that can still read the public half of a retired key
    /// may return it instead of [`KeyRetired`](KeyProviderError::KeyRetired).
    async fn public_key(
        &self,
        handle: &HandleId,
        deadline: Deadline,
    ) -> Result<PublicKey, KeyProviderError>;

    /// Makes the private half unusable, for good, and succeeds only when that has been seen. Idempotent:
    /// retiring a retired key looks, changes nothing where it is unusable, and succeeds. The custodian
    /// asks this of retired keys from time to time, in case they became usable again.
    ///
    /// # Errors
    /// [`KeyNotFound`](KeyProviderError::KeyNotFound) when this provider never held the key, even
    /// if the handle is of the right form; otherwise as for every call.
    async fn retire(&self, handle: &HandleId, deadline: Deadline) -> Result<(), KeyProviderError>;

    /// Looks for the pair that an earlier `generate` may have left behind when its answer was lost.
    /// `None` means that there is certainly no such pair. Makes no pair and harms none that was ever
    /// returned; what an interrupted `generate` had still to do for the pair, it may finish.
    ///
    /// # Errors
    /// As for every call.
    async fn locate(
        &self,
        scope: &Scope,
        key_id: &KeyId,
        deadline: Deadline,
    ) -> Result<Option<GeneratedKey>, KeyProviderError>;

    /// Proves that the back end is there and signs as the contract says. Called before the provider
    /// counts as ready, and from time to time afterwards.
    ///
    /// # Errors
    /// As for every call.
    async fn check(&self, deadline: Deadline) -> Result<(), KeyProviderError>;

    /// What the last checks met that an operator has to put right although the provider serves: one
    /// sentence each, without anything that a caller or a back end has said.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What a provider is and how much it can do at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProviderCapabilities {
    /// The name that opens the handles of this provider.
    pub name: ProviderName,
    /// How many signatures by one key may be under way at once. Where signing is a computation on the
    /// calling thread, they are made one after the other all the same.
    pub max_in_flight: NonZeroUsize,
    /// What an operator must know of the way this provider keeps keys, as the boot log and `/livez`
    /// then say: "key material in process memory while signing". `None` when nothing is out of the
    /// ordinary.
    pub caution: Option<&'static str>,
    /// Where all keys of the provider come from one secret: how it fails, in the gerund and with the
    /// cure, when a key is not the registered one, because then none is. `None` where each key stands
    /// for itself.
    pub mistaken_secret: Option<&'static str>,
}

/// A key pair that a provider holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeneratedKey {
    /// Where the private half lives.
    pub handle_id: HandleId,
    /// The public half.
    pub public_key: PublicKey,
}

/// Why a provider did not do what it was asked. Named by cause, never by vendor code.
#[derive(Debug, thiserror::Error)]
pub enum KeyProviderError {
    /// The provider holds no such key.
    #[error("key not found")]
    KeyNotFound,
    /// The provider knows the key to be retired.
    #[error("key retired")]
    KeyRetired,
    /// The back end is changing the keys of this scope.
    #[error("rotation in progress")]
    RotationInProgress,
    /// The back end cannot be reached, is overloaded, or did not answer in time. Worth trying again.
    #[error("key provider unavailable while {context}")]
    ProviderUnavailable {
        /// What was being done, in the gerund: "opening a session".
        context: &'static str,
        /// How long to wait before the next try.
        retry_after: Duration,
        /// Whether the call may have taken effect all the same.
        outcome_unknown: bool,
        /// What the back end said.
        source: Option<Cause>,
    },
    /// The back end refuses the call for a reason that only an operator can cure. No use trying
    /// again.
    #[error("key provider misconfigured: failed while {context}")]
    Misconfigured {
        /// What was being done, in the gerund: "logging in to the token".
        context: &'static str,
        /// What the back end said.
        source: Option<Cause>,
    },
}
