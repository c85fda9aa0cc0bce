//! The rows that compare the custodian with its own kind: with and without audit, with many keys and
//! with few.

use super::super::Figures;
use super::{Goal, Row};
use crate::stats::median;

/// These rows.
pub(super) fn rows(figures: &Figures) -> [Row; 3] {
    [
        audited_rate_row(figures),
        audited_latency_row(figures),
        many_keys_row(figures),
    ]
}

fn audited_rate_row(figures: &Figures) -> Row {
    let pairs = &figures.audit.crowd;
    let on = pairs.iter().map(|pair| pair.on.requests_per_second);
    let off = pairs.iter().map(|pair| pair.off.requests_per_second);
    against(
        "32 connections, audit on against off: requests/s",
        &on.zip(off).collect::<Vec<_>>(),
        0,
        &Goal::AtLeast(0.82),
    )
}

/// What the record adds to one request, against what the disk alone takes.
fn audited_latency_row(figures: &Figures) -> Row {
    let added = figures
        .audit
        .alone
        .iter()
        .map(|pair| pair.on.p50_us - pair.off.p50_us);
    let raw = figures.audit.raw_flush_us.iter().copied();
    against(
        "1 connection, what audit adds to p50 against a raw flush: \u{b5}s",
        &added.zip(raw).collect::<Vec<_>>(),
        1,
        &Goal::AtMost(1.5),
    )
}

fn many_keys_row(figures: &Figures) -> Row {
    let pairs = figures.million.rounds.iter();
    let medians = pairs.map(|pair| (pair.many.p50_us, pair.few.p50_us));
    against(
        &format!(
            "{} registered keys against ten: p50 \u{b5}s",
            figures.million.registered
        ),
        &medians.collect::<Vec<_>>(),
        1,
        &Goal::AtMost(1.2),
    )
}

/// The custodian against a reference that the row names, round by round.
fn against(what: &str, rounds: &[(f64, f64)], digits: usize, goal: &Goal) -> Row {
    let ratio = median(rounds.iter().map(|(ours, reference)| ours / reference));
    let ours = median(rounds.iter().map(|(ours, _reference)| *ours));
    let reference = median(rounds.iter().map(|(_ours, reference)| *reference));
    Row {
        what: what.to_owned(),
        custodian: format!("{ours:.digits$}"),
        reference: format!("{reference:.digits$}"),
        reached: format!("{ratio:.2}"),
        goal: goal.text(""),
        verdict: goal.verdict(ratio),
    }
}
