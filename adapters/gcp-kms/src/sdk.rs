//! The provider itself.

mod answers;
mod blueprint;
mod calls;
mod error;
mod key_ring;
mod keys;
mod line;
mod settings;
mod standing;
mod transport;

use std::fmt;

use async_trait::async_trait;

use signer_domain::ports::{GeneratedKey, KeyProvider, KeyProviderError, ProviderCapabilities};
use signer_domain::{Deadline, Digest, HandleId, KeyId, PublicKey, Scope, Signature};

use self::key_ring::VersionName;
use self::keys::Keys;
use crate::face::FACE;

pub use self::key_ring::{GcpKeyPrefix, GcpKeyRing, ParseGcpKeyPrefixError, ParseGcpKeyRingError};
pub use self::settings::{
    GcpEndpoint, GcpProtectionLevel, GcpSettings, ParseGcpEndpointError,
    ParseGcpProtectionLevelError,
};

/// What an operator must know who left an emulator in the configuration.
const EMULATED: &str = "keys are kept by an emulator on this machine, called without credentials";

/// The provider of one key ring.
pub struct GcpKmsProvider {
    settings: GcpSettings,
    keys: Keys,
    /// The keys by the lane for signatures.
    signing: Keys,
}

impl GcpKmsProvider {
    /// A provider of the key ring that `settings` name. Reaches out for nothing yet: connections and
    /// credentials belong to the runtime of the first call, and come and go without this value.
    pub fn new(settings: GcpSettings) -> Self {
        let keys = Keys::new(settings.clone());
        Self {
            signing: keys.for_signatures(),
            keys,
            settings,
        }
    }

    fn version_in(&self, handle: &HandleId) -> Result<VersionName, KeyProviderError> {
        let version = self.settings.key_ring.version_in(handle);
        version.ok_or(KeyProviderError::KeyNotFound)
    }

    /// A key that nobody knows counts as retired. One of another key ring may well sign there.
    fn version_to_retire(&self, handle: &HandleId) -> Result<VersionName, KeyProviderError> {
        if self.settings.key_ring.is_not_that_of(handle) {
            return Err(KeyProviderError::Misconfigured {
                context: "retiring a key: it is in another key ring than the one of --gcp-key-ring",
                source: None,
            });
        }
        self.version_in(handle)
    }
}

#[async_trait]
impl KeyProvider for GcpKmsProvider {
    fn capabilities(&self) -> ProviderCapabilities {
        ProviderCapabilities {
            name: FACE.name,
            max_in_flight: self.settings.limits.for_one_key(),
            caution: self.settings.endpoint.is_emulator().then_some(EMULATED),
            mistaken_secret: None,
        }
    }

    async fn generate(
        &self,
        scope: &Scope,
        key_id: &KeyId,
        deadline: Deadline,
    ) -> Result<GeneratedKey, KeyProviderError> {
        self.keys.generate(scope, key_id, deadline).await
    }

    async fn sign(
        &self,
        handle: &HandleId,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Signature, KeyProviderError> {
        let version = self.version_in(handle)?;
        self.signing.sign(&version, digest, deadline).await
    }

    async fn public_key(
        &self,
        handle: &HandleId,
        deadline: Deadline,
    ) -> Result<PublicKey, KeyProviderError> {
        let version = self.version_in(handle)?;
        self.keys.public_key(&version, deadline).await
    }

    async fn retire(&self, handle: &HandleId, deadline: Deadline) -> Result<(), KeyProviderError> {
        let version = self.version_to_retire(handle)?;
        self.keys.retire(&version, deadline).await
    }

    async fn locate(
        &self,
        scope: &Scope,
        key_id: &KeyId,
        deadline: Deadline,
    ) -> Result<Option<GeneratedKey>, KeyProviderError> {
        self.keys.locate(scope, key_id, deadline).await
    }

    fn warnings(&self) -> Vec<String> {
        let warning = self.keys.warning();
        warning.map(str::to_owned).into_iter().collect()
    }

    /// Reads the key ring: that needs a connection, good credentials and their permission, and costs
    /// nothing. Each signature is verified when it is made.
    async fn check(&self, deadline: Deadline) -> Result<(), KeyProviderError> {
        self.keys.check_key_ring(deadline).await
    }
}

impl fmt::Debug for GcpKmsProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GcpKmsProvider")
            .field("key_ring", &self.settings.key_ring.as_str())
            .finish_non_exhaustive()
    }
}
