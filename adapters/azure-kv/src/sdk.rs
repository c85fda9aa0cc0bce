//! The provider itself.

mod clients;
mod credentials;
mod envelope;
mod error;
mod handle;
mod native;
mod settings;
mod settling;
mod standing;
mod tags;
mod token_resource;
mod transport;
mod vault;

use std::fmt;
use std::num::NonZeroUsize;
use std::time::Duration;

use async_trait::async_trait;

use signer_cloud::cloud_name;
use signer_domain::ports::{GeneratedKey, KeyProvider, KeyProviderError, ProviderCapabilities};
use signer_domain::{Deadline, Digest, HandleId, KeyId, PublicKey, Scope, Signature};

use self::envelope::Envelope;
use self::error::Refusal;
use self::handle::KeyVersion;
use self::native::Native;
use self::vault::Vault;
use crate::face::FACE;

pub use self::credentials::{AzureCredentials, IncompleteCredentials};
pub use self::settings::{
    AzureKvMode, AzureKvSettings, ParseAzureKvModeError, ParseVaultUrlError,
    ParseWrappingKeyHomeError, ParseWrappingKeySizeError, VaultUrl, WrappingKey, WrappingKeyHome,
    WrappingKeySize,
};
pub use self::token_resource::{ParseTokenResourceError, TokenResource};

/// The name of the vault key that checks ask for. No signing key has a name of this form.
const PROBE: &str = "plexsphere-probe";

/// When a key that is not there is looked for once more: the request of a process that has died may
/// still be on its way to the vault.
const SECOND_LOOK: Duration = Duration::from_secs(1);

/// What `/livez` says of [`AzureKvMode::Envelope`].
const CAUTION: &str = "key material in process memory while signing";

/// The provider of one vault.
pub struct AzureKvProvider {
    vault: Vault,
    /// The vault by the lane for signatures.
    signing: Vault,
    keeping: Keeping,
    max_in_flight: NonZeroUsize,
}

/// How keys are kept.
enum Keeping {
    Native(Native),
    Envelope(Envelope),
}

impl AzureKvProvider {
    /// A provider of the vault that `settings` name. Nothing is called yet.
    ///
    /// # Errors
    /// When the machine has no certificates to trust, or the credentials are not whole.
    pub fn open(settings: &AzureKvSettings) -> Result<Self, KeyProviderError> {
        Self::open_with(settings, reqwest::Client::builder())
    }

    /// The same by way of this HTTP client, which may trust other certificates.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn open_with(
        settings: &AzureKvSettings,
        http: reqwest::ClientBuilder,
    ) -> Result<Self, KeyProviderError> {
        let vault = Vault::open(settings, http)?;
        Ok(Self {
            signing: vault.for_signatures(),
            vault,
            keeping: match settings.mode {
                AzureKvMode::Native => Keeping::Native(Native::default()),
                AzureKvMode::Envelope => Keeping::Envelope(Envelope::new(settings.wrapping_key)),
            },
            max_in_flight: settings.limits.for_one_key(),
        })
    }

    async fn look_for(
        &self,
        name: &str,
        deadline: Deadline,
    ) -> Result<Option<GeneratedKey>, KeyProviderError> {
        match &self.keeping {
            Keeping::Native(_) => native::locate(&self.vault, name, deadline).await,
            Keeping::Envelope(keys) => keys.locate(&self.vault, name, deadline).await,
        }
    }

    /// Whether this says that the vault offers no Ed25519, so that the mode has to be another.
    pub fn tells_that_native_is_not_offered(error: &KeyProviderError) -> bool {
        matches!(error, KeyProviderError::Misconfigured { context, .. } if *context == native::NOT_OFFERED)
    }
}

#[async_trait]
impl KeyProvider for AzureKvProvider {
    fn capabilities(&self) -> ProviderCapabilities {
        ProviderCapabilities {
            name: FACE.name,
            max_in_flight: self.max_in_flight,
            caution: match self.keeping {
                Keeping::Native(_) => None,
                Keeping::Envelope(_) => Some(CAUTION),
            },
            mistaken_secret: None,
        }
    }

    async fn generate(
        &self,
        scope: &Scope,
        key_id: &KeyId,
        deadline: Deadline,
    ) -> Result<GeneratedKey, KeyProviderError> {
        let (name, names) = (cloud_name(scope, key_id), tags::names(scope, key_id));
        match &self.keeping {
            Keeping::Native(_) => native::generate(&self.vault, &name, names, deadline).await,
            Keeping::Envelope(keys) => keys.generate(&self.vault, &name, names, deadline).await,
        }
    }

    async fn sign(
        &self,
        handle: &HandleId,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Signature, KeyProviderError> {
        let id = version_in(handle)?;
        match &self.keeping {
            Keeping::Native(_) => {
                let signed = self.signing.sign(&id, digest, deadline).await;
                signed.map_err(Refusal::plain)
            }
            Keeping::Envelope(keys) => keys.sign(&self.signing, &id, digest, deadline).await,
        }
    }

    fn forget(&self, handle: &HandleId) {
        if let (Keeping::Envelope(keys), Some(id)) = (&self.keeping, KeyVersion::in_handle(handle))
        {
            keys.forget(&id);
        }
    }

    async fn public_key(
        &self,
        handle: &HandleId,
        deadline: Deadline,
    ) -> Result<PublicKey, KeyProviderError> {
        let id = version_in(handle)?;
        let shown = self.vault.version(id.name(), Some(id.version()), deadline);
        let shown = shown.await.map_err(Refusal::plain)?;
        match &self.keeping {
            Keeping::Native(_) => native::public_key_of(&shown),
            Keeping::Envelope(_) => envelope::public_key_of(&shown),
        }
    }

    async fn retire(&self, handle: &HandleId, deadline: Deadline) -> Result<(), KeyProviderError> {
        let id = version_in(handle)?;
        let disabled = self.vault.disable(&id, deadline).await;
        disabled.map_err(Refusal::plain)?;
        match &self.keeping {
            Keeping::Native(_) => {}
            Keeping::Envelope(keys) => keys.forget(&id),
        }
        Ok(())
    }

    async fn locate(
        &self,
        scope: &Scope,
        key_id: &KeyId,
        deadline: Deadline,
    ) -> Result<Option<GeneratedKey>, KeyProviderError> {
        let name = cloud_name(scope, key_id);
        let found = self.look_for(&name, deadline).await?;
        if found.is_some() {
            return Ok(found);
        }
        let pause = SECOND_LOOK.min(deadline.remaining() / 3);
        tokio::time::sleep(pause).await;
        self.look_for(&name, deadline).await
    }

    async fn check(&self, deadline: Deadline) -> Result<(), KeyProviderError> {
        match &self.keeping {
            Keeping::Native(keys) => keys.check(&self.vault, deadline).await,
            Keeping::Envelope(_) => envelope::check(&self.vault, deadline).await,
        }
    }
}

fn version_in(handle: &HandleId) -> Result<KeyVersion, KeyProviderError> {
    KeyVersion::in_handle(handle).ok_or(KeyProviderError::KeyNotFound)
}

impl fmt::Debug for AzureKvProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AzureKvProvider").finish_non_exhaustive()
    }
}
