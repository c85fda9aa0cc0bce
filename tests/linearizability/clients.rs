//! Four clients that ask about the same few keys at once, and what they were told.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use signer_actors::ActorCustody;
use signer_domain::ports::{
    CloseRotation, Custody as _, CustodyError, GenerateKey, GeneratedOrStanding, KeyQuery,
    OpenRotation, OpenedOrStanding, Rotations as _, SignRequest, SignTarget, SignedDigest,
    VerificationKeys,
};
use signer_domain::{
    Deadline, Digest, HandleId, KeyId, PublicKey, RotationTransition, Scope, Signature, SigningKey,
};
use signer_test_support::Random;
use signer_verify::verifier_for;

use crate::checker::Call;
use crate::model::{Key, Name, Novelty, Operation, Outcome, Refusal, Rotation};

pub(crate) const CLIENTS: usize = 4;
/// How many calls each client makes.
const CALLS: usize = 6;
/// How many names there are.
const NAMES: u64 = 4;

pub(crate) type Spoken = Call<Operation, Outcome>;

/// What the clients talk to: a custody, or one with a defect that a test put there.
#[async_trait]
pub(crate) trait Subject: Send + Sync {
    async fn ask(&self, scope: Scope, operation: Operation, digest: Digest) -> Answer;

    /// Every key of a scope, as the custody publishes it.
    async fn public_keys(&self, scope: Scope) -> Vec<(Name, PublicKey)>;
}

/// What a call led to, and the signature that came with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) outcome: Outcome,
    pub(crate) signature: Option<Signature>,
}

/// What the clients of one scope were told.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    /// In the order in which they asked.
    pub(crate) history: Vec<Spoken>,
    releases: Vec<Release>,
}

/// A signature that has to verify under the key that the answer named.
#[derive(Debug)]
struct Release {
    name: Name,
    digest: Digest,
    signature: Signature,
}

impl Talk {
    fn add(&mut self, other: Self) {
        self.history.extend(other.history);
        self.releases.extend(other.releases);
    }

    /// Makes sure that each signature verifies under the registered key that its answer named.
    fn verify(&self, keys: &[(Name, PublicKey)]) {
        for Release {
            name,
            digest,
            signature,
        } in &self.releases
        {
            let (_, key) = keys.iter().find(|(known, _)| known == name).unwrap();
            let verifier = verifier_for(key).unwrap();
            assert!(verifier.accepts(digest, signature), "not signed by k{name}");
        }
    }
}

/// Lets the clients loose on a scope that nobody used before, and asks at the end what is there.
pub(crate) async fn talk(subject: Arc<dyn Subject>, scope: Scope, seed: u64) -> Talk {
    let mut random = Random::new(seed);
    let clock = Arc::new(AtomicU64::new(0));
    let rotations = Arc::new(Mutex::new(Vec::new()));
    let mut client = |number| Client {
        number,
        subject: Arc::clone(&subject),
        scope,
        clock: Arc::clone(&clock),
        rotations: Arc::clone(&rotations),
        random: random.fork(),
        talk: Talk::default(),
    };
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| tokio::spawn(client(number).work()))
        .collect();
    let mut last = client(CLIENTS);
    let mut talk = Talk::default();
    for client in clients {
        talk.add(client.await.unwrap());
    }
    for operation in [Operation::ShowRotation, Operation::ShowKeys] {
        last.call(operation).await;
    }
    talk.add(last.talk);
    // A question whose answer got lost says nothing, and would only make the search longer.
    talk.history
        .retain(|call| call.outcome != Outcome::Unknown || call.operation.changes());
    talk.history.sort_by_key(|call| call.asked);
    talk.verify(&subject.public_keys(scope).await);
    talk
}

struct Client {
    number: usize,
    subject: Arc<dyn Subject>,
    scope: Scope,
    /// Tells before from after.
    clock: Arc<AtomicU64>,
    /// The rotations that somebody was told of, so that a client can close one.
    rotations: Arc<Mutex<Vec<(Name, Name)>>>,
    random: Random,
    talk: Talk,
}

