//! `audit verify`.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli::{AuditVerifyArgs, CheckpointArgs, OutputFormat};
use crate::exit::Exit;
use crate::failure::{Failure, quoted};
use crate::output;
use crate::wiring::audit_log::{
    self, Breach, CheckpointLedger, CheckpointVerifier, ParseVerifierError, Summary, Verdict,
};

/// Says whether the log is what the custodian wrote.
pub(super) fn verify(args: &AuditVerifyArgs) -> Result<(), Failure> {
    let verdict = settled_verdict(args)?;
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

/// How often to look again at a log that a live custodian may have left for another file meanwhile.
const LOOKS: u32 = 5;

fn settled_verdict(args: &AuditVerifyArgs) -> Result<Verdict, Failure> {
    let mut looks = 0;
    loop {
        let ledger = ledger(&args.checkpoints, &args.files)?;
        let verdict = audit_log::verify(&args.files, ledger.as_ref(), |_, _| {});
        let verdict = verdict.map_err(Failure::usage)?;
        looks += 1;
        match verdict {
            Verdict::Broken(Breach::Unsigned { .. }) if looks < LOOKS => {}
            Verdict::Broken(_) | Verdict::Intact(_) => return Ok(verdict),
        }
    }
}

fn as_json(verdict: &Verdict) -> Value {
    match verdict {
        Verdict::Intact(Summary {
            entries,
            first,
            last,
            signed,
            torn,
        }) => {
            let mut shown = json!({
                "intact": true, "entries": entries, "first": first, "last": last, "signed": signed,
            });
            if let Some(shown) = shown.as_object_mut().filter(|_| *torn > 0) {
                shown.insert("torn".to_owned(), json!(torn));
            }
            shown
        }
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
        None => "compared with no checkpoint".to_owned(),
        Some(0) => "no checkpoint yet".to_owned(),
        Some(signed) => format!("signed up to {signed}"),
    };
    let missing = missing(summary).unwrap_or_default();
    let torn = match summary.torn {
        0 => String::new(),
        bytes => {
            format!("; {bytes} bytes of an unfinished line follow, which the next start cuts off")
        }
    };
    format!("{entries}; {signed}{missing}{torn}")
}

/// What to say of entries that the log has had, and that are in no file that was named.
pub(super) fn missing(summary: &Summary) -> Option<String> {
    let last = match (summary.first, summary.signed) {
        // A file that was emptied begins like one that was rotated.
        (Some(first @ 2..), _) => first - 1,
        (None, Some(signed @ 1..)) => signed,
        (Some(_) | None, _) => return None,
    };
    Some(format!("; entries 1 to {last} are not in these files"))
}

/// The checkpoints that were named, else those beside the last file; none when none are wanted.
pub(super) fn ledger(
    args: &CheckpointArgs,
    files: &[PathBuf],
) -> Result<Option<CheckpointLedger>, Failure> {
    let Some(last) = files.last().filter(|_| !args.no_checkpoint) else {
        return Ok(None);
    };
    if let Some(named) = &args.checkpoint {
        let verifier = verifier(args.checkpoint_key.as_deref(), named, files)?;
        let ledger = CheckpointLedger::read(named, &verifier).map_err(Failure::usage)?;
        return Ok(Some(ledger.with_last_run_of(last).kept_elsewhere()));
    }
    let beside = with_suffix(last, ".checkpoint");
    if beside.exists() {
        let verifier = verifier(args.checkpoint_key.as_deref(), &beside, files)?;
        let ledger = CheckpointLedger::read(&beside, &verifier).map_err(Failure::usage)?;
        return Ok(Some(ledger.with_last_run_of(last)));
    }
    let has_key = args.checkpoint_key.is_some()
        || [".checkpoint-key.pub", ".checkpoint-key"]
            .iter()
            .any(|suffix| with_suffix(last, suffix).exists());
    if has_key {
        return Ok(Some(CheckpointLedger::missing()));
    }
    audit_log::open_for_review(last).map_err(|cause| {
        let log = last.display();
        Failure::usage(format_args!("{log} cannot be read: {cause}"))
    })?;
    Err(Failure::usage(format_args!(
        "--checkpoint is required: no checkpoints stand beside the log {}; --no-checkpoint looks at \
         the chain alone, which a log that was rewritten as a whole passes",
        quoted(last.display())
    )))
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
        Some(place) => read_own_verifier(&place),
        None => Err(Failure::usage(format_args!(
            "--checkpoint-key is required: no key stands beside the checkpoints {}",
            quoted(checkpoints.display())
        ))),
    }
}

fn read_verifier(path: &Path) -> Result<CheckpointVerifier, Failure> {
    parse_verifier(path, CheckpointVerifier::parse)
}

/// Reads the verifier key that a custodian wrote, which has to be as it wrote it.
fn read_own_verifier(path: &Path) -> Result<CheckpointVerifier, Failure> {
    parse_verifier(path, CheckpointVerifier::parse_file)
}

/// More than any verifier key.
const LARGEST_KEY_FILE: u64 = 4096;

fn parse_verifier(
    path: &Path,
    parse: impl FnOnce(&str) -> Result<CheckpointVerifier, ParseVerifierError>,
) -> Result<CheckpointVerifier, Failure> {
    let refuse = |problem: &dyn std::fmt::Display| {
        let path = quoted(path.display());
        Failure::usage(format_args!("--checkpoint-key {path}: {problem}"))
    };
    let file = audit_log::open_for_review(path);
    let text = file.and_then(|file| io::read_to_string(file.take(LARGEST_KEY_FILE)));
    let text = text.map_err(|cause| refuse(&cause))?;
    parse(&text).map_err(|must| refuse(&must))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
