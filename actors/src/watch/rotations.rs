//! What was last seen of the rotations that are open.

use parking_lot::RwLock;
use signer_domain::{RotationTransition, Timestamp};

use crate::metrics::Metrics;

/// So many overdue rotations are named one by one.
const NAMED: usize = 20;

/// What was last seen of the rotations that are open. Probes and scrapes read it; nobody who signs does.
#[derive(Debug)]
pub(crate) struct RotationWatch {
    warnings: RwLock<Vec<String>>,
    metrics: Metrics,
}

impl RotationWatch {
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self {
            warnings: RwLock::default(),
            metrics,
        }
    }

    /// Takes over what the registry says is open.
    pub(crate) fn show(&self, open: &[RotationTransition], now: Timestamp) {
        let overdue: Vec<_> = open
            .iter()
            .filter(|rotation| rotation.is_overdue(now))
            .collect();
        self.metrics.show_rotations(open.len(), overdue.len());
        let mut warnings: Vec<_> = overdue
            .iter()
            .take(NAMED)
            .map(|rotation| warning(rotation))
            .collect();
        let unnamed = overdue.len().saturating_sub(NAMED);
        if unnamed > 0 {
            warnings.push(format!("{unnamed} more rotations are overdue"));
        }
        *self.warnings.write() = warnings;
    }

    /// What an operator should attend to.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.warnings.read().clone()
    }
}

fn warning(rotation: &RotationTransition) -> String {
    let due = rotation.closes_at;
    let whole_seconds = Timestamp::from_second(due.as_second()).unwrap_or(due);
    format!(
        "rotation of scope \"{}\" is overdue since {whole_seconds}: close it",
        rotation.scope
    )
}

#[cfg(test)]
mod tests {
    use signer_domain::{HandleId, KeyId, Scope};

    use super::*;

    fn due(second: i64) -> RotationTransition {
        let handle = |key_id| HandleId::parse(&format!("software:platform|{key_id}")).unwrap();
        RotationTransition {
            scope: Scope::Platform,
            old_key_id: KeyId::parse("k1").unwrap(),
            new_key_id: KeyId::parse("k2").unwrap(),
            old_handle_id: handle("k1"),
            new_handle_id: handle("k2"),
            opened_at: Timestamp::UNIX_EPOCH,
            closes_at: Timestamp::new(second, 123_456_789).unwrap(),
            closed_at: None,
        }
    }

    #[test]
    fn names_what_is_overdue_to_the_second_and_nothing_else() {
        let watch = RotationWatch::new(Metrics::default());
        let now = Timestamp::from_second(1_767_225_700).unwrap();
        watch.show(&[due(1_767_225_600), due(1_767_225_800)], now);
        let sentence =
            "rotation of scope \"platform\" is overdue since 2026-01-01T00:00:00Z: close it";
        assert_eq!(watch.warnings(), [sentence]);
        watch.show(&[], now);
        assert!(watch.warnings().is_empty());
    }

    #[test]
    fn a_probe_stays_short_however_many_are_overdue() {
        let watch = RotationWatch::new(Metrics::default());
        watch.show(&vec![due(1); 100], Timestamp::from_second(10).unwrap());
        assert_eq!(watch.warnings().len(), NAMED + 1);
        assert_eq!(watch.warnings()[NAMED], "80 more rotations are overdue");
    }
}
