//! `audit verify`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli::{AuditVerifyArgs, CheckpointArgs, OutputFormat};
use crate::exit::Exit;
use crate::failure::{Failure, quoted};
use crate::output;
use crate::wiring::audit_log::{self, CheckpointLedger, CheckpointVerifier, Summary, Verdict};

/// Says whether the log is what the custodian wrote.
pub(super) fn verify(args: &AuditVerifyArgs) -> Result<(), Failure> {
    let ledger = ledger(&args.checkpoints, &args.files)?;
    let verdict = audit_log::verify(&args.files, ledger.as_ref(), |_, _| {});
    let verdict = verdict.map_err(Failure::usage)?;
    let is_json = args.output == Some(OutputFormat::Json);
    if is_json {
        output::write_line(as_json(&verdict).to_string())?;
    }
    match verdict {
        Verdict::Intact(_) if is_json => Ok(()),
        Verdict::Intact(summary) => output::write_line(describe(&summary)),
        Verdict::Broken(breach) => Err(Failure::new(Exit::Integrity, breach)),
    }
}

fn as_json(verdict: &Verdict) -> Value {
    match verdict {
        Verdict::Intact(Summary {
            entries,
            first,
            last,
            signed,
        }) => json!({
            "intact": true, "entries": entries, "first": first, "last": last, "signed": signed,
        }),
        Verdict::Broken(breach) => json!({
            "intact": false, "seq": breach.seq(), "reason": breach.to_string(),
        }),
    }
}

fn describe(summary: &Summary) -> String {
    let entries = match (summary.first, summary.last) {
        (Some(first), Some(last)) => {
            format!("intact: {} entries, {first} to {last}", summary.entries)
        }
        (None, _) | (_, None) => "intact: no entries".to_owned(),
    };
    let signed = match summary.signed {
        None => "no checkpoint to compare with".to_owned(),
        Some(0) => "no checkpoint yet".to_owned(),
        Some(signed) => format!("signed up to {signed}"),
    };
    let missing = match summary.first {
        // A file that was emptied begins like one that was rotated.
        Some(first @ 2..) => format!("; entries 1 to {} are not in these files", first - 1),
        Some(_) | None => String::new(),
    };
    format!("{entries}; {signed}{missing}")
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
