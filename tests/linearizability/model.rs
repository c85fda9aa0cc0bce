//! The keys of one scope as the contract describes them, one call after the other.

use std::fmt;

use signer_domain::{KeyChange, KeyState};

use crate::checker::{Progress, Specification};

/// The name of a key, by its number.
pub(crate) type Name = usize;

/// What a client can ask about one scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Generate(Name),
    SignBy(Name),
    SignForScope,
    Retire(Name),
    Block(Name),
    Unblock(Name),
    Open(Name),
    Close { old: Name, new: Name },
    ShowRotation,
    ShowKeys,
}

impl Operation {
    /// Whether it can leave something behind.
    pub(crate) const fn changes(self) -> bool {
        match self {
            Self::Generate(_)
            | Self::Retire(_)
            | Self::Block(_)
            | Self::Unblock(_)
            | Self::Open(_)
            | Self::Close { .. } => true,
            Self::SignBy(_) | Self::SignForScope | Self::ShowRotation | Self::ShowKeys => false,
        }
    }
}

/// A key as a client sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) name: Name,
    pub(crate) state: KeyState,
    pub(crate) current: bool,
    pub(crate) blocked: bool,
}

/// A rotation as a client sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Rotation {
    pub(crate) old: Name,
    pub(crate) new: Name,
    pub(crate) is_open: bool,
}

/// Whether a call made what it answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Novelty {
    Made,
    Found,
}

/// Why a call was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    KeyNotFound,
    KeyRetired,
    KeyBlocked,
    RotationInProgress,
    RotationNotFound,
    NameTaken,
}

/// What a call led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Key(Novelty, Key),
    Signed(Name),
    Rotation(Novelty, Rotation),
    Keys(Vec<Key>),
    Refused(Refusal),
    /// The custodian could not say.
    Unknown,
}

/// The scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Scope {
    /// In the order in which they became active.
    keys: Vec<Key>,
    /// Names that are reserved for `generate`, in order.
    reserved: Vec<Name>,
    /// The rotation that is being opened.
    opening: Option<(Name, Name)>,
    /// Rotations that were opened.
    rotations: Vec<Rotation>,
    /// Keys that an operator has blocked.
    blocked: Vec<Name>,
    /// Keys whose retirement has begun: they are blocked until it has ended.
    retiring: Vec<Name>,
    /// Unblockings that a block is to overtake, and those that one has overtaken.
    unblocking: Vec<Name>,
    overtaken: Vec<Name>,
}

use Progress::{Begun, Done, Joined, NotBegun};

impl Scope {
    fn key(&self, name: Name) -> Option<Key> {
        let key = self.keys.iter().copied().find(|key| key.name == name);
        key.map(|key| self.shown(key))
    }

    fn shown(&self, key: Key) -> Key {
        let is_marked = self.blocked.contains(&key.name) || self.retiring.contains(&key.name);
        Key {
            blocked: is_marked,
            ..key
        }
    }

    fn current(&self) -> Option<Name> {
        let current = self.keys.iter().find(|key| key.current);
        current.map(|key| key.name)
    }

    fn is_rotated(&self) -> bool {
        self.opening.is_some() || self.open_rotation().is_some()
    }

    fn open_rotation(&self) -> Option<Rotation> {
        self.rotations
            .iter()
            .copied()
            .find(|rotation| rotation.is_open)
    }

    fn rotation_to(&self, new: Name) -> Option<Rotation> {
        self.rotations
            .iter()
            .copied()
            .find(|rotation| rotation.new == new)
    }

    /// What the state of a key says about signing with it.
    fn sign(&self, name: Option<Name>) -> Outcome {
        match name.and_then(|name| self.key(name)) {
            None => Outcome::Refused(Refusal::KeyNotFound),
            Some(key) if !key.state.may_sign() => Outcome::Refused(Refusal::KeyRetired),
            Some(key) if key.blocked => Outcome::Refused(Refusal::KeyBlocked),
            Some(key) => Outcome::Signed(key.name),
        }
    }

    fn sign_for_scope(&self) -> Outcome {
        if self.current().is_none() && !self.keys.is_empty() {
            return Outcome::Refused(Refusal::KeyRetired);
        }
        self.sign(self.current())
    }

