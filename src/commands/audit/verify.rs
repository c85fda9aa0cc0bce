//! `audit verify`.

use std::path::{Path, PathBuf};

use crate::cli::{AuditVerifyArgs, CheckpointArgs};
use crate::exit::Exit;
use crate::failure::{Failure, quoted};
use crate::output;
use crate::wiring::audit_log::{self, CheckpointLedger, CheckpointVerifier, Summary, Verdict};

/// Says whether the log is what the custodian wrote.
pub(super) fn verify(args: &AuditVerifyArgs) -> Result<(), Failure> {
    let ledger = ledger(&args.checkpoints, &args.files)?;
    let verdict = audit_log::verify(&args.files, ledger.as_ref(), |_, _| {});
    match verdict.map_err(Failure::usage)? {
        Verdict::Intact(summary) => output::write_line(describe(&summary)),
        Verdict::Broken(breach) => Err(Failure::new(Exit::Integrity, breach)),
    }
}

fn describe(summary: &Summary) -> String {
    let entries = match (summary.first, summary.last) {
        (Some(first), Some(last)) => {
            format!("intact: {} entries, {first} to {last}", summary.entries)
        }
        (None, _) | (_, None) => "intact: no entries".to_owned(),
    };
    match summary.signed {
        None => format!("{entries}; no checkpoint to compare with"),
        Some(0) => format!("{entries}; no checkpoint yet"),
        Some(signed) => format!("{entries}; signed up to {signed}"),
    }
}

/// The checkpoints that were named, else those beside the last file, else none.
pub(super) fn ledger(
    args: &CheckpointArgs,
    files: &[PathBuf],
) -> Result<Option<CheckpointLedger>, Failure> {
    let found = files.last().map(|last| with_suffix(last, ".checkpoint"));
    let path = match (&args.checkpoint, found) {
        (Some(named), _) => named.clone(),
        (None, Some(found)) if found.exists() => found,
        (None, Some(_) | None) => return Ok(None),
    };
    let verifier = verifier(args.checkpoint_key.as_deref(), &path, files)?;
    let ledger = CheckpointLedger::read(&path, &verifier).map_err(Failure::usage)?;
    Ok(Some(ledger))
}

fn verifier(
    named: Option<&str>,
    checkpoints: &Path,
    files: &[PathBuf],
) -> Result<CheckpointVerifier, Failure> {
    if let Some(named) = named {
        if let Ok(verifier) = CheckpointVerifier::parse(named) {
            return Ok(verifier);
        }
        return read_verifier(Path::new(named));
    }
    let beside_log = |log: &PathBuf| with_suffix(log, ".checkpoint-key.pub");
    let places = [
        Some(with_suffix(checkpoints, "-key.pub")),
        files.last().map(beside_log),
    ];
    match places.into_iter().flatten().find(|place| place.exists()) {
        Some(place) => read_verifier(&place),
        None => Err(Failure::usage(format_args!(
            "--checkpoint-key is required: no key stands beside the checkpoints {}",
            quoted(checkpoints.display())
        ))),
    }
}

fn read_verifier(path: &Path) -> Result<CheckpointVerifier, Failure> {
    let refuse = |problem: &dyn std::fmt::Display| {
        let path = quoted(path.display());
        Failure::usage(format_args!("--checkpoint-key {path}: {problem}"))
    };
    let text = std::fs::read_to_string(path).map_err(|cause| refuse(&cause))?;
    CheckpointVerifier::parse(&text).map_err(|must| refuse(&must))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
