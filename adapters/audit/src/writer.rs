//! The one thread that writes the log.
//!
//! The chain goes on only once the lines are durable. Whatever a failed try left in the file is cut
//! away before the next one, and the lines are written anew: after an error of the disk neither the
//! page cache nor a part of a line can be relied on.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{debug, error, info, warn};

use super::chain::Position;
use super::checkpoints::Checkpoints;
use super::gathering::Gathering;
use super::lines::LINES_KEPT;
use super::note::FileBoundary;
use super::queue::{Queue, Work};
use super::record::{AuditRecord, OwnEntry};
use super::sink::{Place, Sink, Store};
use super::waiting::Waiting;

/// How long the writer waits between two tries.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// How often it looks whether its file is still in place when there is nothing to write.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Writes what waits in the queue.
pub(super) struct Writer<S: Store> {
    queue: Arc<Queue>,
    store: S,
    open: Option<Open<S::Sink>>,
    position: Position,
    checkpoints: Checkpoints,
    lines: Vec<u8>,
    /// Whether the last try failed: each outage is told once.
    failing: bool,
    /// When the next entries are written.
    gathering: Gathering,
}

struct Open<S> {
    sink: S,
    /// The length up to which the file is durable and ours.
    durable: u64,
}

/// How the length of a file differs from what is durable in it.
enum Surplus {
    /// It is shorter.
    Lacks,
    /// It does not.
    None,
    /// So many bytes follow.
    Bytes(u64),
}

impl<S: Sink> Open<S> {
    fn surplus(&mut self) -> io::Result<Surplus> {
        let length = self.sink.standing()?.length;
        Ok(match length.checked_sub(self.durable) {
            None => Surplus::Lacks,
            Some(0) => Surplus::None,
            Some(bytes) => Surplus::Bytes(bytes),
        })
    }

    /// Cuts away what follows the durable entries. Behind a failed try that is what the try left.
    fn cut(&mut self, failing: bool) -> io::Result<()> {
        match self.surplus()? {
            Surplus::None => Ok(()),
            Surplus::Lacks => Err(io::Error::other("durable entries were cut off the file")),
            Surplus::Bytes(bytes) => {
                if !failing {
                    warn!(
                        bytes,
                        "audit log was written to by somebody else; that is cut off"
                    );
                }
                self.sink.truncate(self.durable)
            }
        }
    }
}

impl<S: Store> Writer<S> {
    /// A writer that continues the chain behind `position`.
    pub(super) fn new(
        queue: Arc<Queue>,
        store: S,
        position: Position,
        checkpoints: Checkpoints,
    ) -> Self {
        Self {
            queue,
            store,
            open: None,
            position,
            checkpoints,
            lines: Vec::new(),
            failing: false,
            gathering: Gathering::default(),
        }
    }

    /// Opens the file and writes entries of the log itself, before anybody else writes.
    pub(super) fn begin(&mut self, own: &[OwnEntry]) -> io::Result<()> {
        self.write(|position, lines| {
            own.iter().fold(position, |position, what| {
                let record = AuditRecord::of_own(*what, position.seq + 1);
                position.seal(&record.members(), lines)
            })
        })
    }

    /// Signs a checkpoint now.
    pub(super) fn sign_checkpoint(&mut self) -> io::Result<()> {
        self.checkpoints.sign(self.position, FileBoundary::None)
    }

    /// Writes until the queue is closed and empty.
    pub(super) fn run(mut self) {
        loop {
            let look = Instant::now() + LOOK_EVERY;
            let until = self
                .checkpoints
                .due(self.position)
                .map_or(look, |due| due.min(look));
            let plan = self.gathering.plan(self.queue.waiting());
            match self.queue.next(until, plan) {
                Work::Batch(batch) => self.record(batch),
                Work::Idle => {
                    // Nothing came for a while, so whoever was busy has left.
                    self.gathering = Gathering::default();
                    self.record(Vec::new());
                }
                Work::Finished => break,
            }
            if self
                .checkpoints
                .due(self.position)
                .is_some_and(|due| due <= Instant::now())
            {
                self.try_checkpoint();
            }
        }
        self.end();
    }

    /// Signs what no checkpoint speaks of yet.
    pub(super) fn end(&mut self) {
        if self.checkpoints.lag(self.position) > 0 {
            self.try_checkpoint();
        }
    }

