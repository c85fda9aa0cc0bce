//! The writer against disks that fail, stall and lie.

use std::io::ErrorKind;
use std::path::Path;

use jiff::Timestamp;
use parking_lot::{Condvar, Mutex};
use signer_domain::ports::{
    AuditEntry, AuditKey, AuditOutcome, AuditStatus, AuditTrail as _, AuditUnavailable, CheckState,
};
use signer_domain::{Digest, Signature};
use tempfile::TempDir;

use super::*;
use crate::chain::Line;
use crate::checkpoint_key::CheckpointKey;
use crate::metrics::AuditMetrics;
use crate::queue::Limits;
use crate::sink::Standing;
use crate::steps::Steps;
use crate::{FileAuditTrail, RegistryMark};

/// What the next calls of a disk meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Nothing is written.
    Refuse(ErrorKind),
    /// So many bytes are written, and the rest is not.
    Short(usize),
    /// All is written, and the flush fails: what was written since the last flush turns to zeros.
    Flush,
    /// The write does not return until it is let go.
    Block,
}

#[derive(Debug, Default)]
struct Disk {
    bytes: Vec<u8>,
    flushed: usize,
    flushes: usize,
    faults: Vec<Fault>,
    /// How long a flush takes.
    flush_time: Duration,
    /// Whether the next file that is opened is another one.
    moved: bool,
    blocked: bool,
}

#[derive(Debug, Default, Clone)]
struct FaultyStore(Arc<(Mutex<Disk>, Condvar)>);

impl FaultyStore {
    fn disk<T>(&self, look: impl FnOnce(&mut Disk) -> T) -> T {
        look(&mut self.0.0.lock())
    }

    fn fail_next(&self, faults: &[Fault]) {
        self.disk(|disk| disk.faults.extend_from_slice(faults));
    }

    fn let_go(&self) {
        self.disk(|disk| disk.blocked = false);
        self.0.1.notify_all();
    }
}

impl Store for FaultyStore {
    type Sink = Self;

    fn open(&mut self, _position: Position) -> io::Result<(Self, u64)> {
        let length = self.disk(|disk| {
            if std::mem::take(&mut disk.moved) {
                disk.bytes.clear();
                disk.flushed = 0;
            }
            length_of(&disk.bytes)
        });
        Ok((self.clone(), length))
    }
}

impl Sink for FaultyStore {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (disk, changed) = &*self.0;
        let mut disk = disk.lock();
        let fault = disk.faults.first().copied();
        match fault {
            Some(Fault::Refuse(kind)) => {
                disk.faults.remove(0);
                return Err(kind.into());
            }
            Some(Fault::Short(count)) => {
                disk.faults.remove(0);
                disk.bytes
                    .extend_from_slice(&bytes[..count.min(bytes.len())]);
                return Err(ErrorKind::StorageFull.into());
            }
            Some(Fault::Block) => {
                disk.faults.remove(0);
                disk.blocked = true;
                while disk.blocked {
                    changed.wait(&mut disk);
                }
            }
            Some(Fault::Flush) | None => {}
        }
        disk.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let flush_time = self.disk(|disk| disk.flush_time);
        // A plain sleep that nothing of the writer can shorten.
        std::thread::park_timeout(flush_time);
        self.disk(|disk| {
            if disk.faults.first() == Some(&Fault::Flush) {
                disk.faults.remove(0);
                let flushed = disk.flushed;
                disk.bytes[flushed..].fill(0);
                return Err(io::Error::other("flush failed"));
            }
            disk.flushed = disk.bytes.len();
            disk.flushes += 1;
            Ok(())
        })
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.disk(|disk| disk.bytes.truncate(usize::try_from(length).unwrap()));
        Ok(())
    }

    fn standing(&mut self) -> io::Result<Standing> {
        Ok(self.disk(|disk| Standing {
            place: if disk.moved {
                Place::Renamed
            } else {
                Place::Kept
            },
            length: length_of(&disk.bytes),
        }))
    }
}

/// A trail on a disk that fails as it is told.
struct Arena {
    place: TempDir,
    disk: FaultyStore,
    trail: FileAuditTrail,
}

impl Arena {
    fn new() -> Self {
        Self::with_limits(Limits::USUAL)
    }

    fn with_limits(limits: Limits) -> Self {
        let place = tempfile::tempdir().unwrap();
        let disk = FaultyStore::default();
        let queue = Arc::new(Queue::new(limits, AuditMetrics::new()));
        let checkpoints = checkpoints(place.path());
        let writer = Writer::new(
            Arc::clone(&queue),
            disk.clone(),
            Position::BEGINNING,
            checkpoints,
        );
        let trail = FileAuditTrail::spawn(queue, writer, ()).unwrap();
        Self { place, disk, trail }
    }

    /// The records of the disk, which have to form a chain.
    fn records(&self) -> Vec<AuditRecord<'static>> {
        let bytes = self.disk.disk(|disk| disk.bytes.clone());
        let mut at = Position::BEGINNING;
        let mut records = Vec::new();
        for line in bytes.split_terminator_lines() {
            let line = Line::read(line).unwrap();
            at = at.follow(&line).unwrap();
            records.push(line.record);
        }
        records
    }
}

