//! The software key provider: Ed25519 keys derived in this process from one 32-byte seed.
//!
//! **For development only.** Whoever reads the seed file holds every key.
//!
//! The key named `key_id` in `scope` is the Ed25519 key pair whose private key (RFC 8032 §5.1.5) is
//! `HKDF-SHA512(ikm = seed, no salt, info = "<scope>|<key_id>", L = 32)` (RFC 5869). The derivation
//! is pure, so any process with the same seed signs with the same keys, also those that it never
//! generated itself. Nothing but the seed is stored: a derived key leaves no trace behind, which is
//! why [`locate`](KeyProvider::locate) finds only what this value generated.
//!
//! Retirement is kept in memory as a second line of defence. The authority on it is the key
//! registry, which is asked before any provider.
//!
//! Seeds and derived keys are wiped when they are dropped; copies that the cryptographic libraries leave on the stack are out of reach.

mod face;
mod key_table;
mod module;
mod secret_seed;
mod seed_file;
mod self_test;

use std::fmt;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use signer_domain::ports::{GeneratedKey, KeyProvider, KeyProviderError, ProviderCapabilities};
use signer_domain::{Deadline, Digest, HandleId, KeyId, PublicKey, Scope, Signature};
use signer_key_pair::KeyPair;
use signer_module::{handle_of, names_in};

use self::key_table::{Found, KeyTable};
use self::secret_seed::SecretSeed;
use self::self_test::SelfTest;

pub use self::face::FACE;
pub use self::module::MODULE;
pub use self::seed_file::{SeedFileError, create_seed_file};
pub use self::self_test::SelfTestError;

/// A signature takes microseconds on the calling thread, so this bounds nothing but the queue.
const MAX_IN_FLIGHT: NonZeroUsize = NonZeroUsize::new(64).unwrap();
/// What has happened when a key is not the registered one.
const OTHER_SEED: &str = "comparing a key: the seed file is not the one that the registered keys \
     were made from; put the old one back";

/// The dev-only provider. What it remembers of generated and retired keys lives in this value, so
/// share it behind an [`Arc`] rather than open it again after a failure elsewhere.
pub struct SoftwareProvider {
    seed: SecretSeed,
    keys: KeyTable,
    self_test: SelfTest,
}

impl SoftwareProvider {
    /// Reads the seed and proves that derivation and signing are right.
    ///
    /// # Errors
    /// When the seed file is not acceptable, or the self-test fails.
    pub fn open(seed_file: &Path) -> Result<Self, OpenSoftwareError> {
        Ok(Self::new(seed_file::read(seed_file)?)?)
    }

    fn new(seed: SecretSeed) -> Result<Self, SelfTestError> {
        let self_test = SelfTest::pass()?;
        Ok(Self {
            seed,
            keys: KeyTable::default(),
            self_test,
        })
    }

    /// The key pair behind a handle, derived when it is not at hand.
    fn key_pair(&self, handle: &HandleId) -> Result<Arc<KeyPair>, KeyProviderError> {
        let (scope, key_id) = names_in(FACE.name, handle).ok_or(KeyProviderError::KeyNotFound)?;
        let key_pair = Arc::new(self.seed.derive(&scope, &key_id)?);
        self.keys.keep(handle, &key_pair);
        Ok(key_pair)
    }

    fn describe(&self, handle: HandleId) -> Result<GeneratedKey, KeyProviderError> {
        let public_key = match self.keys.find(&handle) {
            Found::Ready(key_pair) => key_pair.public_key(),
            Found::Absent | Found::Retired => self.key_pair(&handle)?.public_key(),
        };
        Ok(GeneratedKey {
            handle_id: handle,
            public_key,
        })
    }
}

#[async_trait]
impl KeyProvider for SoftwareProvider {
    fn capabilities(&self) -> ProviderCapabilities {
        ProviderCapabilities {
            name: FACE.name,
            max_in_flight: MAX_IN_FLIGHT,
            caution: None,
            mistaken_secret: Some(OTHER_SEED),
        }
    }

    async fn generate(
        &self,
        scope: &Scope,
        key_id: &KeyId,
        _deadline: Deadline,
    ) -> Result<GeneratedKey, KeyProviderError> {
        let handle = handle_of(FACE.name, scope, key_id)?;
        if let Found::Retired = self.keys.find(&handle) {
            return Err(KeyProviderError::KeyRetired);
        }
        let generated = self.describe(handle)?;
        if self.keys.admit(&generated.handle_id) {
            Ok(generated)
        } else {
            Err(KeyProviderError::KeyRetired)
        }
    }

    async fn sign(
        &self,
        handle: &HandleId,
        digest: &Digest,
        _deadline: Deadline,
    ) -> Result<Signature, KeyProviderError> {
        let key_pair = match self.keys.find(handle) {
            Found::Ready(key_pair) => key_pair,
            Found::Absent => self.key_pair(handle)?,
            Found::Retired => return Err(KeyProviderError::KeyRetired),
        };
        Ok(key_pair.sign(digest.as_bytes()))
    }

    async fn public_key(
        &self,
        handle: &HandleId,
        _deadline: Deadline,
    ) -> Result<PublicKey, KeyProviderError> {
        Ok(self.describe(handle.clone())?.public_key)
    }

    /// Strict: a key that this value did not generate is not found, even though it could be derived.
    async fn retire(&self, handle: &HandleId, _deadline: Deadline) -> Result<(), KeyProviderError> {
        if self.keys.retire(handle) {
            Ok(())
        } else {
            Err(KeyProviderError::KeyNotFound)
        }
    }

    async fn locate(
        &self,
        scope: &Scope,
        key_id: &KeyId,
        _deadline: Deadline,
    ) -> Result<Option<GeneratedKey>, KeyProviderError> {
        let handle = handle_of(FACE.name, scope, key_id)?;
        if self.keys.has_generated(&handle) {
            self.describe(handle).map(Some)
        } else {
            Ok(None)
        }
    }

    async fn check(&self, _deadline: Deadline) -> Result<(), KeyProviderError> {
        self.self_test
            .repeat()
            .map_err(|failure| KeyProviderError::Misconfigured {
                context: "repeating the self-test",
                source: Some(Box::new(failure)),
            })
    }
}

impl fmt::Debug for SoftwareProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoftwareProvider").finish_non_exhaustive()
    }
}

/// Why the software provider could not be opened. The text is one sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenSoftwareError {
    /// The seed file is not acceptable.
    #[error(transparent)]
    SeedFile(#[from] SeedFileError),
    /// The cryptography of this binary does not give the published answers on this machine.
    #[error(transparent)]
    SelfTest(#[from] SelfTestError),
}

#[cfg(test)]
mod tests;
