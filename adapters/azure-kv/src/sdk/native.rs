//! Ed25519 keys of the vault itself.
//!
//! No vault offers them today. The names of type, curve and algorithm are those of the one preview that
//! did (7.4-preview.1, managed HSMs, 2022), so this mode could only be tried on a fake. It proves at
//! each start that the vault makes and uses such a key, and says so when it does not.

use azure_security_keyvault_keys::models::{CreateKeyParameters, CurveName, KeyOperation, KeyType};
use parking_lot::Mutex;

use signer_cloud::told_that;
use signer_domain::ports::{GeneratedKey, KeyProviderError};
use signer_domain::{Deadline, Digest, PublicKey};
use signer_verify::verifier_for;

use super::error::{Refusal, after_making, misconfigured, unexpected};
use super::handle::KeyVersion;
use super::settling::{Settled, put_aside, settled, settled_key};
use super::standing::Standing;
use super::tags::Tags;
use super::vault::{Vault, Version};

/// What the operator is told by a vault that has no Ed25519.
pub(super) const NOT_OFFERED: &str =
    "asking the vault for an Ed25519 key, which it does not offer: use --azure-kv-mode envelope";
const OF_ANOTHER_MODE: &str = "reading a vault key of this name, which is no Ed25519 key: it was made in \
                               another mode";
const PROBE_UNUSABLE: &str =
    "signing with the vault key plexsphere-probe, which is disabled: enable or purge it";

/// Signed in each check.
const PROBE_DIGEST: Digest = Digest::from_bytes([0x5a; Digest::LEN]);

/// The keys of one vault.
#[derive(Debug, Default)]
pub(super) struct Native {
    /// The key that each check signs with.
    probe: Mutex<Option<(KeyVersion, PublicKey)>>,
}

impl Native {
    /// Signs with a key that is there for nothing else. It is made once in the life of a vault; one
    /// that does not know the type refuses that, and nothing is left behind.
    pub(super) async fn check(
        &self,
        vault: &Vault,
        deadline: Deadline,
    ) -> Result<(), KeyProviderError> {
        let known = self.probe.lock().clone();
        let (id, public_key) = match known {
            Some(known) => known,
            None => probe(vault, deadline).await?,
        };
        let signed = vault.sign(&id, &PROBE_DIGEST, deadline).await;
        let signature = match signed {
            Err(Refusal::Disabled) => {
                return Err(misconfigured(PROBE_UNUSABLE, told_that("it is disabled")));
            }
            Err(Refusal::NotFound) => {
                // It was deleted, or another one has its name: the next check looks anew.
                *self.probe.lock() = None;
                return Err(unexpected("the vault has lost the key plexsphere-probe"));
            }
            signed => signed.map_err(|refusal| refusal.or_refused_while(NOT_OFFERED))?,
        };
        let verified = verifier_for(&public_key)
            .is_ok_and(|verifier| verifier.accepts(&PROBE_DIGEST, &signature));
        if !verified {
            return Err(unexpected("a signature of the vault is none of Ed25519"));
        }
        *self.probe.lock() = Some((id, public_key));
        Ok(())
    }
}

async fn probe(
    vault: &Vault,
    deadline: Deadline,
) -> Result<(KeyVersion, PublicKey), KeyProviderError> {
    let found = match vault.version(super::PROBE, None, deadline).await {
        Err(Refusal::NotFound) => {
            let key = key_with(Tags::new());
            let made = vault.create(super::PROBE, &key, deadline).await;
            made.map_err(|refusal| refusal.or_refused_while(NOT_OFFERED))?
        }
        found => found.map_err(Refusal::plain)?,
    };
    let public_key = public_key_of(&found)?;
    Ok((found.id, public_key))
}

fn key_with(tags: Tags) -> CreateKeyParameters {
    CreateKeyParameters {
        kty: Some(KeyType::UnknownValue("OKP-HSM".to_owned())),
        curve: Some(CurveName::UnknownValue("Ed25519".to_owned())),
        key_ops: Some(vec![KeyOperation::Sign, KeyOperation::Verify]),
        tags: Some(tags),
        ..CreateKeyParameters::default()
    }
}

/// Makes the key called `name`, or finds it.
pub(super) async fn generate(
    vault: &Vault,
    name: &str,
    names: Tags,
    deadline: Deadline,
) -> Result<GeneratedKey, KeyProviderError> {
    match settled(vault, name, every_version, deadline).await? {
        Settled::Key(version) | Settled::Abandoned(version) => {
            described(vault, &version, deadline).await
        }
        Settled::Withdrawn => Err(KeyProviderError::KeyRetired),
        Settled::Nothing => {
            let made = vault.create(name, &key_with(names), deadline).await;
            let made = made.map_err(|refusal| refusal.or_refused_while(NOT_OFFERED))?;
            let key = key_after(vault, &made, deadline).await;
            key.map_err(after_making)
        }
    }
}

/// The key of a name of which `made` is a version that was made a moment ago.
async fn key_after(
    vault: &Vault,
    made: &Version,
    deadline: Deadline,
) -> Result<GeneratedKey, KeyProviderError> {
    let key = settled_key(vault, made.id.name(), every_version, deadline).await?;
    if key.id != made.id {
        put_aside(vault, &made.id, deadline).await;
    }
    described(vault, &key, deadline).await
}

/// Looks for the key called `name`.
pub(super) async fn locate(
    vault: &Vault,
    name: &str,
    deadline: Deadline,
) -> Result<Option<GeneratedKey>, KeyProviderError> {
    let versions = vault.versions(name, deadline).await?;
    match Standing::of(&versions, every_version) {
        Standing::Key { version, .. } => described(vault, version, deadline).await.map(Some),
        Standing::Nothing | Standing::Unfinished(_) | Standing::Withdrawn => Ok(None),
    }
}

/// The public half of a version that was asked for as a whole.
pub(super) fn public_key_of(version: &Version) -> Result<PublicKey, KeyProviderError> {
    let sentence = || told_that(format!("{} has no public half of 32 bytes", version.id));
    version
        .public_key
        .ok_or_else(|| misconfigured(OF_ANOTHER_MODE, sentence()))
}

/// A list does not show public halves, so the version is asked for.
async fn described(
    vault: &Vault,
    listed: &Version,
    deadline: Deadline,
) -> Result<GeneratedKey, KeyProviderError> {
    if !listed.enabled {
        return Err(KeyProviderError::KeyRetired);
    }
    let (name, version) = (listed.id.name(), listed.id.version());
    let shown = vault.version(name, Some(version), deadline).await;
    let shown = shown.map_err(Refusal::plain)?;
    Ok(GeneratedKey {
        handle_id: shown.id.handle()?,
        public_key: public_key_of(&shown)?,
    })
}

/// A version holds its key from the moment it is made.
fn every_version(_version: &Version) -> bool {
    true
}
