//! The rules for rotations.

use signer_domain::ports::{
    Completed, GeneratedKey, PendingKey, Purpose, Reservation, ReservationRefused,
};
use signer_domain::{KeyState, RotationTransition, Scope, SigningKey};

use super::super::support::{at, completed};
use super::rules::{Model, Refusal, retire};
use super::steps::Name;

impl Model {
    pub(super) fn rotation_to(&mut self, name: Name) -> Option<&mut RotationTransition> {
        let mut rotations = self.rotations.iter_mut();
        rotations.find(|one| one.scope == name.scope() && one.new_key_id.as_str() == name.key_id())
    }

    pub(super) fn open_rotation_of(&self, scope: Scope) -> Option<&RotationTransition> {
        let mut open = self.rotations.iter().filter(|one| one.is_open());
        open.find(|one| one.scope == scope)
    }

    pub(super) fn is_rotated(&self, scope: Scope) -> bool {
        let opening = self.opening.iter().any(|(new, _)| new.scope == scope);
        opening || self.open_rotation_of(scope).is_some()
    }

    /// Takes in what the registry said to the reservation of a rotation, if it may say so.
    pub(super) fn reserve_rotation(&mut self, name: Name, answer: &Reservation) {
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
    pub(super) fn standing(&mut self, name: Name, key: SigningKey) -> Reservation {
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

    pub(super) fn rotate_to(
        &mut self,
        name: Name,
        now: i64,
    ) -> Result<RotationTransition, Refusal> {
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

    pub(super) fn open_rotation(
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

    pub(super) fn close_rotation(&mut self, name: Name, now: i64) -> RotationTransition {
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
}

pub(super) fn supersede(key: &mut SigningKey, now: i64) {
    key.state = KeyState::Rotating;
    key.current = false;
    key.valid_until = Some(at(now + 50));
    key.version += 1;
}