impl Client {
    async fn work(mut self) -> Talk {
        for _ in 0..CALLS {
            if self.random.below(3) == 0 {
                tokio::time::sleep(self.random.pause(0, 3)).await;
            }
            let operation = self.choose();
            self.call(operation).await;
        }
        self.talk
    }

    fn name(&mut self) -> Name {
        usize::try_from(self.random.below(NAMES)).unwrap()
    }

    fn choose(&mut self) -> Operation {
        match self.random.below(24) {
            0..4 => Operation::Generate(self.name()),
            4..7 => Operation::SignBy(self.name()),
            7..11 => Operation::SignForScope,
            11..13 => Operation::Retire(self.name()),
            13..16 => Operation::Open(self.name()),
            16..19 => self.choose_to_close(),
            19..21 => Operation::Block(self.name()),
            21..23 => Operation::Unblock(self.name()),
            _ if self.random.below(2) == 0 => Operation::ShowRotation,
            _ => Operation::ShowKeys,
        }
    }

    fn choose_to_close(&mut self) -> Operation {
        let known = self.rotations.lock().clone();
        if known.is_empty() || self.random.below(8) == 0 {
            let (old, new) = (self.name(), self.name());
            return Operation::Close { old, new };
        }
        let (old, new) = *self.random.choose(&known);
        Operation::Close { old, new }
    }

    async fn call(&mut self, operation: Operation) {
        let digest = Digest::from_bytes(self.random.digest());
        let asked = self.clock.fetch_add(1, Ordering::SeqCst);
        let Answer { outcome, signature } = self.subject.ask(self.scope, operation, digest).await;
        let answered = self.clock.fetch_add(1, Ordering::SeqCst);
        if let Outcome::Rotation(_, Rotation { old, new, .. }) = outcome {
            self.rotations.lock().push((old, new));
        }
        if let (Outcome::Signed(name), Some(signature)) = (&outcome, signature) {
            self.talk.releases.push(Release {
                name: *name,
                digest,
                signature,
            });
        }
        self.talk.history.push(Call {
            client: self.number,
            operation,
            answered: (outcome != Outcome::Unknown).then_some(answered),
            outcome,
            asked,
        });
    }
}

/// The custody as it is.
#[async_trait]
impl Subject for ActorCustody {
    async fn ask(&self, scope: Scope, operation: Operation, digest: Digest) -> Answer {
        let deadline = Deadline::after(Duration::from_secs(10));
        let asked = perform(self, scope, operation, digest, deadline).await;
        asked.unwrap_or_else(|error| Answer {
            outcome: refusal(&error),
            signature: None,
        })
    }

    async fn public_keys(&self, scope: Scope) -> Vec<(Name, PublicKey)> {
        let query = KeyQuery {
            scope: Some(scope),
            state: None,
            limit: NonZeroU32::MAX,
            after: None,
        };
        let deadline = Deadline::after(Duration::from_secs(10));
        // In a storm not every call gets through.
        let page = loop {
            match self.keys(query.clone(), deadline).await {
                Ok(page) => break page,
                Err(error) => assert!(!deadline.is_past(), "{error}"),
            }
        };
        let keys = page.keys.into_iter().map(|shown| shown.key);
        keys.map(|key| (name_of(&key.key_id), key.public_key))
            .collect()
    }
}

