//! What is done with keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signer_cloud::{Trouble, in_doubt, told_that, until_there};
use signer_domain::ports::{Cause, GeneratedKey, KeyProviderError};
use signer_domain::{Deadline, Digest, KeyId, PublicKey, Scope, Signature};

use super::blueprint;
use super::calls::Calls;
use super::error::{LEVEL_NOT_OFFERED, Refusal};
use super::key_ring::VersionName;
use super::settings::GcpSettings;
use super::standing::{Standing, require_ours};

/// How long after a first look a pair may still appear that a process had asked for before it died.
const UNTIL_ABSENCE_TELLS: Duration = Duration::from_secs(1);

/// The keys of one key ring.
pub(super) struct Keys {
    settings: GcpSettings,
    calls: Calls,
    /// Whether the service refused the last key for its protection level.
    is_level_refused: Arc<AtomicBool>,
}

/// What stands under the name of a key.
enum Look {
    Absent,
    Coming,
    There(PublicKey),
}

/// What it means that nothing stands under the name of a key.
#[derive(Clone, Copy)]
enum Absence {
    /// It was made, and the service shows it late.
    Passes,
    /// It was not made.
    Tells,
}

impl Absence {
    /// A look that was refused. A pair that was made is there all the same.
    fn not_seen(self, refusal: Refusal) -> KeyProviderError {
        match self {
            Self::Passes => in_doubt(refusal.into()),
            Self::Tells => refusal.into(),
        }
    }
}

impl Keys {
    pub(super) fn new(settings: GcpSettings) -> Self {
        let calls = Calls::new(&settings);
        Self {
            settings,
            calls,
            is_level_refused: Arc::default(),
        }
    }

    /// The same keys for those who want signatures.
    pub(super) fn for_signatures(&self) -> Self {
        Self {
            settings: self.settings.clone(),
            calls: self.calls.for_signatures(),
            is_level_refused: Arc::clone(&self.is_level_refused),
        }
    }

    /// Makes a pair or adopts the one that has its name. The service makes no second one of a name, so
    /// after a lost answer a look tells whether there is one.
    pub(super) async fn generate(
        &self,
        scope: &Scope,
        key_id: &KeyId,
        deadline: Deadline,
    ) -> Result<GeneratedKey, KeyProviderError> {
        let version = self.version_for(scope, key_id);
        let key = blueprint::crypto_key(scope, key_id, self.settings.protection_level);
        let id = self.id_of(scope, key_id);
        let created = self.calls.create(&id, key, deadline).await;
        match &created {
            Ok(()) => self.is_level_refused.store(false, Ordering::Relaxed),
            Err(Refusal::LevelNotOffered(_)) => {
                self.is_level_refused.store(true, Ordering::Relaxed);
            }
            Err(_) => {}
        }
        let found = match created {
            Ok(()) | Err(Refusal::AlreadyThere) => {
                self.settled(&version, Absence::Passes, deadline).await?
            }
            Err(refusal) if refusal.leaves_doubt() => {
                match self.settled(&version, Absence::Tells, deadline).await {
                    Ok(Some(found)) => Some(found),
                    Err(KeyProviderError::KeyRetired) => return Err(KeyProviderError::KeyRetired),
                    Ok(None) | Err(_) => return Err(refusal.into()),
                }
            }
            Err(refusal) => return Err(not_created(refusal)),
        };
        found.ok_or_else(|| not_there_yet(&version))
    }

    pub(super) async fn locate(
        &self,
        scope: &Scope,
        key_id: &KeyId,
        deadline: Deadline,
    ) -> Result<Option<GeneratedKey>, KeyProviderError> {
        let version = self.version_for(scope, key_id);
        let first = self.settled(&version, Absence::Tells, deadline).await?;
        if first.is_some() {
            return Ok(first);
        }
        // What a process that died had asked for may still be on its way to the service.
        if deadline.remaining() <= UNTIL_ABSENCE_TELLS {
            return Err(not_there_yet(&version));
        }
        tokio::time::sleep(UNTIL_ABSENCE_TELLS).await;
        self.settled(&version, Absence::Tells, deadline).await
    }

