//! Private keys in the tags of vault keys, encrypted by the vault.
//!
//! Each signing key has a wrapping key of its own, an RSA key of the vault. The signing key lies in the
//! tags of that very version, so the vault holds all there is, and disabling the version makes the
//! signing key unusable. To sign, the vault decrypts the signing key, and this process has it in memory
//! until the signature is made.

use std::num::NonZeroUsize;
use std::sync::Arc;

use azure_security_keyvault_keys::models::{CreateKeyParameters, KeyOperation, KeyType};
use lru::LruCache;
use parking_lot::Mutex;

use signer_cloud::told_that;
use signer_domain::ports::{GeneratedKey, KeyProviderError};
use signer_domain::{Deadline, Digest, PublicKey, Signature};
use signer_key_pair::LentKey;

use super::error::{Refusal, after_making, misconfigured, unexpected};
use super::handle::KeyVersion;
use super::settings::{WrappingKey, WrappingKeyHome};
use super::settling::{Settled, put_aside, settled, settled_key};
use super::standing::Standing;
use super::tags::{SealedKey, Tags, instead_of};
use super::vault::{Vault, Version};

/// How many encrypted keys are remembered, at half a kilobyte each. They never change, and the vault
/// counts each look.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

const MAKING: &str = "making a wrapping key: the vault refuses its type or size; a standard vault takes \
                      --azure-wrapping-key-type rsa, a managed HSM rsa-hsm";
const OF_ANOTHER_MODE: &str =
    "using a vault key of this name, which does not encrypt: it was made in another mode";
const TAGS_DAMAGED: &str =
    "reading an encrypted key: the tags of its vault key are missing or damaged";
const LESS_PROTECTED: &str = "adopting a vault key: under its name stands one of a lesser type than \
                              --azure-wrapping-key-type asks for";
const OF_OTHER_USE: &str =
    "adopting a vault key: under its name stands one that may do more than encrypt keys";
const EXPORTABLE: &str = "adopting a vault key: under its name stands one that can be exported";
const KEY_EXCHANGED: &str = "decrypting a key: what the tags of its vault key hold is not that key";

/// The keys of one vault.
#[derive(Debug)]
pub(super) struct Envelope {
    wrapping_key: WrappingKey,
    sealed: Mutex<LruCache<KeyVersion, Arc<SealedKey>>>,
}

impl Envelope {
    pub(super) fn new(wrapping_key: WrappingKey) -> Self {
        Self {
            wrapping_key,
            sealed: Mutex::new(LruCache::new(REMEMBERED)),
        }
    }

    /// Makes the key called `name`, or finds it. Whatever a custodian that died has left is replaced.
    pub(super) async fn generate(
        &self,
        vault: &Vault,
        name: &str,
        names: Tags,
        deadline: Deadline,
    ) -> Result<GeneratedKey, KeyProviderError> {
        match settled(vault, name, holds_a_key, deadline).await? {
            Settled::Key(version) => self.found(vault, &version, deadline).await,
            Settled::Withdrawn => Err(KeyProviderError::KeyRetired),
            Settled::Abandoned(left) => {
                if holds_a_key(&shown(vault, &left.id, deadline).await?) {
                    let key = settled_key(vault, name, holds_a_key, deadline).await?;
                    return self.found(vault, &key, deadline).await;
                }
                let names = instead_of(names, [left.id.version()]);
                let made = self.make(vault, name, names.clone(), deadline).await?;
                let key = self.replace(vault, &left.id, &made, names, deadline).await;
                key.map_err(after_making)
            }
            Settled::Nothing => {
                let made = self.make(vault, name, names.clone(), deadline).await?;
                let key = self.complete(vault, &made, names, deadline).await;
                key.map_err(after_making)
            }
        }
    }

    /// Makes a version that holds no key yet.
    async fn make(
        &self,
        vault: &Vault,
        name: &str,
        names: Tags,
        deadline: Deadline,
    ) -> Result<Version, KeyProviderError> {
        let wrapping_key = self.wrapping_key_with(names);
        let made = vault.create(name, &wrapping_key, deadline).await;
        made.map_err(|refusal| refusal.or_refused_while(MAKING))
    }

    fn wrapping_key_with(&self, tags: Tags) -> CreateKeyParameters {
        CreateKeyParameters {
            kty: Some(match self.wrapping_key.home {
                WrappingKeyHome::Hardware => KeyType::RsaHsm,
                WrappingKeyHome::Software => KeyType::Rsa,
            }),
            key_size: Some(self.wrapping_key.size.bits()),
            key_ops: Some(vec![KeyOperation::WrapKey, KeyOperation::UnwrapKey]),
            tags: Some(tags),
            ..CreateKeyParameters::default()
        }
    }

