//! Random histories, checked step by step against a model in memory.

use std::num::NonZeroU32;

use proptest::prelude::*;
use proptest::test_runner::Config;
use signer_adapters::registry::SqliteRegistry;
use signer_domain::ports::{
    CurrentKey, GeneratedKey, KeyQuery, KeyRegistry as _, KeyRegistryError, PendingKey, Reservation,
};
use signer_domain::{KeyState, Scope, SigningKey};

use crate::support::{PLATFORM, Place, at, domain, find, pair_salted, reserve};

#[derive(Debug, Clone)]
enum Step {
    Reserve(Name),
    Complete(Name, u8, Age),
    Abandon(Name, Age),
    Retire(Name, u64),
    Reopen,
    Drop,
}

/// Which reservation of a name: 0 is the last one, 1 the one before it.
type Age = usize;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Name(u8, u8);

impl Name {
    fn scope(self) -> Scope {
        [PLATFORM, domain(1)][usize::from(self.0)]
    }

    fn key_id(self) -> &'static str {
        ["k1", "k2", "k3"][usize::from(self.1)]
    }

    fn pair(self, salt: u8) -> GeneratedKey {
        pair_salted(self.scope(), self.key_id(), salt)
    }
}

fn names() -> impl Strategy<Value = Name> {
    (0..2_u8, 0..3_u8).prop_map(|(scope, key_id)| Name(scope, key_id))
}

fn ages() -> impl Strategy<Value = Age> {
    prop_oneof![3 => Just(0), 1 => Just(1)]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => names().prop_map(Step::Reserve),
        6 => (names(), 0..2_u8, ages())
            .prop_map(|(name, salt, age)| Step::Complete(name, salt, age)),
        3 => (names(), ages()).prop_map(|(name, age)| Step::Abandon(name, age)),
        4 => (names(), 0..3_u64).prop_map(|(name, version)| Step::Retire(name, version)),
        1 => Just(Step::Reopen),
        1 => Just(Step::Drop),
    ];
    prop::collection::vec(step, 1..40)
}

/// What was ever reserved, what of it waits, and the keys in the order in which they became active.
#[derive(Debug, Default)]
struct Model {
    reserved: Vec<PendingKey>,
    waiting: Vec<PendingKey>,
    keys: Vec<SigningKey>,
}

impl Model {
    fn key(&mut self, name: Name) -> Option<&mut SigningKey> {
        let mut keys = self.keys.iter_mut();
        keys.find(|key| key.scope == name.scope() && key.key_id.as_str() == name.key_id())
    }

    /// A reservation of the name, as its caller remembers it.
    fn remembered(&self, name: Name, age: Age) -> Option<PendingKey> {
        let of_name = |pending: &&PendingKey| {
            pending.scope == name.scope() && pending.key_id.as_str() == name.key_id()
        };
        self.reserved.iter().rev().filter(of_name).nth(age).cloned()
    }

    /// Takes in what the registry said to a reservation, if it may say so.
    fn reserve(&mut self, name: Name, answer: &Reservation) {
        let last = self.remembered(name, 0);
        let waits = last.filter(|last| self.waiting.contains(last));
        match (answer, self.key(name), waits) {
            (Reservation::Standing(found), Some(key), _) => assert_eq!(found, key),
            (Reservation::AlreadyPending(found), None, Some(last)) => assert_eq!(*found, last),
            (Reservation::Reserved(new), None, None) => {
                let older = |old: &PendingKey| old.reservation < new.reservation;
                assert!(self.reserved.iter().all(older), "{new:?} is not new");
                assert_eq!(
                    (new.scope, new.key_id.as_str()),
                    (name.scope(), name.key_id())
                );
                self.reserved.push(new.clone());
                self.waiting.push(new.clone());
            }
            (answer, key, waits) => panic!("{answer:?} while {key:?} and {waits:?}"),
        }
    }

    fn complete(
        &mut self,
        pending: &PendingKey,
        made: GeneratedKey,
        now: i64,
    ) -> Option<SigningKey> {
        let same = |key: &&SigningKey| key.handle_id == made.handle_id;
        if let Some(key) = self.keys.iter().find(same) {
            return (key.public_key == made.public_key).then(|| key.clone());
        }
        let place = self.waiting.iter().position(|waiting| waiting == pending)?;
        let PendingKey { scope, key_id, .. } = self.waiting.remove(place);
        let has_current = self
            .keys
            .iter()
            .any(|key| key.scope == scope && key.current);
        let key = SigningKey {
            scope,
            key_id,
            handle_id: made.handle_id,
            public_key: made.public_key,
            state: KeyState::Active,
            current: !has_current,
            valid_from: at(now),
            valid_until: None,
            version: 1,
        };
        self.keys.push(key.clone());
        Some(key)
    }

