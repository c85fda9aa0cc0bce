//! Random histories, checked step by step against a model in memory.

mod rotations;
mod rules;
mod steps;

use std::num::NonZeroU32;

use proptest::prelude::*;
use proptest::test_runner::Config;
use signer_domain::ports::{
    CurrentKey, KeyQuery, KeyRegistry, KeyRegistryError, Reservations as _, RetirementStage,
    Retirements as _, RotationRecords as _,
};
use signer_domain::{KeyMark, KeyMarks, KeyState, Scope, SigningKey};

use self::rules::{Model, Refusal};
use self::steps::{Belief, Name, Step, steps};
use super::RegistryFixture;
use super::support::{PLATFORM, at, domain, find, handle, pair_salted, reserve, reserve_rotation};

/// What a change answered. Nothing but a refusal may go wrong here.
fn settled<T>(answer: Result<T, KeyRegistryError>) -> Result<T, Refusal> {
    answer.map_err(|error| match error {
        KeyRegistryError::Conflict => Refusal::Conflict,
        KeyRegistryError::RotationInProgress => Refusal::RotationInProgress,
        KeyRegistryError::Unavailable { context, source } => panic!("{context}: {source:?}"),
    })
}

async fn agree<R: KeyRegistry>(registry: &R, model: &Model) {
    assert_eq!(registry.pending().await.unwrap(), model.waiting);
    for scope in [None, Some(PLATFORM), Some(domain(1))] {
        for state in [
            None,
            Some(KeyState::Active),
            Some(KeyState::Rotating),
            Some(KeyState::Retired),
        ] {
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
            (CurrentKey::Key(found), Some(wanted)) => assert_eq!(found, *wanted),
            (CurrentKey::Retired, None) => assert!(any),
            (CurrentKey::Unknown, None) => assert!(!any),
            (found, wanted) => panic!("{found:?} instead of {wanted:?}"),
        }
    }
    for key in &model.keys {
        assert_eq!(find(registry, &key.handle_id).await.as_ref(), Some(key));
    }
    agree_on_rotations(registry, model).await;
}

async fn agree_on_rotations<R: KeyRegistry>(registry: &R, model: &Model) {
    for scope in [PLATFORM, domain(1)] {
        let found = registry.rotation(&scope).await.unwrap();
        assert_eq!(found.as_ref(), model.open_rotation_of(scope));
    }
    for wanted in &model.rotations {
        let (old, new) = (&wanted.old_key_id, &wanted.new_key_id);
        let found = registry.rotation_between(&wanted.scope, old, new);
        assert_eq!(found.await.unwrap().as_ref(), Some(wanted));
    }
    // Every window is of one length, so those opened first are due first.
    let open = model.rotations.iter().filter(|one| one.is_open());
    let open: Vec<_> = open.cloned().collect();
    assert_eq!(registry.open_rotations().await.unwrap(), open);
    let unconfirmed = registry
        .unsettled_retirements(RetirementStage::Unconfirmed)
        .await
        .unwrap();
    assert_eq!(unconfirmed, model.unconfirmed());
    let begun = registry
        .unsettled_retirements(RetirementStage::Begun)
        .await
        .unwrap();
    assert_eq!(begun, model.begun());
    agree_on_notices(registry, model).await;
}

async fn agree_on_notices<R: KeyRegistry>(registry: &R, model: &Model) {
    let notices = registry.notices().await.unwrap();
    let is_marked = |key: &&SigningKey| key.marks != KeyMarks::default();
    let mut marked: Vec<_> = model.keys.iter().filter(is_marked).cloned().collect();
    let mut told = notices.keys;
    for keys in [&mut marked, &mut told] {
        keys.sort_by_key(|key| key.handle_id.to_string());
    }
    assert_eq!(told, marked, "each once");
    let has_keys = |scope: &Scope| model.keys.iter().any(|key| key.scope == *scope);
    let mut without_current = vec![PLATFORM, domain(1)];
    without_current.retain(|scope| has_keys(scope) && model.current(*scope).is_none());
    without_current.sort_by_key(ToString::to_string);
    assert_eq!(notices.scopes_without_current, without_current);
}

