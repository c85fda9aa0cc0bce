//! Random histories, checked step by step against a model in memory.

use std::num::NonZeroU32;

use proptest::prelude::*;
use proptest::test_runner::Config;
use signer_domain::ports::{
    Completed, CurrentKey, GeneratedKey, KeyQuery, KeyRegistry, KeyRegistryError, PendingKey,
    Purpose, Reservation, ReservationRefused, Reservations as _, RetirementStage, Retirements as _,
    RotationRecords as _,
};
use signer_domain::{KeyId, KeyMark, KeyMarks, KeyState, RotationTransition, Scope, SigningKey};

use super::RegistryFixture;
use super::support::{
    PLATFORM, at, completed, domain, find, handle, pair_salted, reserve, reserve_rotation,
};

#[derive(Debug, Clone)]
enum Step {
    Reserve(Name),
    Complete(Which, u8),
    Abandon(Which),
    Mark(Which, KeyMark, bool),
    BeginRetirement(Which),
    Retire(Which, Belief),
    ReserveRotation(Name),
    RotateTo(Which),
    CloseRotation(Which),
    ConfirmRetirement(Which),
    Reopen,
    Drop,
}

/// Which reservation, key or rotation: one that was met lately, or that of a name.
#[derive(Debug, Clone, Copy)]
enum Which {
    /// 0 is the last one, 1 the one before it.
    Recent(usize),
    /// Of the reservations of a name, 0 is the last one.
    OfName(Name, usize),
}

/// What the caller believes the version of a key to be.
#[derive(Debug, Clone, Copy)]
enum Belief {
    True,
    Version(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Name(u8, u8);

impl Name {
    fn scope(self) -> Scope {
        [PLATFORM, domain(1)][usize::from(self.0)]
    }

    fn key_id(self) -> &'static str {
        ["k1", "k2", "k3", "k4", "k5"][usize::from(self.1)]
    }

    fn of(scope: Scope, key_id: &KeyId) -> Self {
        let mut all = (0..2).flat_map(|scope| (0..5).map(move |key_id| Self(scope, key_id)));
        all.find(|name| name.scope() == scope && name.key_id() == key_id.as_str())
            .unwrap()
    }
}

fn names() -> impl Strategy<Value = Name> {
    (0..2_u8, 0..5_u8).prop_map(|(scope, key_id)| Name(scope, key_id))
}

fn which() -> impl Strategy<Value = Which> {
    prop_oneof![
        4 => (0..3_usize).prop_map(Which::Recent),
        1 => (names(), 0..2_usize).prop_map(|(name, age)| Which::OfName(name, age)),
    ]
}

/// Mostly the first pair that is made for a name.
fn salts() -> impl Strategy<Value = u8> {
    prop_oneof![4 => Just(0), 1 => Just(1)]
}

fn beliefs() -> impl Strategy<Value = Belief> {
    prop_oneof![3 => Just(Belief::True), 1 => (0..4_u64).prop_map(Belief::Version)]
}

fn marks() -> impl Strategy<Value = KeyMark> {
    prop_oneof![
        Just(KeyMark::Blocked),
        Just(KeyMark::Quarantined),
        Just(KeyMark::Unconfirmed),
    ]
}

/// Steps on their own and steps that follow each other, so that a history leads somewhere.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let alone = prop_oneof![
        3 => names().prop_map(Step::Reserve),
        5 => (which(), salts()).prop_map(|(which, salt)| Step::Complete(which, salt)),
        1 => which().prop_map(Step::Abandon),
        3 => which().prop_map(Step::BeginRetirement),
        4 => (which(), marks(), prop::bool::weighted(0.6))
            .prop_map(|(which, mark, is_set)| Step::Mark(which, mark, is_set)),
        2 => which().prop_map(Step::RotateTo),
        3 => (which(), beliefs()).prop_map(|(which, belief)| Step::Retire(which, belief)),
        3 => names().prop_map(Step::ReserveRotation),
        4 => which().prop_map(Step::CloseRotation),
        1 => which().prop_map(Step::ConfirmRetirement),
        1 => Just(Step::Reopen),
        1 => Just(Step::Drop),
    ];
    let generate = |name| {
        let new = Which::OfName(name, 0);
        vec![Step::Reserve(name), Step::Complete(new, 0)]
    };
    let rotate = |name| {
        let new = Which::OfName(name, 0);
        vec![Step::ReserveRotation(name), Step::Complete(new, 0)]
    };
    let together = prop_oneof![
        6 => alone.prop_map(|step| vec![step]),
        1 => names().prop_map(generate),
        1 => names().prop_map(rotate),
    ];
    prop::collection::vec(together, 1..60).prop_map(|steps| steps.concat())
}

