//! Whether a log is what the custodian wrote: every entry, in its order, up to the last checkpoint.

mod breach;
mod ledger;

pub use breach::{Breach, ReadAuditError, Summary, Verdict};
pub use ledger::CheckpointLedger;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::thread;

use super::chain::{Line, LineFault, Position};
use super::file::open_for_review;
use super::lines::{LONGEST, Next, next_line};
use super::record::AuditRecord;

/// Verifies the files of one log, oldest first, against its checkpoints. Shows each entry that passes
/// to `visit`. Reads each file once and keeps one line at a time.
///
/// # Errors
/// When a file cannot be read.
pub fn verify(
    files: &[PathBuf],
    ledger: Option<&CheckpointLedger>,
    mut visit: impl FnMut(u64, &AuditRecord<'_>),
) -> Result<Verdict, ReadAuditError> {
    let mut walk = Walk {
        ledger,
        at: None,
        first: None,
        entries: 0,
        torn: 0,
    };
    for (at, path) in files.iter().enumerate() {
        let is_last = at + 1 == files.len();
        let failed = |error| ReadAuditError {
            path: path.clone(),
            error,
        };
        let mut source =
            BufReader::with_capacity(256 * 1024, open_for_review(path).map_err(failed)?);
        let mut bytes = Vec::new();
        let mut number = 0;
        loop {
            number += 1;
            let next = next_line(&mut source, &mut bytes).map_err(failed)?;
            let fault = match settle(next, &mut source, &mut bytes).map_err(failed)? {
                Next::Line => match Line::read(&bytes) {
                    Ok(line) => match walk.take(&line) {
                        Ok(()) => {
                            visit(line.seq, &line.record);
                            continue;
                        }
                        Err(Fault::Line(fault)) => fault,
                        Err(Fault::Breach(breach)) => return Ok(Verdict::Broken(breach)),
                    },
                    Err(fault) => fault,
                },
                Next::Partial if is_last && walk.may_be_torn(&bytes) => {
                    walk.torn = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                    break;
                }
                Next::Partial => LineFault::CutOff,
                Next::TooLong => LineFault::TooLong,
                Next::End => break,
            };
            let seq = walk.expected(|| following(&mut source));
            return Ok(Verdict::Broken(Breach::Line {
                seq,
                file: path.clone(),
                number,
                fault,
            }));
        }
    }
    Ok(walk.end())
}

/// How often to look for the rest of a line that a live custodian is writing.
const LOOKS: u32 = 1_000;

/// Reads on when a line seems to be cut off: it may be in the middle of being written.
fn settle(mut next: Next, source: &mut impl BufRead, bytes: &mut Vec<u8>) -> std::io::Result<Next> {
    for _ in 0..LOOKS {
        if next != Next::Partial || bytes.len() >= LONGEST {
            break;
        }
        thread::yield_now();
        let mut rest = Vec::new();
        match next_line(source, &mut rest)? {
            Next::End => {}
            more => {
                bytes.append(&mut rest);
                next = more;
            }
        }
    }
    Ok(next)
}

/// The number before the one that the next line claims.
fn following(source: &mut impl BufRead) -> Option<u64> {
    let mut bytes = Vec::new();
    match next_line(source, &mut bytes) {
        Ok(Next::Line) => Line::claimed_seq(&bytes)?
            .checked_sub(1)
            .filter(|seq| *seq > 0),
        Ok(_) | Err(_) => None,
    }
}

struct Walk<'a> {
    ledger: Option<&'a CheckpointLedger>,
    at: Option<Position>,
    first: Option<u64>,
    entries: u64,
    torn: u64,
}

enum Fault {
    Line(LineFault),
    Breach(Breach),
}

impl Walk<'_> {
    fn take(&mut self, line: &Line) -> Result<(), Fault> {
        let before = match self.at {
            Some(at) => at,
            None => self.beginning(line).map_err(Fault::Breach)?,
        };
        let at = before.follow(line).map_err(Fault::Line)?;
        if self.ledger.is_some_and(|ledger| ledger.contradicts(at)) {
            return Err(Fault::Breach(Breach::Disagrees { seq: at.seq }));
        }
        self.first.get_or_insert(at.seq);
        self.at = Some(at);
        self.entries += 1;
        Ok(())
    }

    /// Where the chain stood before the first line: at its beginning, or where a file begins.
    fn beginning(&self, line: &Line) -> Result<Position, Breach> {
        let before = line.before();
        if before.seq == 0 {
            return Ok(Position::BEGINNING);
        }
        let is_signed = self
            .ledger
            .is_some_and(|ledger| ledger.has_file_behind(before));
        if is_signed {
            Ok(before)
        } else {
            Err(Breach::Headless { first: line.seq })
        }
    }

    /// The number that the next line has to have.
    fn expected(&self, guess: impl FnOnce() -> Option<u64>) -> u64 {
        match self.at {
            Some(at) => at.seq + 1,
            None => guess().unwrap_or(1),
        }
    }

    /// Whether a last line without its line feed may be one that was being written. What is signed was whole
    /// before.
    fn may_be_torn(&self, bytes: &[u8]) -> bool {
        let last = self.at.map_or(0, |at| at.seq);
        self.ledger.is_some_and(|ledger| {
            let is_signed = last >= ledger.last_signed() || ledger.ends_with_a_file();
            ledger.is_unfinished() && is_signed
        }) && Line::may_be_torn(bytes)
    }

    fn end(self) -> Verdict {
        let last = self.at.map_or(0, |at| at.seq);
        if let Some(ledger) = self.ledger {
            let signed = ledger.last_signed();
            let is_fresh = self.entries == 0 && ledger.ends_with_a_file();
            if signed > last && !is_fresh {
                let seq = last + 1;
                return Verdict::Broken(Breach::Tailless { seq, signed });
            }
            if let Some(breach) = ledger.breach(last) {
                return Verdict::Broken(breach);
            }
        }
        Verdict::Intact(Summary {
            entries: self.entries,
            first: self.first,
            last: self.at.map(|at| at.seq),
            signed: self.ledger.map(CheckpointLedger::last_signed),
            torn: self.torn,
        })
    }
}