    fn change(&mut self, name: Name, change: KeyChange) {
        for key in self.keys.iter_mut().filter(|key| key.name == name) {
            key.state = key.state.after(change).unwrap();
            key.current = false;
        }
        if change == KeyChange::Retired {
            self.blocked.retain(|blocked| *blocked != name);
            self.retiring.retain(|retiring| *retiring != name);
        }
    }

    /// Everything a retirement can lead to: at once, or by way of a block. One whose outcome is unknown
    /// is finished later by the custodian itself.
    fn retire_in_steps(
        &self,
        name: Name,
        told: &Outcome,
        progress: Progress,
    ) -> Vec<(Self, Progress)> {
        let (retired, outcome) = self.retire(name);
        let mut steps = Vec::new();
        if matches(told, &outcome) {
            steps.push((retired, Done));
        }
        let is_possible = matches!(outcome, Outcome::Key(..));
        let is_standing = self.key(name).is_some_and(|key| key.state.may_sign());
        if progress == NotBegun && is_possible && is_standing && !self.retiring.contains(&name) {
            let mut begun = self.clone();
            begun.retiring.push(name);
            begun.retiring.sort_unstable();
            steps.push((begun, Begun));
        }
        steps
    }

    /// Blocks a key or takes the block away.
    fn mark(&self, name: Name, is_blocked: bool) -> (Self, Outcome) {
        let mut after = self.clone();
        let outcome = match self.key(name) {
            None => Outcome::Refused(Refusal::KeyNotFound),
            Some(key) if !key.state.may_sign() => Outcome::Refused(Refusal::KeyRetired),
            Some(_) => {
                after.blocked.retain(|blocked| *blocked != name);
                after.blocked.extend(is_blocked.then_some(name));
                after.blocked.sort_unstable();
                if is_blocked {
                    let (now, still) = after.unblocking.iter().partition(|asked| **asked == name);
                    after.unblocking = still;
                    after.overtaken.extend::<Vec<Name>>(now);
                    after.overtaken.sort_unstable();
                }
                if !is_blocked && after.retiring.contains(&name) {
                    Outcome::Refused(Refusal::KeyBlocked)
                } else {
                    Outcome::Key(Novelty::Found, after.key(name).unwrap())
                }
            }
        };
        (after, outcome)
    }

    /// Everything an unblocking can lead to: it takes effect at once, or a block that came after it was
    /// asked for stays.
    fn unblock(&self, name: Name, told: &Outcome, progress: Progress) -> Vec<(Self, Progress)> {
        let mut after = self.clone();
        if progress == Begun {
            let overtaken = after.overtaken.iter().position(|asked| *asked == name);
            return match overtaken.map(|at| after.overtaken.remove(at)) {
                Some(_) => after.only_if(self.key(name).is_some_and(|key| key.blocked)),
                None => Vec::new(),
            };
        }
        let (unblocked, outcome) = self.mark(name, false);
        let mut steps = Vec::new();
        if matches(told, &outcome) {
            steps.push((unblocked, Done));
        }
        if *told == Outcome::Refused(Refusal::KeyBlocked) {
            after.unblocking.push(name);
            after.unblocking.sort_unstable();
            steps.push((after, Begun));
        }
        steps
    }

    fn retire(&self, name: Name) -> (Self, Outcome) {
        let mut after = self.clone();
        let outcome = match self.key(name) {
            None => Outcome::Refused(Refusal::KeyNotFound),
            Some(_) if self.open_rotation().is_some_and(|open| open.new == name) => {
                Outcome::Refused(Refusal::RotationInProgress)
            }
            Some(_) => {
                after.change(name, KeyChange::Retired);
                Outcome::Key(Novelty::Found, after.key(name).unwrap())
            }
        };
        (after, outcome)
    }

    fn close(&self, old: Name, new: Name) -> (Self, Outcome) {
        let mut after = self.clone();
        let mut rotations = after.rotations.iter_mut();
        let rotation = rotations.find(|rotation| (rotation.old, rotation.new) == (old, new));
        let Some(rotation) = rotation else {
            return (after, Outcome::Refused(Refusal::RotationNotFound));
        };
        let was_open = std::mem::replace(&mut rotation.is_open, false);
        let outcome = Outcome::Rotation(Novelty::Found, *rotation);
        if was_open {
            after.change(old, KeyChange::Retired);
        }
        (after, outcome)
    }

