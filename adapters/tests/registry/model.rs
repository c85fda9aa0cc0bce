//! Random histories, checked step by step against a model in memory.

use std::num::NonZeroU32;

use proptest::prelude::*;
use proptest::test_runner::Config;
use signer_adapters::registry::SqliteRegistry;
use signer_domain::ports::{
    CurrentKey, GeneratedKey, KeyQuery, KeyRegistry as _, KeyRegistryError, PendingKey, Reservation,
};
use signer_domain::{KeyState, Scope, SigningKey};

use crate::support::{PLATFORM, Place, at, domain, find, name, pair_salted, pending, reserve};

#[derive(Debug, Clone)]
enum Step {
    Reserve(Name),
    Complete(Name, u8),
    Abandon(Name),
    Retire(Name, u64),
    Reopen,
    Drop,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Name(u8, u8);

impl Name {
    fn scope(self) -> Scope {
        [PLATFORM, domain(1)][usize::from(self.0)]
    }

    fn key_id(self) -> &'static str {
        ["k1", "k2", "k3"][usize::from(self.1)]
    }

    fn pending(self) -> PendingKey {
        pending(self.scope(), self.key_id())
    }

    fn pair(self, salt: u8) -> GeneratedKey {
        pair_salted(self.scope(), self.key_id(), salt)
    }
}

fn names() -> impl Strategy<Value = Name> {
    (0..2_u8, 0..3_u8).prop_map(|(scope, key_id)| Name(scope, key_id))
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => names().prop_map(Step::Reserve),
        6 => (names(), 0..2_u8).prop_map(|(name, salt)| Step::Complete(name, salt)),
        2 => names().prop_map(Step::Abandon),
        4 => (names(), 0..3_u64).prop_map(|(name, version)| Step::Retire(name, version)),
        1 => Just(Step::Reopen),
        1 => Just(Step::Drop),
    ];
    prop::collection::vec(step, 1..40)
}

/// The rows in the order of reservation; a row without a key is a reservation.
#[derive(Debug, Default)]
struct Model(Vec<(Name, Option<SigningKey>)>);

impl Model {
    fn row(&mut self, name: Name) -> Option<&mut Option<SigningKey>> {
        let row = self.0.iter_mut().find(|(taken, _)| *taken == name);
        row.map(|(_, key)| key)
    }

    fn keys(&self) -> impl Iterator<Item = &SigningKey> {
        self.0.iter().filter_map(|(_, key)| key.as_ref())
    }

    fn reserve(&mut self, name: Name) -> Reservation {
        match self.row(name) {
            Some(Some(key)) => Reservation::Standing(key.clone()),
            Some(None) => Reservation::AlreadyPending(name.pending()),
            None => {
                self.0.push((name, None));
                Reservation::Reserved(name.pending())
            }
        }
    }

    fn complete(&mut self, taken: Name, salt: u8, now: i64) -> Option<SigningKey> {
        let made = taken.pair(salt);
        let scope = taken.scope();
        let has_current = self.keys().any(|key| key.scope == scope && key.current);
        let row = self.row(taken)?;
        if let Some(key) = row {
            let same = key.public_key == made.public_key;
            return same.then(|| key.clone());
        }
        let key = SigningKey {
            scope,
            key_id: name(taken.key_id()),
            handle_id: made.handle_id,
            public_key: made.public_key,
            state: KeyState::Active,
            current: !has_current,
            valid_from: at(now),
            valid_until: None,
            version: 1,
        };
        *row = Some(key.clone());
        Some(key)
    }

    fn retire(&mut self, name: Name, version: u64, now: i64) -> Option<SigningKey> {
        let key = self.row(name)?.as_mut()?;
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
        Err(KeyRegistryError::Unavailable { context, source }) => panic!("{context}: {source:?}"),
    }
}

async fn agree(registry: &SqliteRegistry, model: &Model) {
    let waiting = model.0.iter().filter(|(_, key)| key.is_none());
    let waiting: Vec<_> = waiting.map(|(name, _)| name.pending()).collect();
    assert_eq!(registry.pending().await.unwrap(), waiting);
    for scope in [None, Some(PLATFORM), Some(domain(1))] {
        for state in [None, Some(KeyState::Active), Some(KeyState::Retired)] {
            let wanted = model
                .keys()
                .filter(|key| scope.is_none_or(|scope| key.scope == scope))
                .filter(|key| state.is_none_or(|state| key.state == state));
            let wanted: Vec<_> = wanted.cloned().collect();
            assert_eq!(listed(registry, scope, state).await, wanted);
        }
    }
    for scope in [PLATFORM, domain(1)] {
        let mut keys = model.keys().filter(|key| key.scope == scope).peekable();
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
    for key in model.keys() {
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
                assert_eq!(answer, model.reserve(name));
            }
            Step::Complete(name, salt) => {
                let (reservation, made) = (name.pending(), name.pair(salt));
                let answer = registry.complete(&reservation, &made, at(now)).await;
                assert_eq!(settled(answer), model.complete(name, salt, now));
            }
            Step::Abandon(name) => {
                registry.abandon(&name.pending()).await.unwrap();
                model
                    .0
                    .retain(|(taken, key)| *taken != name || key.is_some());
            }
            Step::Retire(name, version) => {
                if let Some(Some(key)) = model.row(name).cloned() {
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