async fn perform(
    custody: &ActorCustody,
    scope: Scope,
    operation: Operation,
    digest: Digest,
    deadline: Deadline,
) -> Result<Answer, CustodyError> {
    let outcome = match operation {
        Operation::Generate(name) => {
            let request = GenerateKey {
                scope,
                key_id: key_id(name),
                provider: None,
            };
            match custody.generate(request, deadline).await? {
                GeneratedOrStanding::Generated(key) => Outcome::Key(Novelty::Made, shown(&key)),
                GeneratedOrStanding::Standing(key) => Outcome::Key(Novelty::Found, shown(&key)),
            }
        }
        Operation::SignBy(name) => {
            let target = SignTarget::Handle(handle(scope, name));
            let signed = custody.sign(SignRequest { target, digest }, deadline);
            return Ok(released(&signed.await?));
        }
        Operation::SignForScope => {
            let target = SignTarget::Scope(scope);
            let signed = custody.sign(SignRequest { target, digest }, deadline);
            return Ok(released(&signed.await?));
        }
        Operation::Retire(name) => {
            let retired = custody.retire(handle(scope, name), deadline).await?;
            Outcome::Key(Novelty::Found, shown(&retired))
        }
        Operation::Block(name) => {
            let blocked = custody.block(handle(scope, name), deadline).await?;
            Outcome::Key(Novelty::Found, shown(&blocked.key))
        }
        Operation::Unblock(name) => {
            let unblocked = custody.unblock(handle(scope, name), deadline).await?;
            Outcome::Key(Novelty::Found, shown(&unblocked.key))
        }
        Operation::Open(name) => {
            let request = OpenRotation {
                scope,
                new_key_id: key_id(name),
                provider: None,
            };
            match custody.open_rotation(request, deadline).await? {
                OpenedOrStanding::Opened(made) => rotation(Novelty::Made, &made),
                OpenedOrStanding::Standing(found) => rotation(Novelty::Found, &found),
            }
        }
        Operation::Close { old, new } => {
            let request = CloseRotation {
                scope,
                old_key_id: key_id(old),
                new_key_id: key_id(new),
            };
            let closed = custody.close_rotation(request, deadline).await?;
            rotation(Novelty::Found, &closed)
        }
        Operation::ShowRotation => {
            let open = custody.rotation(scope, deadline).await?;
            rotation(Novelty::Found, &open)
        }
        Operation::ShowKeys => {
            let all = VerificationKeys::WithRetired;
            let keys = custody
                .verification_keys(scope, all, None, deadline)
                .await?;
            Outcome::Keys(keys.keys.iter().map(shown).collect())
        }
    };
    Ok(Answer {
        outcome,
        signature: None,
    })
}

fn released(signed: &SignedDigest) -> Answer {
    Answer {
        outcome: Outcome::Signed(name_of(&signed.key_id)),
        signature: Some(signed.signature),
    }
}

fn shown(key: &SigningKey) -> Key {
    Key {
        name: name_of(&key.key_id),
        state: key.state,
        current: key.current,
        blocked: key.marks.blocked,
    }
}

fn rotation(novelty: Novelty, transition: &RotationTransition) -> Outcome {
    let rotation = Rotation {
        old: name_of(&transition.old_key_id),
        new: name_of(&transition.new_key_id),
        is_open: transition.is_open(),
    };
    Outcome::Rotation(novelty, rotation)
}

fn refusal(error: &CustodyError) -> Outcome {
    match error {
        CustodyError::KeyNotFound => Outcome::Refused(Refusal::KeyNotFound),
        CustodyError::KeyRetired => Outcome::Refused(Refusal::KeyRetired),
        CustodyError::KeyBlocked => Outcome::Refused(Refusal::KeyBlocked),
        CustodyError::RotationInProgress => Outcome::Refused(Refusal::RotationInProgress),
        CustodyError::RotationNotFound => Outcome::Refused(Refusal::RotationNotFound),
        CustodyError::NameTaken => Outcome::Refused(Refusal::NameTaken),
        CustodyError::ProviderUnavailable { .. }
        | CustodyError::RegistryUnavailable { .. }
        | CustodyError::DeadlineExceeded => Outcome::Unknown,
        CustodyError::ScopeNotPermitted(_)
        | CustodyError::AuditUnavailable
        | CustodyError::Overloaded { .. }
        | CustodyError::SignatureCheckFailed
        | CustodyError::Internal => panic!("{error}"),
    }
}

fn key_id(name: Name) -> KeyId {
    KeyId::parse(&format!("k{name}")).unwrap()
}

fn name_of(key_id: &KeyId) -> Name {
    key_id.as_str().strip_prefix('k').unwrap().parse().unwrap()
}

fn handle(scope: Scope, name: Name) -> HandleId {
    HandleId::parse(&format!("testdouble:{scope}|k{name}")).unwrap()
}