/// What was ever reserved, what of it waits, and the keys in the order in which they became active.
#[derive(Debug, Default)]
struct Model {
    reserved: Vec<PendingKey>,
    waiting: Vec<PendingKey>,
    keys: Vec<SigningKey>,
    /// The rotations that wait to be opened, by their reservation, with their old key.
    opening: Vec<(PendingKey, KeyId)>,
    /// The rotations that were opened, first to last.
    rotations: Vec<RotationTransition>,
    /// The names whose retirement was begun.
    begun: Vec<Name>,
    /// The names that an operator has blocked.
    blocked: Vec<Name>,
}

/// Why a change was refused.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    Conflict,
    RotationInProgress,
}

impl Model {
    fn key(&mut self, name: Name) -> Option<&mut SigningKey> {
        let mut keys = self.keys.iter_mut();
        keys.find(|key| key.scope == name.scope() && key.key_id.as_str() == name.key_id())
    }

    fn current(&self, scope: Scope) -> Option<&SigningKey> {
        let mut keys = self.keys.iter();
        keys.find(|key| key.scope == scope && key.current)
    }

    fn rotation_to(&mut self, name: Name) -> Option<&mut RotationTransition> {
        let mut rotations = self.rotations.iter_mut();
        rotations.find(|one| one.scope == name.scope() && one.new_key_id.as_str() == name.key_id())
    }

    fn open_rotation_of(&self, scope: Scope) -> Option<&RotationTransition> {
        let mut open = self.rotations.iter().filter(|one| one.is_open());
        open.find(|one| one.scope == scope)
    }

    fn is_rotated(&self, scope: Scope) -> bool {
        let opening = self.opening.iter().any(|(new, _)| new.scope == scope);
        opening || self.open_rotation_of(scope).is_some()
    }

    /// A reservation, as its caller remembers it.
    fn remembered(&self, which: Which) -> Option<PendingKey> {
        let mut reserved = self.reserved.iter().rev();
        match which {
            Which::Recent(age) => reserved.nth(age).cloned(),
            Which::OfName(name, age) => {
                let of_name = |pending: &&PendingKey| {
                    pending.scope == name.scope() && pending.key_id.as_str() == name.key_id()
                };
                reserved.filter(of_name).nth(age).cloned()
            }
        }
    }

    /// The name of a key, which may not be there.
    fn key_name(&self, which: Which) -> Option<Name> {
        match which {
            Which::Recent(age) => {
                let key = self.keys.iter().rev().nth(age);
                key.map(|key| Name::of(key.scope, &key.key_id))
            }
            Which::OfName(name, _) => Some(name),
        }
    }

    fn waits(&self, name: Name) -> Option<PendingKey> {
        let last = self.remembered(Which::OfName(name, 0));
        last.filter(|last| self.waiting.contains(last))
    }

    /// Takes in a reservation that is new.
    fn remember(&mut self, name: Name, purpose: Purpose, new: &PendingKey) {
        let older = |old: &PendingKey| old.reservation < new.reservation;
        assert!(self.reserved.iter().all(older), "{new:?} is not new");
        assert_eq!(
            (new.scope, new.key_id.as_str(), new.purpose),
            (name.scope(), name.key_id(), purpose)
        );
        self.reserved.push(new.clone());
        self.waiting.push(new.clone());
    }

