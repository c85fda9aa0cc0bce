//! What is recorded of strangers who ask again and again.
//!
//! The first refusals of a user have an entry each. What comes beyond them within a period is counted,
//! and one entry with the count is written when the period ends. So the record grows by what happens
//! and not by how often a stranger repeats it.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use signer_domain::clock;
use signer_domain::ports::{AuditEntry, AuditKey, AuditPeer};

use crate::audit::outcome_of;
use crate::op::Op;
use crate::wire::ProblemCode;

/// How long refusals of one kind are counted into one entry.
const PERIOD: Duration = Duration::from_secs(10);
/// How many refusals of one user have entries of their own in a period.
const OWN_ENTRIES: u64 = 16;
/// How many users are told apart at once; the others are counted together.
const MOST_USERS: usize = 256;
/// How long the answer to a refusal beyond these is withheld.
const PAUSE: Duration = Duration::from_millis(250);

/// The refusals of strangers in this period. Shared by all workers.
#[derive(Debug, Default)]
pub(crate) struct Denials(Mutex<HashMap<Kind, Tally>>);

/// What is counted into one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Kind {
    user: Option<u32>,
    code: ProblemCode,
}

#[derive(Debug)]
struct Tally {
    began: Instant,
    seen: u64,
    merged: Option<Merged>,
}

/// What several refusals have in common.
#[derive(Debug)]
struct Merged {
    count: NonZeroU64,
    request_id: String,
    op: Op,
    peer: Option<AuditPeer>,
}

/// One refusal of a stranger.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Denial<'a> {
    pub(crate) code: ProblemCode,
    pub(crate) op: Op,
    pub(crate) peer: Option<AuditPeer>,
    pub(crate) request_id: &'a str,
}

/// What is to be done about a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noting {
    /// It has an entry of its own.
    Alone,
    /// It is counted, and its caller waits so long for the answer.
    Counted(Duration),
}

impl Denials {
    /// Notes one refusal.
    pub(crate) fn note(&self, denial: Denial<'_>, now: Instant) -> Noting {
        let mut tallies = self.0.lock();
        let kind = Kind {
            user: denial.peer.map(|peer| peer.uid),
            code: denial.code,
        };
        let kind = if tallies.len() < MOST_USERS || tallies.contains_key(&kind) {
            kind
        } else {
            Kind { user: None, ..kind }
        };
        let tally = tallies.entry(kind).or_insert(Tally {
            began: now,
            seen: 0,
            merged: None,
        });
        tally.seen += 1;
        if tally.seen <= OWN_ENTRIES {
            return Noting::Alone;
        }
        match &mut tally.merged {
            Some(merged) => merged.add(denial),
            None => tally.merged = Some(Merged::of(denial)),
        }
        Noting::Counted(PAUSE)
    }

    /// The entries of the periods that have ended by `now`.
    pub(crate) fn take_ended(&self, now: Instant) -> Vec<AuditEntry> {
        self.take(|tally| now.saturating_duration_since(tally.began) >= PERIOD)
    }

    /// The entries of all periods: nothing is counted any more.
    pub(crate) fn take_all(&self) -> Vec<AuditEntry> {
        self.take(|_| true)
    }

    fn take(&self, has_ended: impl Fn(&Tally) -> bool) -> Vec<AuditEntry> {
        let mut tallies = self.0.lock();
        let ended = tallies.extract_if(|_, tally| has_ended(tally));
        ended
            .filter_map(|(kind, tally)| Some(tally.merged?.into_entry(kind.code)))
            .collect()
    }
}

impl Merged {
    fn of(denial: Denial<'_>) -> Self {
        Self {
            count: NonZeroU64::MIN,
            request_id: denial.request_id.to_owned(),
            op: denial.op,
            peer: denial.peer,
        }
    }

    /// Counts one more, and forgets what it has not in common with the others.
    fn add(&mut self, denial: Denial<'_>) {
        self.count = self.count.saturating_add(1);
        if self.op != denial.op {
            self.op = Op::Unknown;
        }
        let common = |ours: AuditPeer, its: AuditPeer| {
            (ours.uid == its.uid).then_some(AuditPeer {
                uid: ours.uid,
                gid: its.gid,
                pid: if ours.pid == its.pid { ours.pid } else { 0 },
            })
        };
        let peers = self.peer.zip(denial.peer);
        self.peer = peers.and_then(|(ours, its)| common(ours, its));
    }

    fn into_entry(self, code: ProblemCode) -> AuditEntry {
        AuditEntry {
            time: clock::now(),
            request_id: self.request_id,
            op: self.op.as_str(),
            outcome: outcome_of(code),
            http_status: code.status().as_u16(),
            code: Some(code.as_str()),
            key: AuditKey::default(),
            peer: self.peer,
            digest: None,
            signature: None,
            items: Vec::new(),
            latency: Duration::ZERO,
            count: Some(self.count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denial(uid: u32, op: Op) -> Denial<'static> {
        Denial {
            code: ProblemCode::Denied,
            op,
            peer: Some(AuditPeer {
                uid,
                gid: 7,
                pid: 7,
            }),
            request_id: "r",
        }
    }

    /// How many requests the entries stand for.
    fn sum(entries: &[AuditEntry]) -> u64 {
        let counts = entries.iter().map(|entry| entry.count.map_or(1, u64::from));
        counts.sum()
    }

    #[test]
    fn every_refusal_is_counted_once_however_many_there_are_and_by_whomever() {
        let denials = Denials::default();
        let now = Instant::now();
        let mut alone = 0;
        for _ in 0..40 {
            for uid in 0..2000 {
                let noting = denials.note(denial(uid, Op::List), now);
                alone += u64::from(noting == Noting::Alone);
            }
        }
        assert_eq!(denials.take_ended(now), []);
        let entries = denials.take_ended(now + PERIOD);
        assert!(entries.len() <= MOST_USERS + 1, "{}", entries.len());
        assert_eq!(alone + sum(&entries), 40 * 2000);
        assert!(alone <= OWN_ENTRIES * (u64::try_from(MOST_USERS).unwrap() + 1));
        assert_eq!(denials.take_all(), []);
        assert_eq!(denials.note(denial(1, Op::List), now), Noting::Alone);
    }

    #[test]
    fn an_entry_tells_what_its_refusals_have_in_common() {
        let denials = Denials::default();
        let now = Instant::now();
        for _ in 0..OWN_ENTRIES {
            assert_eq!(denials.note(denial(1, Op::Sign), now), Noting::Alone);
        }
        for op in [Op::List, Op::List] {
            assert_eq!(denials.note(denial(1, op), now), Noting::Counted(PAUSE));
        }
        let entry = denials.take_all().remove(0);
        assert_eq!((entry.op, entry.http_status), ("list", 403));
        assert_eq!(entry.count, NonZeroU64::new(2));
        assert_eq!(entry.peer, denial(1, Op::List).peer);
        for number in 0..=OWN_ENTRIES + 1 {
            let op = if number % 2 == 0 { Op::List } else { Op::Sign };
            denials.note(denial(1, op), now);
        }
        assert_eq!(denials.take_all().remove(0).op, "unknown");
    }
}