trait Lines {
    fn split_terminator_lines(&self) -> impl Iterator<Item = &[u8]>;
}

impl Lines for Vec<u8> {
    fn split_terminator_lines(&self) -> impl Iterator<Item = &[u8]> {
        assert!(self.is_empty() || self.ends_with(b"\n"), "a torn line");
        self.split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
    }
}

fn checkpoints(place: &Path) -> Checkpoints {
    let log = place.join("audit.jsonl");
    let key = CheckpointKey::draw(&log, &Steps::plain()).unwrap();
    Checkpoints::new(&log, key, RegistryMark::new("r".to_owned(), || 7), 0)
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
        digest: Some(Digest::from_bytes([1; 64])),
        signature: Some(Signature::from_bytes([2; 64])),
        items: Vec::new(),
        latency: Duration::ZERO,
        count: None,
    }
}

fn outcomes(arena: &Arena) -> Vec<(String, String)> {
    let told =
        |record: AuditRecord<'_>| (record.request_id.into_owned(), record.outcome.into_owned());
    arena.records().into_iter().map(told).collect()
}

fn pair(name: &str, outcome: &str) -> (String, String) {
    (name.to_owned(), outcome.to_owned())
}

/// Records until it works: a refusal is what a caller would be told.
async fn insist(trail: &FileAuditTrail, name: &str) -> usize {
    let mut refusals = 0;
    while trail.record(entry(name)).await.is_err() {
        refusals += 1;
        assert!(refusals < 50, "never recovers");
    }
    refusals
}

#[tokio::test]
async fn an_entry_is_durable_when_record_returns() {
    let arena = Arena::new();
    arena.trail.record(entry("a")).await.unwrap();
    let (written, flushed) = arena.disk.disk(|disk| (disk.bytes.len(), disk.flushed));
    assert!(written > 0 && written == flushed);
    assert_eq!(outcomes(&arena), [pair("a", "ok")]);
    assert_eq!(arena.trail.status(), AuditStatus::Kept(CheckState::Ok));
}

#[tokio::test]
async fn every_kind_of_failure_is_told_and_mended_without_help() {
    let full = ErrorKind::StorageFull;
    for fault in [
        Fault::Refuse(ErrorKind::Other),
        Fault::Refuse(full),
        Fault::Short(0),
        Fault::Short(1),
        Fault::Short(100),
        Fault::Flush,
    ] {
        let arena = Arena::new();
        arena.trail.record(entry("before")).await.unwrap();
        arena.disk.fail_next(&[fault]);
        let refused = arena.trail.record(entry("refused")).await;
        assert_eq!(refused, Err(AuditUnavailable), "{fault:?}");
        assert_eq!(arena.trail.status(), AuditStatus::Kept(CheckState::Failing));
        arena.trail.record(entry("after")).await.unwrap();
        assert_eq!(arena.trail.status(), AuditStatus::Kept(CheckState::Ok));
        let expected = [
            pair("before", "ok"),
            pair("refused", "unavailable"),
            pair("after", "ok"),
        ];
        assert_eq!(outcomes(&arena), expected, "{fault:?}");
        let records = arena.records();
        assert_eq!(records[1].signature_sha256, None, "{fault:?}");
        assert!(records[1].digest.is_some(), "{fault:?}");
        assert_eq!(records[1].code.as_deref(), Some("audit_unavailable"));
    }
}

#[tokio::test]
async fn a_disk_that_fails_at_any_byte_of_a_line_leaves_none_of_it() {
    let arena = Arena::new();
    arena.trail.record(entry("first")).await.unwrap();
    let line = arena.disk.disk(|disk| disk.bytes.len());
    arena.trail.close().await;
    for count in (0..line).step_by(7) {
        let arena = Arena::new();
        arena
            .disk
            .fail_next(&[Fault::Short(count), Fault::Short(count / 2)]);
        assert!(insist(&arena.trail, "x").await >= 1, "at {count}");
        arena.trail.close().await;
        assert_eq!(arena.records().last().unwrap().outcome, "ok", "at {count}");
    }
}

#[tokio::test]
async fn an_outage_ends_by_itself_and_everybody_in_it_is_recorded_as_withheld() {
    let arena = Arena::new();
    arena.disk.fail_next(&[Fault::Refuse(ErrorKind::Other); 6]);
    let started = Instant::now();
    let refusals = insist(&arena.trail, "x").await;
    assert!(refusals >= 1);
    assert!(started.elapsed() < Duration::from_secs(8));
    let outcomes = outcomes(&arena);
    assert_eq!(outcomes.len(), refusals + 1);
    let (last, withheld) = outcomes.split_last().unwrap();
    assert_eq!(*last, pair("x", "ok"));
    assert!(
        withheld
            .iter()
            .all(|told| *told == pair("x", "unavailable"))
    );
}