    /// Takes in what the registry said to a reservation, if it may say so.
    fn reserve(&mut self, name: Name, answer: &Reservation) {
        let waits = self.waits(name);
        let is_rotated = self.is_rotated(name.scope());
        match (answer, self.key(name), waits.as_ref()) {
            (Reservation::Completed(found), Some(key), _) => {
                assert_eq!((&found.key, found.rotation.as_ref()), (&*key, None));
            }
            (Reservation::AlreadyPending(found), None, Some(last)) => {
                assert_eq!((found, last.purpose), (last, Purpose::Generate));
            }
            (Reservation::Refused(ReservationRefused::RotationInProgress), None, Some(last)) => {
                assert_eq!(last.purpose, Purpose::Rotate);
            }
            (Reservation::Refused(ReservationRefused::RotationInProgress), None, None) => {
                assert!(is_rotated);
            }
            (Reservation::Reserved(new), None, None) => {
                assert!(!is_rotated);
                self.remember(name, Purpose::Generate, new);
            }
            (answer, key, waits) => panic!("{answer:?} while {key:?} and {waits:?}"),
        }
    }

    /// Takes in what the registry said to the reservation of a rotation, if it may say so.
    fn reserve_rotation(&mut self, name: Name, answer: &Reservation) {
        let waits = self.waits(name);
        let expected = if let Some(key) = self.key(name).cloned() {
            self.standing(name, key)
        } else if let Some(last) = waits {
            match last.purpose {
                Purpose::Generate => Reservation::Refused(ReservationRefused::NameTaken),
                Purpose::Rotate => Reservation::AlreadyPending(last),
            }
        } else if self.is_rotated(name.scope()) {
            Reservation::Refused(ReservationRefused::RotationInProgress)
        } else if let Some(old) = self.current(name.scope()).cloned() {
            let Reservation::Reserved(new) = answer else {
                panic!("{answer:?} while {old:?} is current");
            };
            self.remember(name, Purpose::Rotate, new);
            self.opening.push((new.clone(), old.key_id));
            return;
        } else if self.keys.iter().any(|key| key.scope == name.scope()) {
            Reservation::Refused(ReservationRefused::CurrentRetired)
        } else {
            Reservation::Refused(ReservationRefused::UnknownScope)
        };
        assert_eq!(*answer, expected);
    }

    /// What the reservation of a name leads to that belongs to a key.
    fn standing(&mut self, name: Name, key: SigningKey) -> Reservation {
        if let Some(rotation) = self.rotation_to(name).cloned() {
            return completed(key, Some(rotation));
        }
        if key.state != KeyState::Active || key.current {
            Reservation::Refused(ReservationRefused::NameTaken)
        } else if self.is_rotated(name.scope()) {
            Reservation::Refused(ReservationRefused::RotationInProgress)
        } else if self.current(name.scope()).is_some() {
            completed(key, None)
        } else {
            Reservation::Refused(ReservationRefused::CurrentRetired)
        }
    }

    fn rotate_to(&mut self, name: Name, now: i64) -> Result<RotationTransition, Refusal> {
        let key = self.key(name).cloned().ok_or(Refusal::Conflict)?;
        let Reservation::Completed(Completed {
            key: new,
            rotation: None,
        }) = self.standing(name, key)
        else {
            return Err(Refusal::Conflict);
        };
        let mut keys = self.keys.iter_mut();
        let old = keys.find(|key| key.scope == new.scope && key.current);
        let old = old.unwrap();
        supersede(old, now);
        let old = old.clone();
        let key = self.key(name).unwrap();
        key.current = true;
        key.version += 1;
        let transition = RotationTransition {
            scope: new.scope,
            old_key_id: old.key_id,
            new_key_id: new.key_id,
            old_handle_id: old.handle_id,
            new_handle_id: new.handle_id,
            opened_at: at(now),
            closes_at: at(now + 50),
            closed_at: None,
        };
        self.rotations.push(transition.clone());
        Ok(transition)
    }

