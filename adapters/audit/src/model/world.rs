//! A log, the custodians that write it one after the other, and the operator who moves its files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use signer_domain::ports::{AuditEntry, AuditKey, AuditOutcome};
use tempfile::TempDir;

use super::checker::{self, Content, Evidence};
use super::disk::{Dice, FaultyStore};
use crate::acceptance::Acceptance;
use crate::faults::Faults;
use crate::opening::AuditOpening;
use crate::queue::Queue;
use crate::refusal::AuditRefusal;
use crate::run::{Claim, NotedStore};
use crate::verifier::CheckpointVerifier;
use crate::verify::{CheckpointLedger, Summary, Verdict, verify};
use crate::waiting::Waiting;
use crate::writer::Writer;
use crate::{OpenAuditError, RegistryMark};

pub(super) struct World {
    place: TempDir,
    pub(super) dice: Dice,
    disk: Arc<Faults>,
    live: Option<Live>,
    /// The files that the log was moved to, oldest first.
    moved: Vec<PathBuf>,
    moves: usize,
    names: usize,
    /// The requests that were told that their entry is durable.
    acknowledged: Vec<String>,
    /// Whether the last custodian died, and the log was moved since it was last known in place.
    died: bool,
    moved_since: bool,
    pub(super) told: Vec<String>,
}

