//! Whether an empty token may be taken into use: by what the registry knows, or by the operator's word.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use signer_adapters::providers::pkcs11::{RegisteredKeys, RegistryKnows};
use signer_domain::ports::{KeyProvider as _, KeyQuery, KeyRegistry, KeyRegistryError};
use signer_domain::{Deadline, HandleId, ProviderName, PublicKey};

use super::{OpenToken, verdict};
use crate::config::Pkcs11Config;
use crate::failure::Failure;
use crate::wiring::OpenRegistry;

/// How many keys are read at a time in search of one that is in the token.
const PAGE: NonZeroU32 = NonZeroU32::new(1000).unwrap();
/// How long a token may take to make its sentinel.
const ACCEPTANCE_PATIENCE: Duration = Duration::from_secs(30);

impl OpenToken {
    /// Tells the provider who knows the registered public keys, and whether the registry knows keys of its
    /// token. Only a token that has not shown its sentinel makes that worth asking.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub(in crate::wiring) async fn learn_from(
        &self,
        registry: &OpenRegistry,
    ) -> Result<(), Failure> {
        self.provider
            .ask_for_registered(Arc::new(Registered(registry.port())));
        if self.provider.has_met_its_token() {
            return Ok(());
        }
        let known = known_to(&*registry.port()).await.map_err(|cause| {
            Failure::general(format_args!("the registry cannot be read: {cause}"))
        })?;
        self.provider.learn(known);
        Ok(())
    }
}

/// The public keys of the registry.
#[derive(Debug)]
struct Registered(Arc<dyn KeyRegistry>);

#[async_trait]
impl RegisteredKeys for Registered {
    async fn public_key_of(&self, handle: &HandleId) -> Option<PublicKey> {
        match self.0.find(handle).await {
            Ok(found) => found.map(|key| key.public_key),
            Err(cause) => {
                tracing::warn!(%cause, "registered public key cannot be read");
                None
            }
        }
    }
}

/// Keys in every state count, for each of them was acknowledged once. A name that is only reserved was
/// not: a first start that ended half-way must not keep the next one from its token.
async fn known_to(registry: &dyn KeyRegistry) -> Result<RegistryKnows, KeyRegistryError> {
    let mut query = KeyQuery {
        scope: None,
        state: None,
        limit: PAGE,
        after: None,
    };
    loop {
        let page = registry.list(&query).await?;
        let is_in_the_token = |provider| provider == ProviderName::Pkcs11;
        if page.keys.iter().any(|key| is_in_the_token(key.provider())) {
            return Ok(RegistryKnows::Keys);
        }
        if page.next.is_none() {
            return Ok(RegistryKnows::NoKeys);
        }
        query.after = page.next;
    }
}

/// Takes an empty token into use, whatever a registry knows of it; tells what was done.
///
/// # Errors
/// When the token is not empty and has no sentinel, or cannot be asked.
pub(crate) async fn accept(config: &Pkcs11Config) -> Result<&'static str, Failure> {
    let token = OpenToken::open(config).await?;
    let deadline = Deadline::after(ACCEPTANCE_PATIENCE);
    // A token that is slow may have been opened without being met.
    if token.provider.has_met_its_token() || token.provider.check(deadline).await.is_ok() {
        return token.close(Ok("nothing to accept: the token has its sentinel"));
    }
    token.provider.learn(RegistryKnows::NoKeys);
    let outcome = match token.provider.check(deadline).await {
        Ok(()) => Ok("accepted: the token has a sentinel now"),
        Err(error) => Err(verdict(&error)),
    };
    token.close(outcome)
}