    /// Marks a key or takes the mark away; the record afterwards.
    fn mark(&mut self, name: Name, mark: KeyMark, is_set: bool) -> Result<SigningKey, Refusal> {
        let is_begun = self.begun.contains(&name);
        let was_blocked = self.blocked.contains(&name);
        let key = self.key(name).ok_or(Refusal::Conflict)?;
        let is_possible = (mark == KeyMark::Unconfirmed) == (key.state == KeyState::Retired);
        let marked = match mark {
            KeyMark::Blocked => was_blocked,
            KeyMark::Quarantined => key.marks.quarantined,
            KeyMark::Unconfirmed => key.marks.unconfirmed,
        };
        if !is_possible || marked == is_set {
            return Ok(key.clone());
        }
        key.version += 1;
        match mark {
            KeyMark::Blocked => key.marks.blocked = is_set || is_begun,
            KeyMark::Quarantined => key.marks.quarantined = is_set,
            KeyMark::Unconfirmed => key.marks.unconfirmed = is_set,
        }
        let key = key.clone();
        if mark == KeyMark::Blocked {
            self.blocked.retain(|blocked| *blocked != name);
            self.blocked.extend(is_set.then_some(name));
        }
        Ok(key)
    }

    /// The retired keys whose provider has not confirmed, first to last.
    fn unconfirmed(&self) -> Vec<SigningKey> {
        let unconfirmed = self.keys.iter().filter(|key| key.marks.unconfirmed);
        let mut unconfirmed: Vec<_> = unconfirmed.cloned().collect();
        unconfirmed.sort_by_key(|key| key.valid_until);
        unconfirmed
    }

    fn abandon(&mut self, pending: &PendingKey) {
        self.waiting.retain(|waiting| waiting != pending);
        self.opening.retain(|(opening, _)| opening != pending);
    }

    fn complete(
        &mut self,
        pending: &PendingKey,
        made: GeneratedKey,
        now: i64,
    ) -> Result<Completed, Refusal> {
        match pending.purpose {
            Purpose::Generate => self.register(pending, made, now),
            Purpose::Rotate => self.open_rotation(pending, made, now),
        }
    }

    fn register(
        &mut self,
        pending: &PendingKey,
        made: GeneratedKey,
        now: i64,
    ) -> Result<Completed, Refusal> {
        let completed = |key| Completed {
            key,
            rotation: None,
        };
        let same = |key: &&SigningKey| key.handle_id == made.handle_id;
        if let Some(key) = self.keys.iter().find(same) {
            let same = key.public_key == made.public_key;
            return same
                .then(|| completed(key.clone()))
                .ok_or(Refusal::Conflict);
        }
        let scope = pending.scope;
        let current = self.current(scope).is_none() && !self.is_rotated(scope);
        self.activate(pending, made, current, now).map(completed)
    }

    fn activate(
        &mut self,
        pending: &PendingKey,
        made: GeneratedKey,
        current: bool,
        now: i64,
    ) -> Result<SigningKey, Refusal> {
        let place = self.waiting.iter().position(|waiting| waiting == pending);
        let place = place.ok_or(Refusal::Conflict)?;
        let PendingKey { scope, key_id, .. } = self.waiting.remove(place);
        let key = SigningKey {
            scope,
            key_id,
            handle_id: made.handle_id,
            public_key: made.public_key,
            state: KeyState::Active,
            current,
            marks: KeyMarks::default(),
            valid_from: at(now),
            valid_until: None,
            version: 1,
        };
        self.keys.push(key.clone());
        Ok(key)
    }