struct Live {
    queue: Arc<Queue>,
    writer: Writer<NotedStore<FaultyStore>>,
    claim: Claim,
    failed: Vec<Waiting>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() {
            TempDir::new_in(memory)
        } else {
            TempDir::new()
        };
        Self {
            place: place.unwrap(),
            dice: Dice::new(seed),
            disk: Arc::default(),
            live: None,
            moved: Vec::new(),
            moves: 0,
            names: 0,
            acknowledged: Vec::new(),
            died: false,
            moved_since: false,
            told: Vec::new(),
        }
    }

    pub(super) fn file(&self, suffix: &str) -> PathBuf {
        self.place.path().join(format!("audit.jsonl{suffix}"))
    }

    fn tell(&mut self, what: impl Into<String>) {
        self.told.push(what.into());
    }

    pub(super) fn fill_up(&self, room: usize) {
        self.disk.fill_up(room);
    }

    pub(super) fn relent(&self) {
        self.disk.relent();
    }

    pub(super) fn die_after(&self, moments: usize) {
        self.disk.die_after(moments);
    }

    pub(super) const fn died(&self) -> bool {
        self.died
    }

    pub(super) fn is_live(&self) -> bool {
        self.live.is_some()
    }

    /// Something that happens to a log.
    pub(super) fn step(&mut self) {
        if self.live.is_none() {
            return self.step_without_custodian();
        }
        match self.dice.roll(20) {
            0..8 => self.write(),
            8 => {
                let room = self.dice.roll(1_500);
                self.tell(format!("full after {room}"));
                self.disk.fill_up(room);
            }
            9 => {
                self.tell("relents");
                self.disk.relent();
            }
            10 => {
                self.tell("a flush will fail");
                self.disk.fail_a_flush();
            }
            11 => self.rename(),
            12 | 13 => {
                self.rename();
                self.hang_up();
            }
            14 => self.hang_up(),
            15 => {
                self.tell("signs");
                if let Some(live) = &mut self.live {
                    live.writer.end();
                }
                self.bury_the_dead();
            }
            16 => {
                let moments = self.dice.roll(2_500);
                self.tell(format!("dies after {moments}"));
                self.disk.die_after(moments);
            }
            17 => {
                self.tell("killed");
                self.disk.die();
                self.bury_the_dead();
            }
            18 => self.stop(),
            _ => self.look(),
        }
    }

    fn step_without_custodian(&mut self) {
        match self.dice.roll(6) {
            0 => self.rename(),
            1 => self.look(),
            _ => self.start(),
        }
    }

    pub(super) fn write(&mut self) {
        let count = 1 + self.dice.roll(3);
        let names: Vec<String> = (0..count)
            .map(|number| format!("n{}", self.names + number))
            .collect();
        self.names += count;
        self.tell(format!("writes {names:?}"));
        self.attempt(&names);
    }

    pub(super) fn hang_up(&mut self) {
        self.tell("HUP");
        if let Some(live) = &self.live {
            drop(live.queue.ask_to_reopen());
        }
        self.attempt(&[]);
    }

    /// Tries to write what waits, and this.
    fn attempt(&mut self, names: &[String]) {
        let Some(live) = &mut self.live else { return };
        let mut batch = std::mem::take(&mut live.failed);
        let mut waiting: Vec<String> = batch.iter().map(Waiting::request).collect();
        batch.extend(names.iter().map(|name| Waiting::unawaited(entry(name))));
        waiting.extend_from_slice(names);
        match live.writer.attempt(batch) {
            None => self.acknowledged.append(&mut waiting),
            Some(failed) => live.failed = failed,
        }
        self.bury_the_dead();
    }

    /// The operator renames the log.
    pub(super) fn rename(&mut self) {
        let log = self.file("");
        if !log.exists() {
            return;
        }
        self.moves += 1;
        let to = self.file(&format!(".{}", self.moves));
        self.tell(format!("mv to {}", self.moves));
        fs::rename(log, &to).unwrap();
        self.moved.push(to);
        self.moved_since = true;
    }

    fn bury_the_dead(&mut self) {
        if self.disk.is_dead() && self.live.take().is_some() {
            self.tell("is dead");
            self.died = true;
        }
    }

    /// An orderly end.
    pub(super) fn stop(&mut self) {
        if self.live.is_none() {
            return;
        }
        self.tell("stops");
        self.attempt(&[]);
        let Some(Live {
            mut writer, claim, ..
        }) = self.live.take()
        else {
            return;
        };
        writer.end();
        drop(claim);
        self.died = self.disk.is_dead() || fs::metadata(self.file(".lock")).unwrap().len() > 0;
        self.moved_since &= self.died;
    }

    pub(super) fn start(&mut self) {
        self.disk = Arc::default();
        match self.dice.roll(8) {
            0 => self.disk.die_after(self.dice.roll(2_000)),
            1 => self.disk.fill_up(self.dice.roll(2_000)),
            _ => {}
        }
        match self.open(Acceptance::Nothing) {
            Ok(()) => self.tell("starts"),
            Err(refused) => self.meet_refusal(&refused.refusal),
        }
    }

    /// Starts on the disk that is there.
    pub(super) fn start_as_it_is(&mut self) {
        if let Err(refused) = self.open(Acceptance::Nothing) {
            self.meet_refusal(&refused.refusal);
        }
    }

    pub(super) fn start_or_put_back(&mut self) {
        match self.start_on_a_sound_disk() {
            Ok(()) => {}
            Err(refused) => {
                assert!(self.moved_since, "{refused}");
                self.put_back();
            }
        }
    }

    pub(super) fn start_on_a_sound_disk(&mut self) -> Result<(), OpenAuditError> {
        self.disk = Arc::default();
        self.open(Acceptance::Nothing)
    }

    fn open(&mut self, acceptance: Acceptance) -> Result<(), OpenAuditError> {
        let log = self.file("");
        let faults = Arc::clone(&self.disk);
        let opening = AuditOpening::claim(&log, acceptance)?;
        let opening = opening.on_disk(Arc::<Faults>::clone(&faults));
        let registry = RegistryMark::new("r".to_owned(), || 1);
        let taken = opening.take_up(Some(registry), |store| FaultyStore::new(store, faults));
        let (queue, writer, claim) =
            taken.map_err(|refusal| OpenAuditError { path: log, refusal })?;
        self.live = Some(Live {
            queue,
            writer,
            claim,
            failed: Vec::new(),
        });
        self.bury_the_dead();
        Ok(())
    }

    /// A start may be refused while the disk is full or by death, and where what a dead custodian wrote was
    /// moved away before anything signed it. Then putting it back has to help.
    fn meet_refusal(&mut self, refusal: &AuditRefusal) {
        self.tell(format!("refused: {refusal}"));
        match refusal {
            AuditRefusal::Inaccessible { .. } => {
                self.died = true;
                self.disk = Arc::default();
            }
            AuditRefusal::Gone { .. }
            | AuditRefusal::Emptied { .. }
            | AuditRefusal::Short { .. } => {
                assert!(self.died && self.moved_since, "{refusal}");
                if self.dice.roll(4) == 0 {
                    self.accept();
                } else {
                    self.put_back();
                }
            }
            other => panic!("an honest log is refused: {other}"),
        }
    }

    fn put_back(&mut self) {
        let log = self.file("");
        while let Some(last) = self.moved.pop() {
            let held = fs::read(&log).unwrap_or_default();
            assert!(
                !held.contains(&b'\n'),
                "there are entries behind the refusal"
            );
            fs::rename(last, &log).unwrap();
            if self.start_on_a_sound_disk().is_ok() {
                self.tell("put back, starts");
                return;
            }
        }
        panic!("putting the log back does not help");
    }

    fn accept(&mut self) {
        self.disk = Arc::default();
        self.open(Acceptance::Cut).unwrap();
        self.tell("accepted");
        // What was lost was lost with all of the files that hold it.
        self.moved.clear();
        self.acknowledged.clear();
        self.died = false;
        self.moved_since = false;
    }

    pub(super) fn evidence(&self) -> Evidence {
        let mut files = self.moved.clone();
        files.extend(Some(self.file("")).filter(|log| log.exists()));
        Evidence {
            files,
            checkpoints: self.file(".checkpoint"),
            key: self.file(".checkpoint-key.pub"),
            lock: self.file(".lock"),
        }
    }

    /// Verifies the log, which has to be intact and to hold what was acknowledged.
    pub(super) fn look(&mut self) {
        let evidence = self.evidence();
        if !evidence.key.exists() || evidence.files.is_empty() {
            assert_eq!(self.acknowledged, Vec::<String>::new());
            return;
        }
        self.tell("verify");
        let content = checker::judge(&evidence).unwrap_or_else(|why| panic!("checker: {why}"));
        assert_eq!(
            verdict_of(&self.file(""), &evidence),
            Ok(summary_of(&content))
        );
        let mut recorded = content.entries.iter().map(|(_, request, _)| request);
        for name in &self.acknowledged {
            assert!(recorded.any(|request| request == name), "{name} is missing");
        }
    }
}

