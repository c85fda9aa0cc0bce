//! `audit reconcile`: signatures that exist, held against those that were recorded.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;

use signer_domain::Signature;

use super::verify::{ledger, missing};
use crate::cli::AuditReconcileArgs;
use crate::exit::Exit;
use crate::failure::{Failure, quoted};
use crate::output;
use crate::stream;
use crate::wiring::audit_log::{self, Verdict, signature_fingerprint};

/// Prints the signatures that the log does not hold. A log that is broken holds nothing.
pub(super) fn reconcile(args: &AuditReconcileArgs) -> Result<(), Failure> {
    let seen = read_seen(&args.file)?;
    let mut unseen: HashMap<&str, &str> = seen
        .iter()
        .map(|(fingerprint, line)| (fingerprint.as_str(), line.as_str()))
        .collect();
    let ledger = ledger(&args.checkpoints, &args.logs)?;
    let verdict = audit_log::verify(&args.logs, ledger.as_ref(), |_, record| {
        for fingerprint in record.signatures() {
            unseen.remove(fingerprint);
        }
    });
    let summary = match verdict.map_err(Failure::usage)? {
        Verdict::Intact(summary) => summary,
        Verdict::Broken(breach) => return Err(Failure::new(Exit::Integrity, breach)),
    };
    let unknown: Vec<&str> = seen
        .iter()
        .filter(|(fingerprint, _)| unseen.contains_key(fingerprint.as_str()))
        .map(|(_, line)| line.as_str())
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    output::write_line(unknown.join("\n"))?;
    let elsewhere = missing(&summary).map(|told| format!("{told}, so name the older ones first"));
    Err(Failure::new(
        Exit::Integrity,
        format_args!(
            "{} of {} signatures are not in the log{}",
            unknown.len(),
            seen.len(),
            elsewhere.unwrap_or_default()
        ),
    ))
}

/// The signatures of a file: the SHA-256 of each, and how it stands there.
fn read_seen(path: &Path) -> Result<Vec<(String, String)>, Failure> {
    let text = if path.as_os_str() == "-" {
        let mut text = String::new();
        stream::input().and_then(|mut input| input.read_to_string(&mut text).map(|_| text))
    } else {
        std::fs::read_to_string(path)
    };
    let name = quoted(path.display());
    let text =
        text.map_err(|cause| Failure::usage(format_args!("{name} cannot be read: {cause}")))?;
    let mut seen = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let fingerprint = fingerprint_of(line).ok_or_else(|| {
            Failure::usage(format_args!(
                "line {number} of {name} is neither a signature in base64 nor the SHA-256 of one \
                 in hexadecimal"
            ))
        })?;
        seen.push((fingerprint, line.to_owned()));
    }
    Ok(seen)
}

fn fingerprint_of(line: &str) -> Option<String> {
    if line.len() == 64 && line.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Some(line.to_ascii_lowercase());
    }
    let signature = Signature::from_base64(line).ok()?;
    Some(signature_fingerprint(&signature))
}