    /// Everything a `generate` can lead to: at once, or by a reservation that is completed later.
    fn generate(&self, name: Name, outcome: &Outcome, progress: Progress) -> Vec<(Self, Progress)> {
        if progress == NotBegun {
            return self.begin_to_generate(name, outcome);
        }
        // Whose reservation somebody else completed has made nothing.
        if !self.reserved.contains(&name) {
            return Vec::new();
        }
        let mut completed = self.clone();
        completed.reserved.retain(|reserved| *reserved != name);
        let key = Key {
            name,
            state: KeyState::Active,
            current: self.current().is_none() && !self.is_rotated(),
            blocked: false,
        };
        completed.keys.push(key);
        let mut steps = Vec::new();
        if matches(outcome, &Outcome::Key(Novelty::Made, key)) {
            steps.push((completed, Done));
        }
        if *outcome == Outcome::Unknown {
            let mut given_back = self.clone();
            given_back.reserved.retain(|reserved| *reserved != name);
            steps.push((given_back, Done));
        }
        steps
    }

    fn begin_to_generate(&self, name: Name, outcome: &Outcome) -> Vec<(Self, Progress)> {
        let at_once = match self.key(name) {
            Some(key) if key.state.may_sign() => Outcome::Key(Novelty::Found, key),
            Some(_retired) => Outcome::Refused(Refusal::KeyRetired),
            None if self.reserved.contains(&name) => return vec![(self.clone(), Joined)],
            None if self.is_rotated() => Outcome::Refused(Refusal::RotationInProgress),
            None => {
                let mut reserved = self.clone();
                reserved.reserved.push(name);
                reserved.reserved.sort_unstable();
                return vec![(reserved, Begun)];
            }
        };
        self.only_if(matches(outcome, &at_once))
    }

    /// Everything that opening a rotation can lead to.
    fn open(&self, new: Name, outcome: &Outcome, progress: Progress) -> Vec<(Self, Progress)> {
        if progress == NotBegun {
            return self.begin_to_open(new, outcome);
        }
        // Whose reservation somebody else completed has made nothing.
        let Some((old, _)) = self.opening.filter(|(_, opening)| *opening == new) else {
            return Vec::new();
        };
        let mut opened = self.clone();
        opened.opening = None;
        if self
            .key(old)
            .is_some_and(|key| key.state == KeyState::Active)
        {
            opened.change(old, KeyChange::Superseded);
        }
        opened.keys.push(Key {
            name: new,
            state: KeyState::Active,
            current: true,
            blocked: false,
        });
        let rotation = Rotation {
            old,
            new,
            is_open: true,
        };
        opened.rotations.push(rotation);
        let mut steps = Vec::new();
        if matches(outcome, &Outcome::Rotation(Novelty::Made, rotation)) {
            steps.push((opened, Done));
        }
        if *outcome == Outcome::Unknown {
            let mut given_back = self.clone();
            given_back.opening = None;
            steps.push((given_back, Done));
        }
        steps
    }

    fn begin_to_open(&self, new: Name, outcome: &Outcome) -> Vec<(Self, Progress)> {
        let is_retired = self
            .key(new)
            .is_some_and(|key| key.state == KeyState::Retired);
        let at_once = if let Some(rotation) = self.rotation_to(new) {
            if is_retired {
                Outcome::Refused(Refusal::KeyRetired)
            } else {
                Outcome::Rotation(Novelty::Found, rotation)
            }
        } else if let Some(key) = self.key(new).filter(|key| self.may_succeed(*key)) {
            return self.open_to_standing(key, outcome);
        } else if self.key(new).is_some() || self.reserved.contains(&new) {
            Outcome::Refused(Refusal::NameTaken)
        } else if self.opening.is_some_and(|(_, opening)| opening == new) {
            return vec![(self.clone(), Joined)];
        } else if self.is_rotated() {
            Outcome::Refused(Refusal::RotationInProgress)
        } else if let Some(old) = self.current() {
            let mut reserved = self.clone();
            reserved.opening = Some((old, new));
            return vec![(reserved, Begun)];
        } else if self.keys.is_empty() {
            Outcome::Refused(Refusal::KeyNotFound)
        } else {
            Outcome::Refused(Refusal::KeyRetired)
        };
        self.only_if(matches(outcome, &at_once))
    }

    /// Whether the name of the key may be that of the new key of a rotation.
    fn may_succeed(&self, key: Key) -> bool {
        key.state == KeyState::Active && !key.current && self.rotation_to(key.name).is_none()
    }

