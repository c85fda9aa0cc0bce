//! The figures as rows: custodian, bare server, their ratio, the goal.

mod own_kind;

use std::io::Write as _;

use super::scenario::Scenario;
use super::{Figures, Pair};
use crate::Outcome;
use crate::idle;
use crate::load::LoadReport;
use crate::stats::{float, median};

/// One line of the comparison.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) what: String,
    pub(super) custodian: String,
    pub(super) reference: String,
    pub(super) reached: String,
    pub(super) goal: String,
    pub(super) verdict: &'static str,
}

enum Goal {
    AtLeast(f64),
    AtMost(f64),
    None,
}

impl Goal {
    fn text(&self, unit: &str) -> String {
        match self {
            Self::AtLeast(limit) => format!("\u{2265} {limit:.2}{unit}"),
            Self::AtMost(limit) => format!("\u{2264} {limit:.2}{unit}"),
            Self::None => "\u{2013}".to_owned(),
        }
    }

    fn verdict(&self, reached: f64) -> &'static str {
        let met = match self {
            Self::AtLeast(limit) => reached >= *limit,
            Self::AtMost(limit) => reached <= *limit,
            Self::None => return "",
        };
        if met { "met" } else { "missed" }
    }
}

/// All rows, the goals first in each group.
pub(super) fn rows(figures: &Figures) -> Vec<Row> {
    let mut rows = Vec::new();
    for (scenario, pairs) in &figures.loads {
        match scenario {
            Scenario::Crowd | Scenario::OneHandle => {
                rows.push(rate_row(*scenario, pairs));
                rows.push(cpu_row(*scenario, pairs));
            }
            Scenario::Alone => {
                rows.push(latency_row(*scenario, pairs));
                rows.push(cpu_row(*scenario, pairs));
            }
            Scenario::Batch64 | Scenario::Batch256 => rows.push(batch_row(*scenario, figures)),
        }
    }
    rows.push(fairness_row(figures));
    rows.push(idle_row(figures));
    rows.extend(start_rows(figures));
    rows.extend(own_kind::rows(figures));
    rows
}

fn rate_row(scenario: Scenario, pairs: &[Pair<LoadReport>]) -> Row {
    // A key computes its signatures on one thread, so one key is worth about one core.
    let goal = if scenario == Scenario::OneHandle {
        0.70
    } else {
        0.95
    };
    compared(
        format!("{}: requests/s", scenario.title()),
        pairs,
        |report| report.requests_per_second,
        0,
        &Goal::AtLeast(goal),
    )
}

fn cpu_row(scenario: Scenario, pairs: &[Pair<LoadReport>]) -> Row {
    let goal = match scenario {
        Scenario::Crowd => Goal::AtMost(1.08),
        Scenario::OneHandle => Goal::AtMost(1.20),
        Scenario::Alone | Scenario::Batch64 | Scenario::Batch256 => Goal::None,
    };
    compared(
        format!("{}: server CPU \u{b5}s per signature", scenario.title()),
        pairs,
        |report| report.server_cpu_us_per_signature.unwrap_or(0.0),
        1,
        &goal,
    )
}

fn latency_row(scenario: Scenario, pairs: &[Pair<LoadReport>]) -> Row {
    compared(
        format!("{}: p50 \u{b5}s", scenario.title()),
        pairs,
        |report| report.p50_us,
        1,
        &Goal::AtMost(1.20),
    )
}

fn compared<T>(
    what: String,
    pairs: &[Pair<T>],
    value: impl Fn(&T) -> f64,
    digits: usize,
    goal: &Goal,
) -> Row {
    let ratio = median(
        pairs
            .iter()
            .map(|pair| value(&pair.custodian) / value(&pair.bare)),
    );
    let custodian = median(pairs.iter().map(|pair| value(&pair.custodian)));
    let bare = median(pairs.iter().map(|pair| value(&pair.bare)));
    Row {
        what,
        custodian: format!("{custodian:.digits$}"),
        reference: format!("{bare:.digits$}"),
        reached: format!("{ratio:.2}"),
        goal: goal.text(""),
        verdict: goal.verdict(ratio),
    }
}

