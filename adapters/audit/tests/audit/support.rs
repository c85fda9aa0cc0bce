//! A place with a log in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use signer_audit::{
    Acceptance, AuditOpening, CheckpointLedger, CheckpointVerifier, FileAuditTrail, RegistryMark,
    RegistryState, Verdict, verify,
};
use signer_domain::ports::{AuditEntry, AuditKey, AuditOutcome, AuditPeer, AuditTrail as _};
use signer_domain::{Digest, HandleId, Signature, clock};
use tempfile::TempDir;

/// A directory with a log.
pub(crate) struct Place {
    directory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { directory }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.file("audit.jsonl")
    }

    pub(crate) fn checkpoints(&self) -> PathBuf {
        self.file("audit.jsonl.checkpoint")
    }

    /// Opens the log, or tells why not.
    pub(crate) fn open(&self) -> Result<FileAuditTrail, String> {
        self.open_accepting(Acceptance::Nothing)
    }

    pub(crate) fn open_accepting(&self, acceptance: Acceptance) -> Result<FileAuditTrail, String> {
        let opening = AuditOpening::claim(&self.log(), acceptance).map_err(|e| e.to_string())?;
        opening.start(mark("r", 1)).map_err(|e| e.to_string())
    }

    /// Opens the log for whichever registry it speaks of.
    pub(crate) fn open_accepting_as_it_stands(
        &self,
        acceptance: Acceptance,
    ) -> Result<FileAuditTrail, String> {
        let opening = AuditOpening::claim(&self.log(), acceptance).map_err(|e| e.to_string())?;
        opening.start_as_it_stands().map_err(|e| e.to_string())
    }

    /// Opens the log, adds entries of these names, and closes it.
    pub(crate) async fn add(&self, names: impl IntoIterator<Item = String>) {
        let trail = self.open().unwrap();
        for name in names {
            trail.record(entry(&name)).await.unwrap();
        }
        trail.close().await;
    }

    /// The lines of the log.
    pub(crate) fn lines(&self) -> Vec<String> {
        lines_of(&self.log())
    }

    /// Verifies the log, with its checkpoints.
    pub(crate) fn verify(&self) -> Verdict {
        self.verify_files(&[self.log()])
    }

    pub(crate) fn verify_files(&self, files: &[PathBuf]) -> Verdict {
        verify(files, Some(&self.ledger()), |_, _| {}).unwrap()
    }

    pub(crate) fn ledger(&self) -> CheckpointLedger {
        let ledger = CheckpointLedger::read(&self.checkpoints(), &self.verifier()).unwrap();
        ledger.with_last_run_of(&self.log())
    }

    pub(crate) fn verifier(&self) -> CheckpointVerifier {
        let text = fs::read_to_string(self.file("audit.jsonl.checkpoint-key.pub")).unwrap();
        CheckpointVerifier::parse(&text).unwrap()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// How long the first note of a file is.
pub(crate) fn first_note(notes: &[u8]) -> usize {
    let blank = notes.windows(2).position(|pair| pair == b"\n\n").unwrap();
    let signature = &notes[blank + 2..];
    blank + 3 + signature.iter().position(|byte| *byte == b'\n').unwrap()
}

pub(crate) fn lines_of(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(str::to_owned).collect()
}

pub(crate) fn mark(id: &str, last_change: u64) -> RegistryMark {
    RegistryMark::new(id.to_owned(), move || last_change)
}

pub(crate) fn state(id: &str, last_change: u64) -> RegistryState {
    RegistryState {
        id: id.to_owned(),
        last_change,
    }
}

pub(crate) fn entry(name: &str) -> AuditEntry {
    AuditEntry {
        time: clock::now(),
        request_id: name.to_owned(),
        op: "sign",
        outcome: AuditOutcome::Ok,
        http_status: 200,
        code: None,
        key: key("software:platform|k1"),
        peer: Some(AuditPeer {
            uid: 1,
            gid: 2,
            pid: 3,
        }),
        digest: Some(Digest::from_bytes([7; 64])),
        signature: Some(Signature::from_bytes([8; 64])),
        items: Vec::new(),
        latency: Duration::from_micros(40),
        count: None,
    }
}

pub(crate) fn key(handle: &str) -> AuditKey {
    AuditKey {
        handle_id: Some(HandleId::parse(handle).unwrap()),
        ..AuditKey::default()
    }
}

pub(crate) fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("{prefix}-{number}"))
        .collect()
}

/// The number of entries, when nothing is wrong.
#[track_caller]
pub(crate) fn intact(verdict: &Verdict) -> u64 {
    match verdict {
        Verdict::Intact(summary) => summary.entries,
        Verdict::Broken(breach) => panic!("{breach}"),
    }
}
