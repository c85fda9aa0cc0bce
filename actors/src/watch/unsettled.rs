//! What was last seen of reservations that nobody settles.

use std::collections::HashSet;

use parking_lot::Mutex;
use signer_domain::ProviderName;
use signer_domain::ports::{PendingKey, Purpose};

use crate::metrics::Metrics;

/// So many reservations are named one by one.
const NAMED: usize = 20;

/// What was last seen of reservations that nobody settles. Probes and scrapes read it.
#[derive(Debug)]
pub(crate) struct UnsettledWatch {
    seen: Mutex<Seen>,
    metrics: Metrics,
}

#[derive(Debug, Default)]
struct Seen {
    /// What the last look found, each by its reservation.
    idle: HashSet<u64>,
    warnings: Vec<String>,
}

impl UnsettledWatch {
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self {
            seen: Mutex::default(),
            metrics,
        }
    }

    /// Takes over the reservations for which no call was under way. One look may meet a call that has
    /// just ended; a reservation that two looks meet is one that nobody settles.
    pub(crate) fn show(&self, idle: &[PendingKey], is_configured: impl Fn(ProviderName) -> bool) {
        let mut seen = self.seen.lock();
        let before = std::mem::take(&mut seen.idle);
        seen.idle = idle.iter().map(|pending| pending.reservation).collect();
        let unsettled: Vec<_> = idle
            .iter()
            .filter(|pending| before.contains(&pending.reservation))
            .collect();
        self.metrics
            .show_unsettled(unsettled.iter().map(|pending| pending.provider));
        seen.warnings = unsettled
            .iter()
            .take(NAMED)
            .map(|pending| warning(pending, is_configured(pending.provider)))
            .collect();
        let unnamed = unsettled.len().saturating_sub(NAMED);
        if unnamed > 0 {
            let warning = format!("{unnamed} more names are reserved for keys that nobody settles");
            seen.warnings.push(warning);
        }
    }

    /// What an operator should attend to.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.seen.lock().warnings.clone()
    }
}

fn warning(pending: &PendingKey, is_configured: bool) -> String {
    let PendingKey {
        scope,
        key_id,
        provider,
        purpose,
        ..
    } = pending;
    let what = match purpose {
        Purpose::Rotate => format!("rotation of scope \"{scope}\" to key \"{key_id}\""),
        Purpose::Generate => format!("key \"{key_id}\" of scope \"{scope}\""),
    };
    let cure = match (purpose, is_configured) {
        (Purpose::Rotate, true) => "whose answer was lost: open it again",
        (Purpose::Generate, true) => "whose answer was lost: generate it again",
        (Purpose::Rotate, false) => {
            "which is not configured: configure it again, or open a rotation to a key of another name \
             that names another provider"
        }
        (Purpose::Generate, false) => {
            "which is not configured: configure it again, or generate a key of another name"
        }
    };
    format!("{what} waits for key provider \"{provider}\", {cure}")
}

#[cfg(test)]
mod tests {
    use signer_domain::{KeyId, Scope};

    use super::*;

    fn pending(reservation: u64) -> PendingKey {
        PendingKey {
            scope: Scope::Platform,
            key_id: KeyId::parse("k1").unwrap(),
            provider: ProviderName::new("software"),
            purpose: Purpose::Generate,
            reservation,
        }
    }

    #[test]
    fn what_one_look_meets_may_be_over_and_what_two_looks_meet_is_told() {
        let watch = UnsettledWatch::new(Metrics::default());
        watch.show(&[pending(1)], |_| true);
        assert!(watch.warnings().is_empty());
        // The same name, reserved anew.
        watch.show(&[pending(2)], |_| true);
        assert!(watch.warnings().is_empty());
        watch.show(&[pending(2)], |_| true);
        let sentence = "key \"k1\" of scope \"platform\" waits for key provider \"software\", whose \
                        answer was lost: generate it again";
        assert_eq!(watch.warnings(), [sentence]);
        watch.show(&[], |_| true);
        assert!(watch.warnings().is_empty());
    }

    #[test]
    fn a_probe_stays_short_however_many_there_are() {
        let watch = UnsettledWatch::new(Metrics::default());
        let many: Vec<_> = (0..100).map(pending).collect();
        watch.show(&many, |_| false);
        watch.show(&many, |_| false);
        assert_eq!(watch.warnings().len(), NAMED + 1);
    }
}
