//! Whether an empty token may be taken into use, by what the registry knows.

use std::num::NonZeroU32;
use std::sync::Arc;

use async_trait::async_trait;
use signer_domain::ports::{KeyQuery, KeyRecords, KeyRegistryError};
use signer_domain::{HandleId, PublicKey};
use signer_module::Refusal;

use crate::face::FACE;
use crate::sdk::{Pkcs11Provider, RegisteredKeys, RegistryKnows};

/// How many keys are read at a time in search of one that is in the token.
const PAGE: NonZeroU32 = NonZeroU32::new(1000).unwrap();

/// Tells the provider who knows the registered public keys, and whether the registry knows keys of its
/// token. Only a token that has not shown its sentinel makes that worth asking.
///
/// # Errors
/// When the registry cannot be read.
pub(super) async fn learn_from(
    provider: &Pkcs11Provider,
    registry: Arc<dyn KeyRecords>,
) -> Result<(), Refusal> {
    provider.ask_for_registered(Arc::new(Registered(Arc::clone(&registry))));
    if provider.has_met_its_token() {
        return Ok(());
    }
    let known = known_to(&*registry)
        .await
        .map_err(|cause| Refusal::general(format_args!("the registry cannot be read: {cause}")))?;
    provider.learn(known);
    Ok(())
}

/// The public keys of the registry.
#[derive(Debug)]
struct Registered(Arc<dyn KeyRecords>);

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
async fn known_to(registry: &dyn KeyRecords) -> Result<RegistryKnows, KeyRegistryError> {
    let mut query = KeyQuery {
        scope: None,
        state: None,
        limit: PAGE,
        after: None,
    };
    loop {
        let page = registry.list(&query).await?;
        let is_in_the_token = |provider| provider == FACE.name;
        if page.keys.iter().any(|key| is_in_the_token(key.provider())) {
            return Ok(RegistryKnows::Keys);
        }
        if page.next.is_none() {
            return Ok(RegistryKnows::NoKeys);
        }
        query.after = page.next;
    }
}