    pub(super) async fn sign(
        &self,
        version: &VersionName,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Signature, KeyProviderError> {
        match self.calls.sign(version, digest, deadline).await {
            Ok(signature) => Ok(signature),
            Err(Refusal::WrongState(cause)) => {
                Err(self.why_unusable(version, cause, deadline).await)
            }
            Err(refusal) => Err(refusal.into()),
        }
    }

    pub(super) async fn public_key(
        &self,
        version: &VersionName,
        deadline: Deadline,
    ) -> Result<PublicKey, KeyProviderError> {
        match self.calls.public_key(version, deadline).await {
            Ok(public_key) => Ok(public_key),
            Err(Refusal::WrongState(cause)) => {
                Err(self.why_unusable(version, cause, deadline).await)
            }
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// Disables a version, and believes it when it is seen.
    pub(super) async fn retire(
        &self,
        version: &VersionName,
        deadline: Deadline,
    ) -> Result<(), KeyProviderError> {
        let disabled = AtomicBool::new(false);
        let retired = until_there(deadline, || self.retire_once(version, &disabled, deadline));
        match retired.await {
            Ok(Some(())) => Ok(()),
            Ok(None) => {
                let said = format!("{version} is not seen disabled yet");
                Err(Trouble::Silent.because(told_that(said)))
            }
            Err(error) if disabled.load(Ordering::Relaxed) => Err(in_doubt(error)),
            Err(error) => Err(error),
        }
    }

    /// `None` when the version is not seen retired yet. Notes in `disabled` that the service took the
    /// order: whatever goes wrong from then on, the version may be disabled.
    async fn retire_once(
        &self,
        version: &VersionName,
        disabled: &AtomicBool,
        deadline: Deadline,
    ) -> Result<Option<()>, KeyProviderError> {
        match self.standing(version, deadline).await? {
            Standing::Retired | Standing::Failed => return Ok(Some(())),
            Standing::Coming => return Ok(None),
            Standing::Usable | Standing::Unknown => {}
        }
        match self.calls.disable(version, deadline).await {
            // Somebody else changed the state meanwhile.
            Ok(()) | Err(Refusal::WrongState(_)) => disabled.store(true, Ordering::Relaxed),
            Err(refusal) => return Err(refusal.into()),
        }
        let standing = self.standing(version, deadline).await?;
        Ok((standing == Standing::Retired).then_some(()))
    }

    /// What an operator must cure before a key can be made, as far as the service has said.
    pub(super) fn warning(&self) -> Option<&'static str> {
        let is_level_refused = self.is_level_refused.load(Ordering::Relaxed);
        is_level_refused.then_some(LEVEL_NOT_OFFERED)
    }

    /// Reads the key ring.
    pub(super) async fn check_key_ring(&self, deadline: Deadline) -> Result<(), KeyProviderError> {
        match self.calls.read_key_ring(deadline).await {
            Ok(()) => Ok(()),
            Err(Refusal::NotFound) => Err(no_key_ring()),
            Err(refusal) => Err(refusal.into()),
        }
    }

    fn id_of(&self, scope: &Scope, key_id: &KeyId) -> String {
        self.settings.key_prefix.id_of(scope, key_id)
    }

    fn version_for(&self, scope: &Scope, key_id: &KeyId) -> VersionName {
        let id = self.id_of(scope, key_id);
        self.settings.key_ring.first_version_of(&id)
    }

    /// Waits for a pair that is coming. `None` only when its absence tells.
    async fn settled(
        &self,
        version: &VersionName,
        absence: Absence,
        deadline: Deadline,
    ) -> Result<Option<GeneratedKey>, KeyProviderError> {
        let settled = until_there(deadline, || self.answer(version, absence, deadline));
        let Some(found) = settled.await? else {
            return Err(not_there_yet(version));
        };
        let generated = |public_key| {
            let handle = version.handle();
            handle.map(|handle_id| GeneratedKey {
                handle_id,
                public_key,
            })
        };
        match found.map(generated) {
            None => Ok(None),
            Some(Some(key)) => Ok(Some(key)),
            Some(None) => Err(Trouble::Unexpected.because(told_that("no handle holds its name"))),
        }
    }

    /// What a look at a pair says to whoever waits for it; `None` is "not yet".
    async fn answer(
        &self,
        version: &VersionName,
        absence: Absence,
        deadline: Deadline,
    ) -> Result<Option<Option<PublicKey>>, KeyProviderError> {
        let answer = match (self.look(version, absence, deadline).await?, absence) {
            (Look::There(public_key), _) => Some(Some(public_key)),
            (Look::Coming, _) | (Look::Absent, Absence::Passes) => None,
            (Look::Absent, Absence::Tells) => Some(None),
        };
        Ok(answer)
    }

    async fn look(
        &self,
        name: &VersionName,
        absence: Absence,
        deadline: Deadline,
    ) -> Result<Look, KeyProviderError> {
        let version = match self.calls.version(name, deadline).await {
            Ok(version) => version,
            Err(Refusal::NotFound) => return Ok(Look::Absent),
            Err(refusal) => return Err(absence.not_seen(refusal)),
        };
        match Standing::of(&version) {
            Standing::Coming => Ok(Look::Coming),
            Standing::Retired => Err(KeyProviderError::KeyRetired),
            Standing::Failed => Err(KeyProviderError::Misconfigured {
                context: "making a key: the service gave it up, and its name is used up",
                source: Some(told_that(version.generation_failure_reason)),
            }),
            Standing::Unknown => {
                let said = format!("{name} is in an unknown state");
                Err(Trouble::Unexpected.because(told_that(said)))
            }
            Standing::Usable => {
                require_ours(&version, self.settings.protection_level)?;
                match self.calls.public_key(name, deadline).await {
                    Ok(public_key) => Ok(Look::There(public_key)),
                    // What the service knows of a new version it knows late.
                    Err(Refusal::WrongState(_) | Refusal::NotFound) => Ok(Look::Coming),
                    Err(refusal) => Err(absence.not_seen(refusal)),
                }
            }
        }
    }

    async fn standing(
        &self,
        name: &VersionName,
        deadline: Deadline,
    ) -> Result<Standing, KeyProviderError> {
        Ok(Standing::of(&self.calls.version(name, deadline).await?))
    }

    /// Why a version does not allow a call, of which the service says only that its state is wrong.
    async fn why_unusable(
        &self,
        version: &VersionName,
        cause: Cause,
        deadline: Deadline,
    ) -> KeyProviderError {
        match self.standing(version, deadline).await {
            Ok(Standing::Retired) => KeyProviderError::KeyRetired,
            Ok(Standing::Coming) => not_there_yet(version),
            Ok(Standing::Usable | Standing::Failed | Standing::Unknown) => {
                Trouble::Unexpected.because(cause)
            }
            Err(error) => error,
        }
    }
}

fn not_created(refusal: Refusal) -> KeyProviderError {
    match refusal {
        Refusal::NotFound => no_key_ring(),
        Refusal::Invalid(cause) => KeyProviderError::Misconfigured {
            context: "making a key: the service does not take the request for it; see what it says in \
                      the log, and the location of the key ring",
            source: Some(cause),
        },
        Refusal::AlreadyThere
        | Refusal::WrongState(_)
        | Refusal::LevelNotOffered(_)
        | Refusal::NoToken(_)
        | Refusal::Trouble(..)
        | Refusal::Final(_) => refusal.into(),
    }
}

fn no_key_ring() -> KeyProviderError {
    KeyProviderError::Misconfigured {
        context: "looking for the key ring: there is none of this name",
        source: None,
    }
}

fn not_there_yet(version: &VersionName) -> KeyProviderError {
    Trouble::Silent.because(told_that(format!("{version} is not there yet")))
}
