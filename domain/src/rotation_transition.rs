//! The change of a scope from one current key to the next.

use jiff::Timestamp;

use crate::{HandleId, KeyId, Scope};

/// The change of a scope from one current key to the next. While it is open, signatures by both keys
/// verify; closing it retires the old one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationTransition {
    /// The scope whose current key changes.
    pub scope: Scope,
    /// The name of the key that was the current one.
    pub old_key_id: KeyId,
    /// The name of the key that took its place.
    pub new_key_id: KeyId,
    /// The handle of the key that was the current one.
    pub old_handle_id: HandleId,
    /// The handle of the key that took its place.
    pub new_handle_id: HandleId,
    /// When the new key took over.
    pub opened_at: Timestamp,
    /// When the rotation is due to be closed.
    pub closes_at: Timestamp,
    /// When it was closed; none while it is open.
    pub closed_at: Option<Timestamp>,
}

impl RotationTransition {
    /// Whether both keys are still in use.
    pub const fn is_open(&self) -> bool {
        self.closed_at.is_none()
    }

    /// Whether the rotation should have been closed before `now`.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.is_open() && self.closes_at < now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transition(closed_at: Option<Timestamp>) -> RotationTransition {
        let handle = |key_id| HandleId::parse(&format!("software:platform|{key_id}")).unwrap();
        let at = |second| Timestamp::from_second(second).unwrap();
        RotationTransition {
            scope: Scope::Platform,
            old_key_id: KeyId::parse("k1").unwrap(),
            new_key_id: KeyId::parse("k2").unwrap(),
            old_handle_id: handle("k1"),
            new_handle_id: handle("k2"),
            opened_at: at(100),
            closes_at: at(200),
            closed_at,
        }
    }

    #[test]
    fn is_overdue_once_its_window_is_over_and_nobody_has_closed_it() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert!(!transition(None).is_overdue(at(200)));
        assert!(transition(None).is_overdue(at(201)));
        assert!(!transition(Some(at(150))).is_overdue(at(201)));
        assert!(transition(None).is_open() && !transition(Some(at(150))).is_open());
    }
}
