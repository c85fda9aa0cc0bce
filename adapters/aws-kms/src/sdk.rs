//! The provider itself.

mod arn;
mod error;
mod generation;
mod key_name;
mod leftovers;
mod memory;
mod retirement;
mod service;
mod settings;

use std::fmt;

use async_trait::async_trait;
use aws_sdk_kms::config::Credentials;

use signer_cloud::{Trouble, in_doubt, told_that, until_there};
use signer_domain::ports::{GeneratedKey, KeyProvider, KeyProviderError, ProviderCapabilities};
use signer_domain::{Deadline, Digest, HandleId, KeyId, PublicKey, Scope, Signature};

use self::arn::KeyArn;
use self::error::Refusal;
use self::generation::Generation;
use self::key_name::KeyName;
use self::retirement::Retirement;
use self::service::{Configured, KeyStanding, Service, default_region};
use crate::face::FACE;

pub use self::memory::AwsKmsMemory;
pub use self::settings::{
    AliasPrefix, AwsKmsSettings, DeletionWindow, Endpoint, ParseAliasPrefixError,
    ParseDeletionWindowError, ParseEndpointError, ParseRegionError, Region,
};

/// The provider of the keys of one account and region.
pub struct AwsKmsProvider {
    settings: AwsKmsSettings,
    service: Service,
    /// The service by the lane for signatures.
    signing: Service,
    memory: AwsKmsMemory,
}

impl AwsKmsProvider {
    /// A provider with connections of its own. Calls nothing yet: credentials are looked for when they
    /// are needed, and again when they have expired.
    pub async fn connect(settings: AwsKmsSettings, memory: AwsKmsMemory) -> Self {
        Self::configured(Configured::new(settings.clone()), settings, memory).await
    }

    /// The same with these credentials, whatever the machine has.
    pub async fn connect_as(
        settings: AwsKmsSettings,
        memory: AwsKmsMemory,
        credentials: Credentials,
    ) -> Self {
        let configured = Configured::new(settings.clone()).with_credentials(credentials);
        Self::configured(configured, settings, memory).await
    }

    async fn configured(
        configured: Configured,
        settings: AwsKmsSettings,
        memory: AwsKmsMemory,
    ) -> Self {
        let service = Service::connect(configured).await;
        Self {
            signing: service.for_signatures(),
            service,
            settings,
            memory,
        }
    }

    /// The region that applies when none was configured: what the SDK's own variables, its configuration
    /// files or the machine say.
    pub async fn default_region(profile: Option<&str>) -> Option<String> {
        default_region(profile).await
    }

    /// The key of a handle, unless it is certainly none of ours: that of another provider, of another
    /// region or account, or no key at all. Nobody is asked for those.
    fn key_of(&self, handle: &HandleId) -> Result<KeyArn, KeyProviderError> {
        let key = KeyArn::parse(handle.rest())
            .filter(|_| handle.provider() == FACE.name)
            .filter(|key| key.region() == self.settings.region.as_str());
        let home = self.memory.home(None);
        key.filter(|key| home.is_none_or(|home| home == key.home()))
            .ok_or(KeyProviderError::KeyNotFound)
    }

    /// The same for retiring. What is told not to be there counts as retired for good, so the key of
    /// another account is told to be just that: the credentials may be the wrong ones.
    async fn key_to_retire(
        &self,
        handle: &HandleId,
        deadline: Deadline,
    ) -> Result<KeyArn, KeyProviderError> {
        let key = KeyArn::parse(handle.rest())
            .filter(|_| handle.provider() == FACE.name)
            .ok_or(KeyProviderError::KeyNotFound)?;
        if key.region() == self.settings.region.as_str() {
            if self.memory.home(None).is_none() {
                self.see_account(deadline).await?;
            }
            let home = self.memory.home(None);
            if home.is_none_or(|home| home == key.home()) {
                return Ok(key);
            }
        }
        Err(KeyProviderError::Misconfigured {
            context: "retiring a key of another account or region than this provider's",
            source: None,
        })
    }

    /// Sees in which account the credentials are good, as far as a key there tells it.
    async fn see_account(&self, deadline: Deadline) -> Result<(), KeyProviderError> {
        let look = || self.service.keys(None, 1, deadline);
        let keys = match look().await {
            Err(Refusal::Trouble(Trouble::CredentialsRefused | Trouble::Untrusted, _)) => {
                self.service.renew().await;
                look().await
            }
            outcome => outcome,
        };
        let keys = keys.map_err(Refusal::told)?;
        let Some(key) = keys.items.first() else {
            return Ok(());
        };
        if self.memory.home(Some(key)) == Some(key.home()) {
            return Ok(());
        }
        Err(KeyProviderError::Misconfigured {
            context: "signing in to the key service: its credentials are of another account than at first",
            source: None,
        })
    }

    /// Asks again while a key that was made a moment ago is not to be seen.
    async fn riding_out_youth<T, F>(
        &self,
        key: &KeyArn,
        deadline: Deadline,
        ask: impl Fn() -> F,
    ) -> Result<T, Refusal>
    where
        F: Future<Output = Result<T, Refusal>>,
    {
        if !self.memory.is_young(key) {
            return ask().await;
        }
        let answer = until_there(deadline, || async {
            match ask().await {
                Ok(answer) => Ok(Some(Ok(answer))),
                Err(Refusal::NotFound) => Ok(None),
                Err(refusal) => Ok(Some(Err(refusal))),
            }
        });
        match answer.await {
            Ok(Some(answer)) => answer,
            Ok(None) => Err(Refusal::Trouble(
                Trouble::Failing,
                told_that("a key that was made a moment ago is not to be seen yet"),
            )),
            Err(error) => Err(Refusal::Final(error)),
        }
    }

