//! The keys, the log and the script of a double, behind one lock.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use signer_domain::ports::{GeneratedKey, KeyProviderError};
use signer_domain::{Digest, HandleId, KeyId, PublicKey, Scope, Signature};

use super::failure::{Call, Failure, Operation};
use super::key_pair::KeyPair;
use super::script::{Lasts, Script};

#[derive(Default)]
pub(super) struct State(Mutex<Tables>);

#[derive(Default)]
struct Tables {
    keys: HashMap<HandleId, Key>,
    calls: Vec<Call>,
    forgotten: Vec<HandleId>,
    injected: HashMap<Operation, Injected>,
    /// How often the script of a name has been played.
    scripts_played: HashMap<(Scope, KeyId), usize>,
}

#[derive(Clone)]
struct Key {
    key_pair: Arc<KeyPair>,
    is_retired: bool,
}

struct Injected {
    failure: Failure,
    times_left: Option<usize>,
}

impl State {
    pub(super) fn record(&self, call: Call) {
        self.0.lock().calls.push(call);
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.0.lock().calls.clone()
    }

    pub(super) fn forget(&self, handle: HandleId) {
        self.0.lock().forgotten.push(handle);
    }

    pub(super) fn forgotten(&self) -> Vec<HandleId> {
        self.0.lock().forgotten.clone()
    }

    pub(super) fn inject(&self, operation: Operation, failure: Failure, times: Option<usize>) {
        let injected = Injected {
            failure,
            times_left: times,
        };
        self.0.lock().injected.insert(operation, injected);
    }

    pub(super) fn is_due(&self, operation: Operation) -> bool {
        let tables = self.0.lock();
        let injected = tables.injected.get(&operation);
        injected.is_some_and(|injected| injected.times_left != Some(0))
    }

    pub(super) fn clear(&self, operation: Operation) {
        self.0.lock().injected.remove(&operation);
    }

    /// How this call goes wrong, if it does. What was injected comes before what a key id says.
    pub(super) fn failure_of(
        &self,
        operation: Operation,
        names: Option<(Scope, KeyId)>,
    ) -> Option<Failure> {
        let mut tables = self.0.lock();
        if let Some(failure) = tables.injected_failure(operation) {
            return Some(failure);
        }
        let (scope, key_id) = names?;
        let script = Script::in_key_id(&key_id).filter(|script| script.operation == operation)?;
        let plays = match script.lasts {
            Lasts::Always => true,
            Lasts::Times(times) => {
                let played = tables.scripts_played.entry((scope, key_id)).or_default();
                *played = played.saturating_add(1);
                *played <= times
            }
        };
        plays.then_some(script.failure)
    }

    pub(super) fn generate(&self, handle: HandleId) -> Result<GeneratedKey, KeyProviderError> {
        let mut tables = self.0.lock();
        let key = match tables.keys.get(&handle) {
            Some(key) if key.is_retired => return Err(KeyProviderError::KeyRetired),
            Some(key) => key.clone(),
            None => Key {
                key_pair: Arc::new(KeyPair::random().map_err(|cause| {
                    KeyProviderError::Misconfigured {
                        context: "making a random key pair",
                        source: Some(Box::new(cause)),
                    }
                })?),
                is_retired: false,
            },
        };
        let public_key = key.key_pair.public_key();
        tables.keys.insert(handle.clone(), key);
        Ok(GeneratedKey {
            handle_id: handle,
            public_key,
        })
    }

    pub(super) fn sign(
        &self,
        handle: &HandleId,
        digest: &Digest,
    ) -> Result<Signature, KeyProviderError> {
        let key = self.key(handle)?;
        if key.is_retired {
            return Err(KeyProviderError::KeyRetired);
        }
        Ok(key.key_pair.sign(digest.as_bytes()))
    }

    pub(super) fn public_key(&self, handle: &HandleId) -> Result<PublicKey, KeyProviderError> {
        Ok(self.key(handle)?.key_pair.public_key())
    }

    pub(super) fn retire(&self, handle: &HandleId) -> Result<(), KeyProviderError> {
        let mut tables = self.0.lock();
        let key = tables.keys.get_mut(handle);
        key.ok_or(KeyProviderError::KeyNotFound)?.is_retired = true;
        Ok(())
    }

    pub(super) fn locate(&self, handle: HandleId) -> Option<GeneratedKey> {
        let public_key = self.key(&handle).ok()?.key_pair.public_key();
        Some(GeneratedKey {
            handle_id: handle,
            public_key,
        })
    }

    /// A copy, so that no signature is made under the lock.
    fn key(&self, handle: &HandleId) -> Result<Key, KeyProviderError> {
        let tables = self.0.lock();
        let key = tables.keys.get(handle).cloned();
        key.ok_or(KeyProviderError::KeyNotFound)
    }
}

impl Tables {
    fn injected_failure(&mut self, operation: Operation) -> Option<Failure> {
        let injected = self.injected.get_mut(&operation)?;
        let failure = injected.failure;
        if let Some(times_left) = &mut injected.times_left {
            let Some(fewer) = times_left.checked_sub(1) else {
                self.injected.remove(&operation);
                return None;
            };
            *times_left = fewer;
        }
        Some(failure)
    }
}