async fn listed<R: KeyRegistry>(
    registry: &R,
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

async fn replay<F: RegistryFixture>(steps: Vec<Step>) {
    let place = F::fresh().await;
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
            Step::Complete(which, salt) => {
                if let Some(pending) = model.remembered(which) {
                    let made = pair_salted(pending.scope, pending.key_id.as_str(), salt);
                    let closes_at = at(now + 50);
                    let answer = registry.complete(&pending, &made, at(now), closes_at);
                    let answer = settled(answer.await);
                    assert_eq!(answer, model.complete(&pending, made, now));
                }
            }
            Step::Abandon(which) => {
                if let Some(reservation) = model.remembered(which) {
                    registry.abandon(&reservation).await.unwrap();
                    model.abandon(&reservation);
                }
            }
            Step::BeginRetirement(which) => {
                let name = model.key_name(which);
                if let Some(key) = name.and_then(|name| model.key(name)).cloned() {
                    let name = Name::of(key.scope, &key.key_id);
                    let answer = registry.begin_retirement(&key.handle_id).await;
                    assert_eq!(settled(answer), model.begin_retirement(name));
                }
            }
            Step::Mark(which, mark, is_set) => {
                if let Some(name) = model.key_name(which) {
                    let handle = handle(name.scope(), name.key_id());
                    let answer = if is_set {
                        registry.mark(&handle, mark).await
                    } else {
                        registry.unmark(&handle, mark).await
                    };
                    assert_eq!(settled(answer), model.mark(name, mark, is_set));
                }
            }
            Step::RotateTo(which) => {
                let name = model.key_name(which);
                if let Some(key) = name.and_then(|name| model.key(name)).cloned() {
                    let name = Name::of(key.scope, &key.key_id);
                    let closes_at = at(now + 50);
                    let answer = registry.rotate_to(&key, at(now), closes_at).await;
                    assert_eq!(settled(answer), model.rotate_to(name, now));
                }
            }
            Step::Retire(which, belief) => {
                let name = model.key_name(which);
                if let Some(key) = name.and_then(|name| model.key(name)).cloned() {
                    let version = match belief {
                        Belief::True => key.version,
                        Belief::Version(version) => version,
                    };
                    let name = Name::of(key.scope, &key.key_id);
                    let believed = SigningKey { version, ..key };
                    let answer = registry.retire(&believed, at(now)).await;
                    assert_eq!(settled(answer), model.retire(name, version, now));
                }
            }
            Step::ReserveRotation(name) => {
                let answer = reserve_rotation(&registry, name.scope(), name.key_id()).await;
                model.reserve_rotation(name, &answer);
            }
            Step::CloseRotation(which) => {
                let name = model.key_name(which);
                let transition = name.and_then(|name| model.rotation_to(name)).cloned();
                if let Some(transition) = transition {
                    let answer = registry.close_rotation(&transition, at(now)).await;
                    let name = Name::of(transition.scope, &transition.new_key_id);
                    assert_eq!(answer.unwrap(), model.close_rotation(name, now));
                }
            }
            Step::ConfirmRetirement(which) => {
                if let Some(name) = model.key_name(which) {
                    let handle = handle(name.scope(), name.key_id());
                    registry.confirm_retirement(&handle).await.unwrap();
                    drop(model.mark(name, KeyMark::Unconfirmed, false));
                }
            }
            Step::Reopen => {
                registry = place.open_again(registry).await;
            }
            Step::Drop => {
                drop(registry);
                registry = place.open().await;
            }
        }
        agree(&registry, &model).await;
    }
}

pub fn every_history_agrees_with_the_model<F: RegistryFixture>() {
    proptest!(Config { cases: 48, ..Config::default() }, |(steps in steps())| {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap().block_on(replay::<F>(steps));
    });
}
