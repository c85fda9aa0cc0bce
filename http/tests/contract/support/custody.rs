//! A custody that does what the names it is given say.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use signer_domain::ports::{
    CheckState, Custody, CustodyError, GenerateKey, GeneratedOrStanding, KeyQuery, Liveness,
    Presence, ProviderStatus, PublicKeySource, PublishedKey, Readiness, ReleaseHold, ShownKey,
    ShownKeys, SignRequest, SignTarget, SignedDigest,
};
use signer_domain::{
    Deadline, DeploymentProfile, HandleId, KeyId, KeyMarks, KeyState, ProviderName, PublicKey,
    Scope, Signature, SigningKey, Timestamp,
};

const KEYS: u64 = 250;

/// Does what the key's name says: `retired` is retired, `hang` hangs, `panic` panics, and so on. When
/// `last` has signed, nothing may leave any more. Any name it has no script for is an active key.
#[derive(Debug, Default)]
pub(crate) struct ScriptedCustody {
    /// How many signatures were asked for.
    pub(crate) signs: AtomicUsize,
    /// Makes `liveness` give no answer.
    pub(crate) is_lifeless: AtomicBool,
    /// Makes a rotation overdue.
    pub(crate) is_overdue: AtomicBool,
    /// Makes the registry check fail.
    pub(crate) is_registry_down: AtomicBool,
    /// Keeps signatures from leaving.
    pub(crate) is_lost: AtomicBool,
}

pub(crate) fn handle(name: &str) -> HandleId {
    HandleId::parse(&format!("software:platform|{name}")).unwrap()
}

pub(crate) fn key(name: &str) -> SigningKey {
    SigningKey {
        scope: Scope::Platform,
        key_id: KeyId::parse(name).unwrap(),
        handle_id: handle(name),
        public_key: PublicKey::from_bytes([7; 32]),
        state: KeyState::Active,
        current: true,
        marks: KeyMarks::default(),
        valid_from: Timestamp::UNIX_EPOCH,
        valid_until: None,
        version: 1,
    }
}

/// Plays the script for `name`.
pub(super) async fn play(name: &str) -> Result<(), CustodyError> {
    let retry_after = Duration::from_millis(1500);
    match name {
        "unknown" => Err(CustodyError::KeyNotFound),
        "retired" => Err(CustodyError::KeyRetired),
        "blocked" => Err(CustodyError::KeyBlocked),
        "rotating" => Err(CustodyError::RotationInProgress),
        "not-rotated" => Err(CustodyError::RotationNotFound),
        "taken" => Err(CustodyError::NameTaken),
        "flooded" => Err(CustodyError::Overloaded { retry_after }),
        "provider-down" => Err(CustodyError::ProviderUnavailable {
            retry_after,
            outcome_unknown: true,
        }),
        "registry-down" => Err(CustodyError::RegistryUnavailable { retry_after }),
        "late" => Err(CustodyError::DeadlineExceeded),
        "wrong" => Err(CustodyError::SignatureCheckFailed),
        "broken" => Err(CustodyError::Internal),
        "not-permitted" => Err(DeploymentProfile::Saas
            .permit(Scope::Platform)
            .unwrap_err()
            .into()),
        "panic" => panic!("scripted"),
        "hang" => std::future::pending().await,
        "slow" => {
            tokio::time::sleep(Duration::from_millis(150)).await;
            Ok(())
        }
        "yield" => {
            tokio::task::yield_now().await;
            Ok(())
        }
        _ => Ok(()),
    }
}

fn name_of(handle: &HandleId) -> &str {
    handle.rest().rsplit('|').next().unwrap_or_default()
}

async fn sign(request: SignRequest) -> Result<SignedDigest, CustodyError> {
    let handle_id = match request.target {
        SignTarget::Handle(handle) => handle,
        SignTarget::Scope(Scope::Platform) => handle("current"),
        SignTarget::Scope(Scope::Domain(_)) => handle("retired"),
    };
    play(name_of(&handle_id)).await?;
    let key_id = KeyId::parse(name_of(&handle_id)).unwrap_or_else(|_| key("k").key_id);
    Ok(SignedDigest {
        handle_id,
        scope: Scope::Platform,
        key_id,
        signature: Signature::from_bytes(*request.digest.as_bytes()),
        hold: ReleaseHold::default(),
    })
}

impl ScriptedCustody {
    fn note_signed<E>(&self, signed: Result<SignedDigest, E>) -> Result<SignedDigest, E> {
        signed.inspect(|signed| {
            let is_last = signed.key_id.as_str() == "last";
            self.is_lost.fetch_or(is_last, Ordering::SeqCst);
        })
    }
}