/// What verification says.
pub(super) fn verdict_of(log: &Path, evidence: &Evidence) -> Result<Summary, String> {
    let text = fs::read_to_string(&evidence.key).map_err(|e| e.to_string())?;
    let verifier = CheckpointVerifier::parse_file(&text).map_err(|e| e.to_string())?;
    let ledger = if evidence.checkpoints.exists() {
        CheckpointLedger::read(&evidence.checkpoints, &verifier).map_err(|e| e.to_string())?
    } else {
        CheckpointLedger::missing()
    };
    let ledger = ledger.with_last_run_of(log);
    match verify(&evidence.files, Some(&ledger), |_, _| {}).map_err(|e| e.to_string())? {
        Verdict::Intact(summary) => Ok(summary),
        Verdict::Broken(breach) => Err(breach.to_string()),
    }
}

pub(super) fn summary_of(content: &Content) -> Summary {
    let seqs = || content.entries.iter().map(|(seq, _, _)| *seq);
    Summary {
        entries: content.entries.len().try_into().unwrap(),
        first: seqs().next(),
        last: seqs().next_back(),
        signed: Some(content.signed),
        torn: content.torn,
    }
}

fn entry(name: &str) -> AuditEntry {
    AuditEntry {
        time: Timestamp::UNIX_EPOCH,
        request_id: name.to_owned(),
        op: "sign",
        outcome: AuditOutcome::Ok,
        http_status: 200,
        code: None,
        key: AuditKey::default(),
        peer: None,
        digest: None,
        signature: None,
        items: Vec::new(),
        latency: Duration::ZERO,
        count: None,
    }
}