    fn open_rotation(
        &mut self,
        pending: &PendingKey,
        made: GeneratedKey,
        now: i64,
    ) -> Result<Completed, Refusal> {
        let name = Name::of(pending.scope, &pending.key_id);
        if let Some(key) = self.key(name).cloned() {
            let same = key.public_key == made.public_key;
            let transition = self.rotation_to(name).filter(|_| same);
            let rotation = Some(transition.cloned().ok_or(Refusal::Conflict)?);
            return Ok(Completed { key, rotation });
        }
        let mut opening = self.opening.iter();
        let place = opening.position(|(opening, _)| opening == pending);
        let (_, old_key_id) = self.opening.remove(place.ok_or(Refusal::Conflict)?);
        let mut keys = self.keys.iter_mut();
        let old = keys.find(|key| key.scope == pending.scope && key.key_id == old_key_id);
        let old = old.unwrap();
        if old.state == KeyState::Active {
            assert!(old.current);
            supersede(old, now);
        }
        let old_handle_id = old.handle_id.clone();
        let new = self.activate(pending, made, true, now)?;
        let transition = RotationTransition {
            scope: new.scope,
            old_key_id,
            new_key_id: new.key_id.clone(),
            old_handle_id,
            new_handle_id: new.handle_id.clone(),
            opened_at: at(now),
            closes_at: at(now + 50),
            closed_at: None,
        };
        self.rotations.push(transition.clone());
        Ok(Completed {
            key: new,
            rotation: Some(transition),
        })
    }

    fn close_rotation(&mut self, name: Name, now: i64) -> RotationTransition {
        let transition = self.rotation_to(name).unwrap();
        if transition.is_open() {
            transition.closed_at = Some(at(now));
            let transition = transition.clone();
            let mut keys = self.keys.iter_mut();
            let old = keys.find(|key| key.handle_id == transition.old_handle_id);
            let old = old.unwrap();
            if old.state != KeyState::Retired {
                retire(old, now);
                old.marks.unconfirmed = true;
            }
            return transition;
        }
        transition.clone()
    }

    fn begin_retirement(&mut self, name: Name) -> Result<SigningKey, Refusal> {
        let open = self.open_rotation_of(name.scope()).cloned();
        let is_begun = self.begun.contains(&name);
        let key = self.key(name).ok_or(Refusal::Conflict)?;
        if key.state == KeyState::Retired {
            return Ok(key.clone());
        }
        if open.is_some_and(|open| open.new_key_id == key.key_id) {
            return Err(Refusal::RotationInProgress);
        }
        if is_begun {
            return Ok(key.clone());
        }
        key.version += 1;
        key.marks.blocked = true;
        let key = key.clone();
        self.begun.push(name);
        Ok(key)
    }

    /// The keys whose retirement was begun and is not over.
    fn begun(&self) -> Vec<SigningKey> {
        let is_begun = |key: &&SigningKey| {
            let name = Name::of(key.scope, &key.key_id);
            key.state != KeyState::Retired && self.begun.contains(&name)
        };
        self.keys.iter().filter(is_begun).cloned().collect()
    }

    fn retire(&mut self, name: Name, version: u64, now: i64) -> Result<SigningKey, Refusal> {
        let open = self.open_rotation_of(name.scope()).cloned();
        let key = self.key(name).ok_or(Refusal::Conflict)?;
        if key.state != KeyState::Retired {
            if key.version != version {
                return Err(Refusal::Conflict);
            }
            if open.is_some_and(|open| open.new_key_id == key.key_id) {
                return Err(Refusal::RotationInProgress);
            }
            retire(key, now);
        }
        if key.marks.unconfirmed {
            key.marks.unconfirmed = false;
            key.version += 1;
        }
        Ok(key.clone())
    }
}

fn supersede(key: &mut SigningKey, now: i64) {
    key.state = KeyState::Rotating;
    key.current = false;
    key.valid_until = Some(at(now + 50));
    key.version += 1;
}

fn retire(key: &mut SigningKey, now: i64) {
    key.state = KeyState::Retired;
    key.marks = KeyMarks::default();
    key.current = false;
    key.valid_until = Some(at(now));
    key.version += 1;
}

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