    /// Signs with the key of a version.
    pub(super) async fn sign(
        &self,
        vault: &Vault,
        id: &KeyVersion,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Signature, KeyProviderError> {
        let known = self.sealed.lock().get(id).cloned();
        if let Some(sealed) = known {
            match unseal(vault, id, &sealed, deadline).await {
                Ok(key) => return Ok(key.sign(digest)),
                // What is remembered may be out of date: the tags are read anew.
                Err(Unusable::Exchanged(_)) => self.forget(id),
                Err(Unusable::Refused(error)) => return Err(error),
            }
        }
        let version = vault.version(id.name(), Some(id.version()), deadline).await;
        let version = version.map_err(Refusal::plain)?;
        if !version.enabled {
            return Err(KeyProviderError::KeyRetired);
        }
        let sealed = sealed_in(&version)?;
        let key = unseal(vault, id, &sealed, deadline).await?;
        self.sealed.lock().put(id.clone(), Arc::new(sealed));
        Ok(key.sign(digest))
    }

    /// Looks for the key called `name`.
    pub(super) async fn locate(
        &self,
        vault: &Vault,
        name: &str,
        deadline: Deadline,
    ) -> Result<Option<GeneratedKey>, KeyProviderError> {
        let versions = vault.versions(name, deadline).await?;
        match Standing::of(&versions, holds_a_key) {
            Standing::Key { version, .. } if !version.enabled => Err(KeyProviderError::KeyRetired),
            Standing::Key { version, .. } => {
                let version = self.adoptable(vault, &version.id, deadline).await?;
                described(&version).map(Some)
            }
            Standing::Nothing | Standing::Unfinished(_) | Standing::Withdrawn => Ok(None),
        }
    }

    /// A key that was made before, by whomever. It is decrypted once before anybody relies on it.
    async fn found(
        &self,
        vault: &Vault,
        version: &Version,
        deadline: Deadline,
    ) -> Result<GeneratedKey, KeyProviderError> {
        // What was retired is no more and no less, however it was made.
        described(version)?;
        let version = self.adoptable(vault, &version.id, deadline).await?;
        let described = described(&version)?;
        unseal(vault, &version.id, &sealed_in(&version)?, deadline).await?;
        Ok(described)
    }

    /// A version as it is now, if its vault key is made as ours are. Whoever may make keys in the vault
    /// could have put it there.
    async fn adoptable(
        &self,
        vault: &Vault,
        id: &KeyVersion,
        deadline: Deadline,
    ) -> Result<Version, KeyProviderError> {
        let version = shown(vault, id, deadline).await?;
        let context = match version.wrapping {
            None => OF_ANOTHER_MODE,
            Some(it) if it.is_exportable => EXPORTABLE,
            Some(it) if !it.does_nothing_else => OF_OTHER_USE,
            Some(it) if !self.is_as_good(it.home) => LESS_PROTECTED,
            Some(_) => return Ok(version),
        };
        Err(misconfigured(context, told_that(id.to_string())))
    }

    fn is_as_good(&self, home: WrappingKeyHome) -> bool {
        home == WrappingKeyHome::Hardware || home == self.wrapping_key.home
    }

    /// Has `made` take the place of a version that was left without a key. The version that was left is
    /// disabled before `made` gets its key, so that a key that still arrives there is nobody's.
    async fn replace(
        &self,
        vault: &Vault,
        left: &KeyVersion,
        made: &Version,
        names: Tags,
        deadline: Deadline,
    ) -> Result<GeneratedKey, KeyProviderError> {
        let disabled = vault.disable(left, deadline).await;
        disabled.map_err(Refusal::plain)?;
        if !holds_a_key(&shown(vault, left, deadline).await?) {
            tracing::info!(version = %left, "version of a vault key without a key replaced");
            return self.complete(vault, made, names, deadline).await;
        }
        // Its maker was alive all the time, and may have told of the key.
        let enabled = vault.enable(left, deadline).await;
        enabled.map_err(Refusal::plain)?;
        put_aside(vault, &made.id, deadline).await;
        let key = settled_key(vault, left.name(), holds_a_key, deadline).await?;
        self.found(vault, &key, deadline).await
    }

    /// Puts a new key into a version of our own that holds none, unless the name has one by then. What
    /// the vault has in the end is the key.
    async fn complete(
        &self,
        vault: &Vault,
        made: &Version,
        names: Tags,
        deadline: Deadline,
    ) -> Result<GeneratedKey, KeyProviderError> {
        let key = tagged(vault, &made.id, names, deadline).await?;
        if key.id == made.id {
            return described(&key);
        }
        put_aside(vault, &made.id, deadline).await;
        self.found(vault, &key, deadline).await
    }

    /// Lets go of what is remembered of a version.
    pub(super) fn forget(&self, id: &KeyVersion) {
        self.sealed.lock().pop(id);
    }
}

/// The public half of the key of a version, also of one that is retired.
pub(super) fn public_key_of(version: &Version) -> Result<PublicKey, KeyProviderError> {
    sealed_in(version).map(|sealed| sealed.public_key)
}

/// Asks for the decryption of nothing by a key that is not there: the vault says so to those who may
/// have keys decrypted, and to nobody else.
pub(super) async fn check(vault: &Vault, deadline: Deadline) -> Result<(), KeyProviderError> {
    let nobody = KeyVersion::of(super::PROBE, "00000000000000000000000000000000");
    match vault.unseal(&nobody, &[0; 256], deadline).await {
        Ok(_)
        | Err(
            Refusal::NotFound
            | Refusal::NotUnderstood(_)
            | Refusal::Disabled
            | Refusal::NameIsDeleted(_),
        ) => Ok(()),
        Err(Refusal::Passing(error) | Refusal::Other(error)) => Err(error),
    }
}

async fn tagged(
    vault: &Vault,
    id: &KeyVersion,
    names: Tags,
    deadline: Deadline,
) -> Result<Version, KeyProviderError> {
    let sealed = new_key(vault, id, deadline).await?;
    let versions = vault.versions(id.name(), deadline).await?;
    if let Standing::Key { version, .. } = Standing::of(&versions, holds_a_key) {
        return Ok(version.clone());
    }
    // Should they be disabled as the work of the dead, this version will have been there instead.
    let unfinished = versions
        .iter()
        .filter(|it| it.id != *id && !holds_a_key(it));
    let names = instead_of(names, unfinished.map(|it| it.id.version()));
    let tags = sealed.join(names);
    let tags = tags.ok_or_else(|| unexpected("an encrypted key is too long for the tags"))?;
    let tagged = vault.tag(id, &tags, deadline).await;
    tagged.map_err(Refusal::plain)?;
    settled_key(vault, id.name(), holds_a_key, deadline).await
}

/// A version as it is now, which is no key of another mode.
async fn shown(
    vault: &Vault,
    id: &KeyVersion,
    deadline: Deadline,
) -> Result<Version, KeyProviderError> {
    let shown = vault.version(id.name(), Some(id.version()), deadline).await;
    let shown = shown.map_err(Refusal::plain)?;
    match shown.public_key {
        None => Ok(shown),
        Some(_) => Err(misconfigured(OF_ANOTHER_MODE, told_that(id.to_string()))),
    }
}

/// Makes a key and has it encrypted. It is decrypted once before anybody relies on it.
async fn new_key(
    vault: &Vault,
    id: &KeyVersion,
    deadline: Deadline,
) -> Result<SealedKey, KeyProviderError> {
    let key = LentKey::make()
        .map_err(|_unspecific| misconfigured("making a key", told_that("no random bytes")))?;
    let ciphertext = vault.seal(id, &key, deadline).await;
    let sealed = SealedKey {
        ciphertext: ciphertext.map_err(|refusal| refusal.or_refused_while(OF_ANOTHER_MODE))?,
        public_key: key.public_key(),
    };
    unseal(vault, id, &sealed, deadline).await?;
    Ok(sealed)
}

/// Why an encrypted key is of no use.
enum Unusable {
    /// It is not the key that it lies beside.
    Exchanged(KeyProviderError),
    /// The vault does not decrypt it.
    Refused(KeyProviderError),
}

impl From<Unusable> for KeyProviderError {
    fn from(unusable: Unusable) -> Self {
        match unusable {
            Unusable::Exchanged(error) | Unusable::Refused(error) => error,
        }
    }
}

/// Decrypts a key and makes sure that it is the one whose public half lies beside it.
async fn unseal(
    vault: &Vault,
    id: &KeyVersion,
    sealed: &SealedKey,
    deadline: Deadline,
) -> Result<LentKey, Unusable> {
    let exchanged = |cause| Unusable::Exchanged(misconfigured(KEY_EXCHANGED, cause));
    match vault.unseal(id, &sealed.ciphertext, deadline).await {
        Ok(key) if key.public_key() == sealed.public_key => Ok(key),
        Ok(_other) => Err(exchanged(told_that("its public half is another"))),
        Err(Refusal::NotUnderstood(cause)) => Err(exchanged(cause)),
        Err(refusal) => Err(Unusable::Refused(refusal.plain())),
    }
}

fn holds_a_key(version: &Version) -> bool {
    SealedKey::in_tags(&version.tags).is_some()
}

fn sealed_in(version: &Version) -> Result<SealedKey, KeyProviderError> {
    SealedKey::in_tags(&version.tags).ok_or_else(|| {
        let sentence = format!("no whole key in the tags of {}", version.id);
        misconfigured(TAGS_DAMAGED, told_that(sentence))
    })
}

fn described(version: &Version) -> Result<GeneratedKey, KeyProviderError> {
    if !version.enabled {
        return Err(KeyProviderError::KeyRetired);
    }
    Ok(GeneratedKey {
        handle_id: version.id.handle()?,
        public_key: public_key_of(version)?,
    })
}
