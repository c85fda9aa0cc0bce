//! The page of figures.

use std::fmt::Write as _;

use super::Figures;
use super::table::{Row, failures};
use crate::Outcome;
use crate::stats::{float, median};

/// The whole page.
pub(super) fn render(figures: &Figures, rows: &[Row]) -> Outcome<String> {
    Ok([
        head(figures),
        table(rows)?,
        verdict(rows),
        details(figures)?,
        METHOD.to_owned(),
    ]
    .join("\n"))
}

fn head(figures: &Figures) -> String {
    let machine = &figures.machine;
    format!(
        "# Performance\n\n\
         Written by `scripts/bench`; do not edit by hand. Unless a row says otherwise a figure is the median of {rounds} \
         rounds of {seconds} s; every ratio is the median of the ratios within the rounds.\n\n\
         | | |\n| --- | --- |\n\
         | machine | {processor}, {cores} cores, Linux {kernel} |\n\
         | date | {date} |\n\
         | build | {revision}, {compiler}, release profile |\n\
         | crates | {crates} |\n\
         | noise | other processes used {foreign:.0} % of all cores during the run, the hypervisor withheld {stolen:.0} % |\n",
        rounds = figures.rounds,
        seconds = figures.seconds,
        processor = machine.processor,
        cores = machine.cores,
        kernel = machine.kernel,
        date = machine.date,
        revision = machine.revision,
        compiler = machine.compiler,
        crates = machine.crates.join(", "),
        foreign = machine.foreign_share * 100.0,
        stolen = machine.stolen_share * 100.0,
    )
}

fn table(rows: &[Row]) -> Outcome<String> {
    let mut text = String::from(
        "## Goals and what was reached\n\n\
         The reference is the bare server, or what the row says.\n\n\
         | figure | custodian | reference | reached | goal | |\n\
         | --- | --: | --: | --: | --: | --- |\n",
    );
    for row in rows {
        let Row {
            what,
            custodian,
            reference,
            reached,
            goal,
            verdict,
        } = row;
        let verdict = if *verdict == "missed" {
            "**missed**"
        } else {
            verdict
        };
        writeln!(
            text,
            "| {what} | {custodian} | {reference} | {reached} | {goal} | {verdict} |"
        )?;
    }
    Ok(text)
}

fn verdict(rows: &[Row]) -> String {
    let missed: Vec<String> = rows
        .iter()
        .filter(|row| row.verdict == "missed")
        .map(|row| format!("- {}: {} instead of {}\n", row.what, row.reached, row.goal))
        .collect();
    if missed.is_empty() {
        "Every goal is met.\n".to_owned()
    } else {
        format!("Missed:\n\n{}", missed.concat())
    }
}

fn details(figures: &Figures) -> Outcome<String> {
    let mut text = String::from(
        "## More figures\n\n\
         | load | server | requests/s | p50 \u{b5}s | p99 \u{b5}s | server CPU \u{b5}s per signature |\n\
         | --- | --- | --: | --: | --: | --: |\n",
    );
    for (scenario, pairs) in &figures.loads {
        let custodian: Vec<_> = pairs.iter().map(|pair| &pair.custodian).collect();
        let bare: Vec<_> = pairs.iter().map(|pair| &pair.bare).collect();
        for (name, reports) in [("custodian", custodian), ("bare", bare)] {
            let rate = median(reports.iter().map(|report| report.requests_per_second));
            let p50 = median(reports.iter().map(|report| report.p50_us));
            let p99 = median(reports.iter().map(|report| report.p99_us));
            let cpu = reports
                .iter()
                .filter_map(|report| report.server_cpu_us_per_signature);
            writeln!(
                text,
                "| {} | {name} | {rate:.0} | {p50:.0} | {p99:.0} | {:.1} |",
                scenario.title(),
                median(cpu)
            )?;
        }
    }
    text.push('\n');
    text.push_str(&sentences(figures));
    Ok(text)
}

fn sentences(figures: &Figures) -> String {
    let raw_cpu = median(figures.raw.iter().map(|raw| raw.cpu_us_per_signature));
    let fair = |value: fn(&super::FairnessReport) -> f64| {
        let custodian = figures.fairness.iter().map(|pair| value(&pair.custodian));
        let bare = figures.fairness.iter().map(|pair| value(&pair.bare));
        (median(custodian), median(bare))
    };
    let (hot, bare_hot) = fair(|report| report.hot.requests_per_second);
    let (quiet, bare_quiet) = fair(|report| report.quiet.p50_us);
    let (worst, bare_worst) = fair(|report| report.quiet.max_us);
    let resident = |kib: u32| f64::from(kib) / 1024.0;
    let startup = &figures.startup;
    let held = figures
        .idle
        .iter()
        .map(|pair| float(pair.custodian.still_open));
    let (failed, first_failure) = failures(figures);
    let failure = first_failure.map_or_else(String::new, |cause| format!(" (first: {cause})"));
    format!(
        "- Raw loop: {raw_cpu:.1} \u{b5}s of one core for a signature and its verification.\n\
         - Beside the flooded handle ({hot:.0} signatures/s; bare server {bare_hot:.0}), the quiet handle's p50 is \
         {quiet:.0} \u{b5}s (bare {bare_quiet:.0}), the median of the rounds' slowest {worst:.0} \u{b5}s (bare {bare_worst:.0}).\n\
         - Idle connections still held after the measurement: {held:.0}.\n\
         - Slowest of {runs} starts: {slowest:.1} ms. Resident after the first signature: {first:.1} MiB; after all loads \
         {loaded:.1} MiB (bare server {bare_loaded:.1} MiB).\n\
         - Requests that failed in all loads: {failed:.0}{failure}.\n",
        held = median(held),
        runs = startup.runs,
        slowest = startup.slowest_ms,
        first = startup.resident_after_signature_kib / 1024.0,
        loaded = resident(figures.resident_after_load_kib.custodian),
        bare_loaded = resident(figures.resident_after_load_kib.bare),
    )
}

const METHOD: &str = "\
## How it is measured

The bare server is an actix-web server on a Unix socket with one worker a core. It parses the same strict JSON, signs
with the same `ring`, verifies with the same verifier and answers the same document, inline in its handlers. It has no
actors, no registry, no peer check, no limits, no metrics and no request id. The custodian runs with its software
provider, its SQLite registry and verification before every release.

- Both servers run side by side and are loaded in turns; who comes first alternates.
- The load generator is one thread with raw sockets; each connection waits for its answer. Every answer must be 200, and
  a sample of the signatures is verified. It shares the cores with the server, so requests/s is not the server's alone.
- The session takes precedence over other work on the machine where the system grants it; the share that others used
  nevertheless stands above.
- Server CPU is the scheduler's own count over all threads of the server. It is the steadiest of the figures.
- The single connection is measured with client and server on one core: waking another core costs more than the request.
- The flooded handle has 32 connections, the quiet one a single connection; each side is a client thread of its own.
- Half of the idle connections are silent from the start, half are kept alive after an answer. A new request is timed
  from connecting to holding the signature.
- A start is timed from `exec` to holding the signature by a key registered before.
- Where nothing is said of audit, none is kept, as by the bare server. The rows on it compare two custodians: one records
  each request durably before the answer, the other does not. A raw flush appends 700 bytes and has them on the disk. They
  are measured without precedence: it would keep the kernel's own threads from serving the disk.
- Many keys are written straight into the registry; both sides then sign with the same ten keys.

`scripts/bench` repeats all this; `scripts/bench --quick` takes a minute and leaves this page alone.
";