#[tokio::test]
async fn a_disk_that_blocks_is_told_within_two_seconds_and_forgiven_later() {
    let arena = Arena::new();
    arena.disk.fail_next(&[Fault::Block]);
    let started = Instant::now();
    let (in_the_kernel, behind) = tokio::join!(arena.trail.record(entry("in-the-kernel")), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        arena.trail.record(entry("behind")).await
    });
    assert!(started.elapsed() < Duration::from_secs(2) + Duration::from_millis(200));
    assert_eq!(in_the_kernel, Err(AuditUnavailable));
    assert_eq!(behind, Err(AuditUnavailable));
    assert_eq!(arena.trail.status(), AuditStatus::Kept(CheckState::Failing));
    arena.disk.let_go();
    arena.trail.record(entry("after")).await.unwrap();
    assert_eq!(arena.trail.status(), AuditStatus::Kept(CheckState::Ok));
    let expected = [
        // It was in the hands of the disk when its caller was told: the record says too much, not
        // too little.
        pair("in-the-kernel", "ok"),
        pair("behind", "unavailable"),
        pair("after", "ok"),
    ];
    assert_eq!(outcomes(&arena), expected);
}

#[tokio::test]
async fn the_backlog_is_bounded_and_what_it_does_not_take_is_counted_in_the_log() {
    let arena = Arena::with_limits(Limits {
        entries: 2,
        ..Limits::USUAL
    });
    arena.disk.fail_next(&[Fault::Block]);
    arena.trail.note(entry("blocks"));
    while !arena.disk.disk(|disk| disk.blocked) {
        tokio::task::yield_now().await;
    }
    arena.trail.note(entry("one"));
    arena.trail.note(entry("two"));
    let started = Instant::now();
    assert_eq!(
        arena.trail.record(entry("three")).await,
        Err(AuditUnavailable)
    );
    assert!(started.elapsed() < Duration::from_millis(500), "waited");
    arena.trail.note(entry("four"));
    arena.disk.let_go();
    arena.trail.close().await;
    let records = arena.records();
    let told: Vec<(&str, Option<u64>)> = records
        .iter()
        .map(|record| (&*record.request_id, record.count))
        .collect();
    assert_eq!(
        told,
        [
            ("blocks", None),
            ("audit-2", Some(2)),
            ("one", None),
            ("two", None)
        ]
    );
    assert_eq!(records[1].op, "entries_dropped");
}

#[tokio::test]
async fn callers_that_come_together_share_a_flush() {
    let arena = Arena::new();
    arena
        .disk
        .disk(|disk| disk.flush_time = Duration::from_millis(2));
    let callers = (0..32).map(|number| {
        let trail = &arena.trail;
        async move {
            for round in 0..20 {
                trail
                    .record(entry(&format!("{number}-{round}")))
                    .await
                    .unwrap();
            }
        }
    });
    join_all(callers).await;
    assert_eq!(arena.records().len(), 640);
    let flushes = arena.disk.disk(|disk| disk.flushes);
    assert!(flushes <= 160, "{flushes} flushes for 640 entries");
}

/// Drives all of them, one poll each in turn.
async fn join_all(futures: impl Iterator<Item = impl Future<Output = ()>>) {
    let mut futures: Vec<_> = futures.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        futures.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if futures.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}

#[tokio::test]
async fn a_file_that_was_moved_away_is_noticed_and_the_chain_goes_on_in_the_next() {
    let arena = Arena::new();
    arena.trail.record(entry("old")).await.unwrap();
    let old = arena.disk.disk(|disk| {
        disk.moved = true;
        disk.bytes.clone()
    });
    arena.trail.record(entry("new")).await.unwrap();
    let old = Line::read(old.trim_ascii_end()).unwrap();
    let new = arena.disk.disk(|disk| disk.bytes.clone());
    let new = Line::read(new.trim_ascii_end()).unwrap();
    old.position().follow(&new).unwrap();
    assert!(arena.place.path().join("audit.jsonl.checkpoint").exists());
}

#[tokio::test]
async fn a_file_that_was_cut_while_it_was_open_is_not_written_any_more() {
    let arena = Arena::new();
    arena.trail.record(entry("a")).await.unwrap();
    arena.disk.disk(|disk| disk.bytes.truncate(10));
    assert_eq!(arena.trail.record(entry("b")).await, Err(AuditUnavailable));
    assert_eq!(arena.trail.status(), AuditStatus::Kept(CheckState::Failing));
}

#[tokio::test]
async fn what_somebody_else_wrote_behind_the_last_entry_is_cut_off() {
    let arena = Arena::new();
    arena.trail.record(entry("a")).await.unwrap();
    arena
        .disk
        .disk(|disk| disk.bytes.extend_from_slice(b"not ours"));
    arena.trail.record(entry("b")).await.unwrap();
    assert_eq!(outcomes(&arena), [pair("a", "ok"), pair("b", "ok")]);
}

#[tokio::test]
async fn nothing_is_taken_after_the_end_and_what_waited_is_written() {
    let arena = Arena::new();
    arena.trail.note(entry("a"));
    arena.trail.close().await;
    assert_eq!(arena.trail.record(entry("b")).await, Err(AuditUnavailable));
    arena.trail.close().await;
    assert_eq!(outcomes(&arena), [pair("a", "ok")]);
}
