//! What a registry should hold, and the rules for keys and reservations.

use signer_domain::ports::{
    Completed, GeneratedKey, PendingKey, Purpose, Reservation, ReservationRefused,
};
use signer_domain::{KeyId, KeyMark, KeyMarks, KeyState, RotationTransition, Scope, SigningKey};

use super::super::support::at;
use super::steps::{Name, Which};

/// What was ever reserved, what of it waits, and the keys in the order in which they became active.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) reserved: Vec<PendingKey>,
    pub(super) waiting: Vec<PendingKey>,
    pub(super) keys: Vec<SigningKey>,
    /// The rotations that wait to be opened, by their reservation, with their old key.
    pub(super) opening: Vec<(PendingKey, KeyId)>,
    /// The rotations that were opened, first to last.
    pub(super) rotations: Vec<RotationTransition>,
    /// The names whose retirement was begun.
    pub(super) begun: Vec<Name>,
    /// The names that an operator has blocked.
    pub(super) blocked: Vec<Name>,
}

/// Why a change was refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Conflict,
    RotationInProgress,
}

impl Model {
    pub(super) fn key(&mut self, name: Name) -> Option<&mut SigningKey> {
        let mut keys = self.keys.iter_mut();
        keys.find(|key| key.scope == name.scope() && key.key_id.as_str() == name.key_id())
    }

    pub(super) fn current(&self, scope: Scope) -> Option<&SigningKey> {
        let mut keys = self.keys.iter();
        keys.find(|key| key.scope == scope && key.current)
    }

    /// A reservation, as its caller remembers it.
    pub(super) fn remembered(&self, which: Which) -> Option<PendingKey> {
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
    pub(super) fn key_name(&self, which: Which) -> Option<Name> {
        match which {
            Which::Recent(age) => {
                let key = self.keys.iter().rev().nth(age);
                key.map(|key| Name::of(key.scope, &key.key_id))
            }
            Which::OfName(name, _) => Some(name),
        }
    }

    pub(super) fn waits(&self, name: Name) -> Option<PendingKey> {
        let last = self.remembered(Which::OfName(name, 0));
        last.filter(|last| self.waiting.contains(last))
    }

    /// Takes in a reservation that is new.
    pub(super) fn remember(&mut self, name: Name, purpose: Purpose, new: &PendingKey) {
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
    pub(super) fn reserve(&mut self, name: Name, answer: &Reservation) {
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

    /// Marks a key or takes the mark away; the record afterwards.
    pub(super) fn mark(
        &mut self,
        name: Name,
        mark: KeyMark,
        is_set: bool,
    ) -> Result<SigningKey, Refusal> {
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
    pub(super) fn unconfirmed(&self) -> Vec<SigningKey> {
        let unconfirmed = self.keys.iter().filter(|key| key.marks.unconfirmed);
        let mut unconfirmed: Vec<_> = unconfirmed.cloned().collect();
        unconfirmed.sort_by_key(|key| key.valid_until);
        unconfirmed
    }

    pub(super) fn abandon(&mut self, pending: &PendingKey) {
        self.waiting.retain(|waiting| waiting != pending);
        self.opening.retain(|(opening, _)| opening != pending);
    }

    pub(super) fn complete(
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

    pub(super) fn register(
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

    pub(super) fn activate(
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

    pub(super) fn begin_retirement(&mut self, name: Name) -> Result<SigningKey, Refusal> {
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
    pub(super) fn begun(&self) -> Vec<SigningKey> {
        let is_begun = |key: &&SigningKey| {
            let name = Name::of(key.scope, &key.key_id);
            key.state != KeyState::Retired && self.begun.contains(&name)
        };
        self.keys.iter().filter(is_begun).cloned().collect()
    }

    pub(super) fn retire(
        &mut self,
        name: Name,
        version: u64,
        now: i64,
    ) -> Result<SigningKey, Refusal> {
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

pub(super) fn retire(key: &mut SigningKey, now: i64) {
    key.state = KeyState::Retired;
    key.marks = KeyMarks::default();
    key.current = false;
    key.valid_until = Some(at(now));
    key.version += 1;
}