    fn retire(&mut self, name: Name, version: u64, now: i64) -> Option<SigningKey> {
        let key = self.key(name)?;
        if key.state != KeyState::Retired {
            if key.version != version {
                return None;
            }
            key.state = KeyState::Retired;
            key.current = false;
            key.valid_until = Some(at(now));
            key.version += 1;
        }
        Some(key.clone())
    }
}

/// What a change answered, with a conflict as `None`. Nothing else may go wrong here.
fn settled(answer: Result<SigningKey, KeyRegistryError>) -> Option<SigningKey> {
    match answer {
        Ok(key) => Some(key),
        Err(KeyRegistryError::Conflict) => None,
        Err(KeyRegistryError::RotationInProgress) => panic!("nobody rotates"),
        Err(KeyRegistryError::Unavailable { context, source }) => panic!("{context}: {source:?}"),
    }
}

async fn agree(registry: &SqliteRegistry, model: &Model) {
    assert_eq!(registry.pending().await.unwrap(), model.waiting);
    for scope in [None, Some(PLATFORM), Some(domain(1))] {
        for state in [None, Some(KeyState::Active), Some(KeyState::Retired)] {
            let wanted = model.keys.iter();
            let wanted = wanted
                .filter(|key| scope.is_none_or(|scope| key.scope == scope))
                .filter(|key| state.is_none_or(|state| key.state == state));
            let wanted: Vec<_> = wanted.cloned().collect();
            assert_eq!(listed(registry, scope, state).await, wanted);
        }
    }
    for scope in [PLATFORM, domain(1)] {
        let mut keys = model
            .keys
            .iter()
            .filter(|key| key.scope == scope)
            .peekable();
        let any = keys.peek().is_some();
        match (
            registry.current(&scope).await.unwrap(),
            keys.find(|key| key.current),
        ) {
            (CurrentKey::Key(found), Some(wanted)) => assert_eq!(found.key, *wanted),
            (CurrentKey::Retired, None) => assert!(any),
            (CurrentKey::Unknown, None) => assert!(!any),
            (found, wanted) => panic!("{found:?} instead of {wanted:?}"),
        }
    }
    for key in &model.keys {
        assert_eq!(find(registry, &key.handle_id).await.as_ref(), Some(key));
    }
}

async fn listed(
    registry: &SqliteRegistry,
    scope: Option<Scope>,
    state: Option<KeyState>,
) -> Vec<SigningKey> {
    let mut keys = Vec::new();
    let mut query = KeyQuery {
        scope,
        state,
        limit: NonZeroU32::new(2).unwrap(),
        after: None,
    };
    loop {
        let page = registry.list(&query).await.unwrap();
        keys.extend(page.keys);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return keys,
        }
    }
}

async fn replay(steps: Vec<Step>) {
    let place = Place::new();
    let mut registry = place.open().await;
    let mut model = Model::default();
    for (step, now) in steps.into_iter().zip(0..) {
        match step {
            Step::Reserve(name) => {
                let answer = reserve(&registry, name.scope(), name.key_id())
                    .await
                    .unwrap();
                model.reserve(name, &answer);
            }
            Step::Complete(name, salt, age) => {
                if let Some(reservation) = model.remembered(name, age) {
                    let made = name.pair(salt);
                    let answer = registry.complete(&reservation, &made, at(now)).await;
                    assert_eq!(settled(answer), model.complete(&reservation, made, now));
                }
            }
            Step::Abandon(name, age) => {
                if let Some(reservation) = model.remembered(name, age) {
                    registry.abandon(&reservation).await.unwrap();
                    model.waiting.retain(|waiting| *waiting != reservation);
                }
            }
            Step::Retire(name, version) => {
                if let Some(key) = model.key(name).cloned() {
                    let believed = SigningKey { version, ..key };
                    let answer = registry.retire(&believed, at(now)).await;
                    assert_eq!(settled(answer), model.retire(name, version, now));
                }
            }
            Step::Reopen => {
                registry.close().await.unwrap();
                drop(registry);
                registry = place.open().await;
            }
            Step::Drop => {
                drop(registry);
                registry = place.open().await;
            }
        }
        agree(&registry, &model).await;
    }
}

proptest! {
    #![proptest_config(Config { cases: 48, ..Config::default() })]

    #[test]
    fn every_history_agrees_with_the_model(steps in steps()) {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap().block_on(replay(steps));
    }
}