    /// Everything that opening a rotation can lead to whose new key was generated ahead.
    fn open_to_standing(&self, key: Key, outcome: &Outcome) -> Vec<(Self, Progress)> {
        let refusal = if self.is_rotated() {
            Refusal::RotationInProgress
        } else if self.current().is_none() {
            Refusal::KeyRetired
        } else {
            Refusal::KeyBlocked
        };
        let Some(old) = self
            .current()
            .filter(|_| !self.is_rotated() && !key.blocked)
        else {
            return self.only_if(matches(outcome, &Outcome::Refused(refusal)));
        };
        let mut opened = self.clone();
        opened.change(old, KeyChange::Superseded);
        for standing in opened.keys.iter_mut().filter(|one| one.name == key.name) {
            standing.current = true;
        }
        let rotation = Rotation {
            old,
            new: key.name,
            is_open: true,
        };
        opened.rotations.push(rotation);
        let made = Outcome::Rotation(Novelty::Made, rotation);
        let made = matches(outcome, &made).then_some((opened, Done));
        made.into_iter().collect()
    }

    fn only_if(&self, holds: bool) -> Vec<(Self, Progress)> {
        holds.then(|| (self.clone(), Done)).into_iter().collect()
    }
}

/// Whether a call may have told its client what the model says. One that could not say may have done
/// anything.
fn matches(told: &Outcome, modelled: &Outcome) -> bool {
    *told == Outcome::Unknown || told == modelled
}

impl Specification for Scope {
    type Operation = Operation;
    type Outcome = Outcome;

    fn steps(
        &self,
        operation: &Operation,
        outcome: &Outcome,
        progress: Progress,
    ) -> Vec<(Self, Progress)> {
        let (after, modelled) = match *operation {
            Operation::Generate(name) => return self.generate(name, outcome, progress),
            Operation::Open(new) => return self.open(new, outcome, progress),
            Operation::Retire(name) => return self.retire_in_steps(name, outcome, progress),
            Operation::Block(name) => self.mark(name, true),
            Operation::Unblock(name) => return self.unblock(name, outcome, progress),
            Operation::Close { old, new } => self.close(old, new),
            Operation::SignBy(name) => (self.clone(), self.sign(Some(name))),
            Operation::SignForScope => (self.clone(), self.sign_for_scope()),
            Operation::ShowRotation => {
                let open = self.open_rotation();
                let shown = open.map_or(Outcome::Refused(Refusal::RotationNotFound), |open| {
                    Outcome::Rotation(Novelty::Found, open)
                });
                (self.clone(), shown)
            }
            Operation::ShowKeys => {
                let keys = self.keys.iter().map(|key| self.shown(*key)).collect();
                (self.clone(), Outcome::Keys(keys))
            }
        };
        if matches(outcome, &modelled) {
            vec![(after, Done)]
        } else {
            Vec::new()
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Generate(name) => write!(f, "generate k{name}"),
            Self::SignBy(name) => write!(f, "sign by k{name}"),
            Self::SignForScope => write!(f, "sign for the scope"),
            Self::Retire(name) => write!(f, "retire k{name}"),
            Self::Block(name) => write!(f, "block k{name}"),
            Self::Unblock(name) => write!(f, "unblock k{name}"),
            Self::Open(new) => write!(f, "open a rotation to k{new}"),
            Self::Close { old, new } => write!(f, "close the rotation from k{old} to k{new}"),
            Self::ShowRotation => write!(f, "show the open rotation"),
            Self::ShowKeys => write!(f, "show the keys"),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let current = if self.current { ", current" } else { "" };
        let blocked = if self.blocked { ", blocked" } else { "" };
        write!(f, "k{} {}{current}{blocked}", self.name, self.state)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let novelty = |novelty: &Novelty| match novelty {
            Novelty::Made => "made",
            Novelty::Found => "found",
        };
        match self {
            Self::Key(new, key) => write!(f, "{} {key}", novelty(new)),
            Self::Signed(name) => write!(f, "signed by k{name}"),
            Self::Rotation(
                new,
                Rotation {
                    old,
                    new: to,
                    is_open,
                },
            ) => {
                let state = if *is_open { "open" } else { "closed" };
                write!(f, "{} k{old} to k{to}, {state}", novelty(new))
            }
            Self::Keys(keys) => {
                let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
                write!(f, "{}", keys.join("; "))
            }
            Self::Refused(refusal) => write!(f, "refused: {refusal:?}"),
            Self::Unknown => write!(f, "unknown"),
        }
    }
}
