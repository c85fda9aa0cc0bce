//! The steps of a history, and how they are drawn.

use proptest::prelude::*;
use signer_domain::{KeyId, KeyMark, Scope};

use super::super::support::{PLATFORM, domain};

#[derive(Debug, Clone)]
pub(super) enum Step {
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
pub(super) enum Which {
    /// 0 is the last one, 1 the one before it.
    Recent(usize),
    /// Of the reservations of a name, 0 is the last one.
    OfName(Name, usize),
}

/// What the caller believes the version of a key to be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Belief {
    True,
    Version(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name(u8, u8);

impl Name {
    pub(super) fn scope(self) -> Scope {
        [PLATFORM, domain(1)][usize::from(self.0)]
    }

    pub(super) fn key_id(self) -> &'static str {
        ["k1", "k2", "k3", "k4", "k5"][usize::from(self.1)]
    }

    pub(super) fn of(scope: Scope, key_id: &KeyId) -> Self {
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
pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
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