    /// What a key's refusal to work comes from: the state that it is in, which decides.
    async fn explained(
        &self,
        service: &Service,
        refusal: Refusal,
        key: &KeyArn,
        deadline: Deadline,
    ) -> KeyProviderError {
        let Refusal::InvalidState(cause) = refusal else {
            return refusal.told();
        };
        match service.describe(key.as_str(), deadline).await {
            Ok(Some(described)) => match described.standing {
                KeyStanding::Disabled | KeyStanding::PendingDeletion => {
                    KeyProviderError::KeyRetired
                }
                KeyStanding::Enabled | KeyStanding::Unavailable => Trouble::Failing.because(cause),
            },
            Ok(None) => KeyProviderError::KeyNotFound,
            Err(error) => error,
        }
    }

    fn name_of(&self, scope: &Scope, key_id: &KeyId) -> KeyName {
        KeyName::of(&self.settings.alias_prefix, scope, key_id)
    }

    fn generation<'p>(&'p self, name: &'p KeyName, deadline: Deadline) -> Generation<'p> {
        Generation {
            service: &self.service,
            memory: &self.memory,
            name,
            deadline,
        }
    }
}

#[async_trait]
impl KeyProvider for AwsKmsProvider {
    fn capabilities(&self) -> ProviderCapabilities {
        ProviderCapabilities {
            name: FACE.name,
            max_in_flight: self.settings.limits.for_one_key(),
            caution: None,
            mistaken_secret: None,
        }
    }

    async fn generate(
        &self,
        scope: &Scope,
        key_id: &KeyId,
        deadline: Deadline,
    ) -> Result<GeneratedKey, KeyProviderError> {
        let name = self.name_of(scope, key_id);
        within(deadline, self.generation(&name, deadline).generate()).await
    }

    async fn sign(
        &self,
        handle: &HandleId,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Signature, KeyProviderError> {
        let key = self.key_of(handle)?;
        if self.memory.is_retired(&key) {
            return Err(KeyProviderError::KeyRetired);
        }
        let ask = || self.signing.sign(&key, digest, deadline);
        let signed = self.riding_out_youth(&key, deadline, ask).await;
        // What this process has retired meanwhile releases nothing, even if AWS has not heard of it.
        match signed {
            Ok(_) if self.memory.is_retired(&key) => Err(KeyProviderError::KeyRetired),
            Ok(signature) => Ok(signature),
            Err(refusal) => Err(self.explained(&self.signing, refusal, &key, deadline).await),
        }
    }

    async fn public_key(
        &self,
        handle: &HandleId,
        deadline: Deadline,
    ) -> Result<PublicKey, KeyProviderError> {
        let key = self.key_of(handle)?;
        let ask = || self.service.public_key(&key, deadline);
        match self.riding_out_youth(&key, deadline, ask).await {
            Ok(public_key) => Ok(public_key),
            Err(refusal) => Err(self.explained(&self.service, refusal, &key, deadline).await),
        }
    }

    async fn retire(&self, handle: &HandleId, deadline: Deadline) -> Result<(), KeyProviderError> {
        let key = self.key_to_retire(handle, deadline).await?;
        let retirement = Retirement {
            service: &self.service,
            memory: &self.memory,
            deletion: self.settings.deletion,
            key: &key,
            deadline,
        };
        within(deadline, retirement.retire()).await
    }

    async fn locate(
        &self,
        scope: &Scope,
        key_id: &KeyId,
        deadline: Deadline,
    ) -> Result<Option<GeneratedKey>, KeyProviderError> {
        let name = self.name_of(scope, key_id);
        let located = within(deadline, self.generation(&name, deadline).locate()).await?;
        if located.is_none() {
            // Nothing of ours is to be found in the account of somebody else.
            self.see_account(deadline).await?;
        }
        Ok(located)
    }

    /// Lists one key. That takes credentials, and says in which account they are good. No key is there
    /// to sign with before the first one is generated; each signature is verified when it is made.
    async fn check(&self, deadline: Deadline) -> Result<(), KeyProviderError> {
        self.see_account(deadline).await
    }
}

/// Keeps the waits between calls within the deadline, too; the calls themselves see to it alone.
async fn within<T>(
    deadline: Deadline,
    work: impl Future<Output = Result<T, KeyProviderError>>,
) -> Result<T, KeyProviderError> {
    let outcome = tokio::time::timeout(deadline.remaining(), work).await;
    outcome.unwrap_or_else(|_elapsed| {
        let sentence = "the deadline has passed between two calls";
        Err(in_doubt(Trouble::Silent.because(told_that(sentence))))
    })
}

impl fmt::Debug for AwsKmsProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsKmsProvider")
            .field("region", &self.settings.region.as_str())
            .field("alias_prefix", &self.settings.alias_prefix.as_str())
            .finish_non_exhaustive()
    }
}