    /// Writes a batch, however often it takes. An empty one only looks after the file.
    fn record(&mut self, mut batch: Vec<Waiting>) {
        let mut pause = FIRST_PAUSE;
        while let Some(failed) = self.attempt(batch) {
            if !self.queue.pause(pause) {
                return self.give_up(failed);
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
            batch = failed;
        }
    }

    /// Tries to write a batch. Gives it back, with every caller refused, when that fails.
    pub(super) fn attempt(&mut self, mut batch: Vec<Waiting>) -> Option<Vec<Waiting>> {
        match self.try_batch(&batch) {
            Ok(()) => {
                self.succeed(batch);
                None
            }
            Err(cause) => {
                self.fail(&cause, &mut batch);
                Some(batch)
            }
        }
    }

    fn try_batch(&mut self, batch: &[Waiting]) -> io::Result<()> {
        let started = Instant::now();
        let dropped = self.queue.dropped();
        self.write(|mut position, lines| {
            if dropped > 0 {
                let what = OwnEntry::EntriesDropped { entries: dropped };
                let record = AuditRecord::of_own(what, position.seq + 1);
                position = position.seal(&record.members(), lines);
            }
            for waiting in batch {
                position = waiting.with_members(|members| position.seal(members, lines));
            }
            position
        })?;
        self.queue.forgive(dropped);
        if !batch.is_empty() {
            let took = started.elapsed();
            self.queue.metrics.flushes.observe(took.as_secs_f64());
            self.gathering.wrote(batch.len(), took);
        }
        Ok(())
    }

    /// Makes the lines that `compose` puts behind the position durable.
    fn write(
        &mut self,
        compose: impl FnOnce(Position, &mut Vec<u8>) -> Position,
    ) -> io::Result<()> {
        self.prepare()?;
        if self.checkpoints.is_behind(self.position) {
            self.sign_checkpoint()?;
        }
        self.lines.clear();
        self.lines.shrink_to(LINES_KEPT);
        let position = compose(self.position, &mut self.lines);
        let Some(open) = self.open.as_mut().filter(|_| !self.lines.is_empty()) else {
            return Ok(());
        };
        open.sink.append(&self.lines)?;
        open.sink.sync()?;
        open.durable = open.durable.saturating_add(length_of(&self.lines));
        let written = position.seq.saturating_sub(self.position.seq);
        self.queue.metrics.entries.inc_by(written);
        self.position = position;
        Ok(())
    }

    /// Makes sure that a file is open that was in its place just now, and that it ends where the chain
    /// does. A file that is renamed from here on takes what is written, and is left the next time.
    fn prepare(&mut self) -> io::Result<()> {
        if self.queue.reopen_is_asked() {
            self.leave()?;
        }
        if let Some(open) = &mut self.open {
            match open.sink.standing()?.place {
                Place::Kept => {}
                Place::Renamed => {
                    info!("audit log renamed; it goes on in a new file");
                    self.leave()?;
                }
                Place::Removed => {
                    error!("audit log removed while it was written; it goes on in a new file");
                    self.leave()?;
                }
            }
        }
        let failing = self.failing;
        match &mut self.open {
            Some(open) => open.cut(failing)?,
            None => self.open_next()?.cut(failing)?,
        }
        self.queue.answer_reopen();
        Ok(())
    }

    /// Opens the file in which the chain goes on.
    fn open_next(&mut self) -> io::Result<&mut Open<S::Sink>> {
        let (sink, durable) = self.store.open(self.position)?;
        if durable == 0 && self.position.seq > 0 {
            // Vouches for what came before, so that the new file can be verified without it.
            self.checkpoints.sign(self.position, FileBoundary::Begins)?;
        }
        Ok(self.open.insert(Open { sink, durable }))
    }

    /// Lets go of the file, with a checkpoint of how far it goes. What a failed try left in it is written
    /// anew in the next file, so the file is not let go of before that is cut away.
    fn leave(&mut self) -> io::Result<()> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        match open.surplus()? {
            Surplus::Lacks => error!("durable entries were cut off the audit log that is left"),
            Surplus::None => {}
            Surplus::Bytes(_) => open.sink.truncate(open.durable)?,
        }
        self.open = None;
        if self.checkpoints.lag(self.position) > 0 {
            self.try_checkpoint();
        }
        self.checkpoints.left();
        info!(seq = self.position.seq, "audit log opened anew");
        Ok(())
    }

    fn try_checkpoint(&mut self) {
        if let Err(cause) = self.sign_checkpoint() {
            warn!(%cause, "checkpoint of the audit log not written; tried again later");
        }
    }

    fn succeed(&mut self, batch: Vec<Waiting>) {
        self.queue.recover();
        Waiting::succeed(batch);
        if std::mem::take(&mut self.failing) {
            info!(seq = self.position.seq, "audit log written again");
        }
    }

    fn fail(&mut self, cause: &io::Error, batch: &mut [Waiting]) {
        self.queue.metrics.failures.inc();
        self.queue.fail();
        batch.iter_mut().for_each(Waiting::refuse);
        if !std::mem::replace(&mut self.failing, true) {
            error!(%cause, "audit log not written; nothing is released until it is");
        }
        if let Some(Err(cause)) = self.open.as_mut().map(|open| open.cut(true)) {
            // Tried again before the next write, and before the file is left.
            debug!(%cause, "what the failed try left in the audit log is not cut off yet");
        }
    }

    fn give_up(&mut self, mut batch: Vec<Waiting>) {
        batch.iter_mut().for_each(Waiting::refuse);
        let lost = batch.len() + self.queue.abandon();
        if lost > 0 {
            error!(lost, "audit log closed while it could not be written");
        }
    }
}

fn length_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