/// Against the raw loop on all cores; the bare server's share of it stands in parentheses.
fn batch_row(scenario: Scenario, figures: &Figures) -> Row {
    let goal = Goal::AtLeast(1.00);
    let pairs = figures
        .loads
        .iter()
        .find(|(kind, _pairs)| *kind == scenario)
        .map_or(&[][..], |(_kind, pairs)| pairs);
    let share = |value: fn(&Pair<LoadReport>) -> f64| {
        median(
            pairs
                .iter()
                .zip(&figures.raw)
                .map(|(pair, raw)| value(pair) / raw.signatures_per_second),
        )
    };
    let ours = share(|pair| pair.custodian.signatures_per_second);
    let bare = share(|pair| pair.bare.signatures_per_second);
    let rate = median(
        pairs
            .iter()
            .map(|pair| pair.custodian.signatures_per_second),
    );
    let raw = median(figures.raw.iter().map(|raw| raw.signatures_per_second));
    Row {
        what: format!("{}: signatures/s against a raw loop", scenario.title()),
        custodian: format!("{rate:.0}"),
        reference: format!("{raw:.0}"),
        reached: format!("{ours:.2} (bare server {bare:.2})"),
        goal: goal.text(""),
        verdict: goal.verdict(ours),
    }
}

fn fairness_row(figures: &Figures) -> Row {
    compared(
        "quiet handle beside a flooded one: p99 \u{b5}s".to_owned(),
        &figures.fairness,
        |report| report.quiet.p99_us,
        0,
        &Goal::AtMost(1.3),
    )
}

fn idle_row(figures: &Figures) -> Row {
    let slowest =
        |side: fn(&Pair<_>) -> f64| figures.idle.iter().map(side).fold(0.0, f64::max) / 1e3;
    let ours = slowest(|pair: &Pair<idle::IdleReport>| pair.custodian.max_us);
    let bare = slowest(|pair| pair.bare.max_us);
    let crowd = figures.idle.first().map_or(0, |pair| pair.custodian.idle);
    let newcomers = figures.idle.len() * idle::NEWCOMERS;
    let goal = Goal::AtMost(100.0);
    Row {
        what: format!("{crowd} idle connections: slowest of {newcomers} new requests, ms"),
        custodian: format!("{ours:.1}"),
        reference: format!("{bare:.1}"),
        reached: format!("{ours:.1} ms"),
        goal: goal.text(" ms"),
        verdict: goal.verdict(ours),
    }
}

fn start_rows(figures: &Figures) -> [Row; 2] {
    let startup = &figures.startup;
    let to_signature = Goal::AtMost(50.0);
    let weight = Goal::AtMost(16.0);
    let resident = startup.resident_at_start_kib / 1024.0;
    let row = |what, reached: String, goal: &Goal, unit, value| Row {
        what,
        custodian: reached.clone(),
        reference: "\u{2013}".to_owned(),
        reached,
        goal: goal.text(unit),
        verdict: goal.verdict(value),
    };
    [
        row(
            format!("start to first signature, {} keys registered", startup.keys),
            format!("{:.1} ms", startup.first_signature_ms),
            &to_signature,
            " ms",
            startup.first_signature_ms,
        ),
        row(
            format!("resident after start, {} keys registered", startup.keys),
            format!("{resident:.1} MiB"),
            &weight,
            " MiB",
            resident,
        ),
    ]
}

/// How many requests failed, and the first reason.
pub(super) fn failures(figures: &Figures) -> (f64, Option<String>) {
    let reports = figures
        .loads
        .iter()
        .flat_map(|(_scenario, pairs)| pairs)
        .flat_map(|pair| [&pair.custodian, &pair.bare])
        .chain(figures.fairness.iter().flat_map(|pair| {
            let (ours, bare) = (&pair.custodian, &pair.bare);
            [&ours.hot, &ours.quiet, &bare.hot, &bare.quiet]
        }))
        .chain(
            [&figures.audit.crowd, &figures.audit.alone]
                .into_iter()
                .flatten()
                .flat_map(|pair| [&pair.on, &pair.off]),
        )
        .chain(
            figures
                .million
                .rounds
                .iter()
                .flat_map(|pair| [&pair.many, &pair.few]),
        );
    let mut count = 0;
    let mut first = None;
    for report in reports {
        count += report.errors;
        first = first.or_else(|| report.first_error.clone());
    }
    (float(count), first)
}

/// Prints the rows, and whatever failed.
pub(super) fn print(figures: &Figures, rows: &[Row]) -> Outcome<()> {
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{:<64} {:>12} {:>12} {:>26} {:>12}",
        "", "custodian", "reference", "reached", "goal"
    )?;
    for row in rows {
        writeln!(
            out,
            "{:<64} {:>12} {:>12} {:>26} {:>12} {}",
            row.what, row.custodian, row.reference, row.reached, row.goal, row.verdict
        )?;
    }
    let (failed, first) = failures(figures);
    if let Some(cause) = first {
        writeln!(out, "{failed:.0} requests failed, the first with {cause}")?;
    }
    Ok(())
}