#[async_trait]
impl Custody for ScriptedCustody {
    async fn generate(
        &self,
        request: GenerateKey,
        _deadline: Deadline,
    ) -> Result<GeneratedOrStanding, CustodyError> {
        let name = request.key_id.as_str();
        play(name).await?;
        if request
            .provider
            .is_some_and(|name| name != ProviderName::new("software"))
        {
            return Err(CustodyError::KeyNotFound);
        }
        let key = SigningKey {
            scope: request.scope,
            ..key(name)
        };
        Ok(match name {
            "standing" => GeneratedOrStanding::Standing(key),
            _ => GeneratedOrStanding::Generated(key),
        })
    }

    async fn sign(
        &self,
        request: SignRequest,
        _deadline: Deadline,
    ) -> Result<SignedDigest, CustodyError> {
        self.signs.fetch_add(1, Ordering::Relaxed);
        self.note_signed(sign(request).await)
    }

    async fn sign_batch(
        &self,
        requests: Vec<SignRequest>,
        _deadline: Deadline,
    ) -> Result<Vec<Result<SignedDigest, CustodyError>>, CustodyError> {
        let flood = SignTarget::Handle(handle("flooded-batch"));
        if requests.iter().any(|request| request.target == flood) {
            play("flooded").await?;
        }
        let mut results = Vec::new();
        for request in requests {
            results.push(self.note_signed(sign(request).await));
        }
        Ok(results)
    }

    async fn key(&self, handle: HandleId, _deadline: Deadline) -> Result<ShownKey, CustodyError> {
        let name = name_of(&handle);
        play(name).await?;
        let presence = match name {
            "missing" => Presence::Missing,
            "swapped" => Presence::Swapped,
            _ => Presence::Assumed,
        };
        let key = SigningKey {
            handle_id: handle,
            ..key("k1")
        };
        Ok(ShownKey { key, presence })
    }

    async fn keys(&self, query: KeyQuery, _deadline: Deadline) -> Result<ShownKeys, CustodyError> {
        let states = query.state.map_or_else(
            || HashSet::from([KeyState::Active]),
            |state| HashSet::from([state]),
        );
        let first = query.after.unwrap_or(0);
        let last = first
            .saturating_add(u64::from(NonZeroU32::get(query.limit)))
            .min(KEYS);
        let numbers = (first..last).filter(|_| states.contains(&KeyState::Active));
        let shown = |number| ShownKey {
            key: key(&format!("k{number}")),
            presence: Presence::Assumed,
        };
        Ok(ShownKeys {
            keys: numbers.map(shown).collect(),
            next: (last < KEYS).then_some(last),
        })
    }

    async fn public_key(
        &self,
        handle: HandleId,
        _deadline: Deadline,
    ) -> Result<PublishedKey, CustodyError> {
        let source = match name_of(&handle) {
            "provider-down" => PublicKeySource::Registry,
            name => {
                play(name).await?;
                PublicKeySource::Provider
            }
        };
        let key = SigningKey {
            handle_id: handle,
            ..key("k1")
        };
        Ok(PublishedKey {
            public_key: key.public_key,
            key,
            source,
        })
    }

    async fn retire(
        &self,
        handle: HandleId,
        _deadline: Deadline,
    ) -> Result<SigningKey, CustodyError> {
        play(name_of(&handle)).await?;
        Ok(SigningKey {
            state: KeyState::Retired,
            current: false,
            valid_until: Some(Timestamp::UNIX_EPOCH),
            handle_id: handle,
            ..key("k1")
        })
    }

    async fn block(&self, handle: HandleId, deadline: Deadline) -> Result<ShownKey, CustodyError> {
        let mut shown = self.key(handle, deadline).await?;
        shown.key.marks.blocked = true;
        Ok(shown)
    }

    async fn unblock(
        &self,
        handle: HandleId,
        deadline: Deadline,
    ) -> Result<ShownKey, CustodyError> {
        self.key(handle, deadline).await
    }

    async fn release_quarantine(
        &self,
        handle: HandleId,
        deadline: Deadline,
    ) -> Result<ShownKey, CustodyError> {
        self.key(handle, deadline).await
    }

    fn may_release(&self) -> Result<(), CustodyError> {
        let retry_after = Duration::from_secs(1);
        let is_lost = self.is_lost.load(Ordering::SeqCst);
        (!is_lost)
            .then_some(())
            .ok_or(CustodyError::RegistryUnavailable { retry_after })
    }

    async fn liveness(&self) -> Option<Liveness> {
        let warnings = vec!["key provider \"software\" is dev-only".to_owned()];
        (!self.is_lifeless.load(Ordering::Relaxed)).then_some(Liveness { warnings })
    }

    async fn readiness(&self) -> Readiness {
        Readiness {
            registry: if self.is_registry_down.load(Ordering::Relaxed) {
                CheckState::Failing
            } else {
                CheckState::Ok
            },
            providers: vec![(ProviderName::new("software"), ProviderStatus::Ready)],
            warnings: if self.is_overdue.load(Ordering::Relaxed) {
                vec!["rotation of \"platform\" is overdue".to_owned()]
            } else {
                Vec::new()
            },
        }
    }
}
