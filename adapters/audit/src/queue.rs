//! What waits to be written: entries in their order, and wishes of the owner.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};
use signer_domain::ports::AuditUnavailable;
use tokio::sync::oneshot;

use super::gathering::Plan;
use super::metrics::AuditMetrics;
use super::waiting::{Outcome, Waiting};

/// Most entries that may wait, and the most bytes of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) entries: usize,
    pub(super) bytes: usize,
    /// The most that one write takes.
    pub(super) batch_entries: usize,
    pub(super) batch_bytes: usize,
}

impl Limits {
    pub(super) const USUAL: Self = Self {
        entries: 16_384,
        bytes: 64 * 1024 * 1024,
        batch_entries: 256,
        batch_bytes: 1024 * 1024,
    };
}

/// What the writer is to do next.
#[derive(Debug)]
pub(super) enum Work {
    /// Write these.
    Batch(Vec<Waiting>),
    /// Nothing came in time, or the owner wants something.
    Idle,
    /// Nothing will come any more.
    Finished,
}

#[derive(Debug, Default)]
struct State {
    entries: VecDeque<Waiting>,
    bytes: usize,
    dropped: u64,
    reopen: Vec<oneshot::Sender<Outcome>>,
    closing: bool,
    /// How many entries the writer waits for before it takes them: it is not woken for less.
    awaited: usize,
    busy_since: Option<Instant>,
    failing: bool,
}

/// What callers and the writer share.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
    limits: Limits,
    pub(super) metrics: AuditMetrics,
}

impl Queue {
    pub(super) fn new(limits: Limits, metrics: AuditMetrics) -> Self {
        Self {
            state: Mutex::default(),
            arrived: Condvar::new(),
            limits,
            metrics,
        }
    }

    /// Adds an entry, unless too much waits already.
    pub(super) fn push(&self, waiting: Waiting) -> Outcome {
        let size = waiting.size();
        let mut state = self.state.lock();
        let is_full = state.entries.len() >= self.limits.entries
            || state.bytes.saturating_add(size) > self.limits.bytes;
        if is_full || state.closing {
            state.dropped += 1;
            self.metrics.failures.inc();
            return Err(AuditUnavailable);
        }
        state.bytes += size;
        state.entries.push_back(waiting);
        self.metrics.show_backlog(state.entries.len());
        let is_awaited = state.entries.len() >= state.awaited;
        drop(state);
        if is_awaited {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// How many entries wait.
    pub(super) fn waiting(&self) -> usize {
        self.state.lock().entries.len()
    }

    /// Takes what waits; waits for it until `until`. Once something waits, lets more come as
    /// `plan` says.
    pub(super) fn next(&self, until: Instant, plan: Plan) -> Work {
        let mut state = self.state.lock();
        state.busy_since = None;
        while state.entries.is_empty() && state.reopen.is_empty() {
            if state.closing {
                return Work::Finished;
            }
            if self.arrived.wait_until(&mut state, until).timed_out() {
                state.busy_since = Some(Instant::now());
                return Work::Idle;
            }
        }
        if state.entries.len() < plan.entries {
            self.gather(&mut state, plan);
        }
        state.busy_since = Some(Instant::now());
        if state.entries.is_empty() {
            return Work::Idle;
        }
        let mut batch = Vec::with_capacity(state.entries.len().min(self.limits.batch_entries));
        let mut bytes = 0;
        while batch.len() < self.limits.batch_entries && bytes < self.limits.batch_bytes {
            let Some(waiting) = state.entries.pop_front() else {
                break;
            };
            bytes += waiting.size();
            batch.push(waiting);
        }
        state.bytes = state.bytes.saturating_sub(bytes);
        self.metrics.show_backlog(state.entries.len());
        Work::Batch(batch)
    }

    /// Waits for more, unless the owner wants something or a whole batch is there.
    fn gather(&self, state: &mut MutexGuard<'_, State>, plan: Plan) {
        let until = Instant::now() + plan.patience;
        state.awaited = plan.entries.min(self.limits.batch_entries);
        while state.entries.len() < state.awaited && state.reopen.is_empty() && !state.closing {
            if self.arrived.wait_until(state, until).timed_out() {
                break;
            }
        }
        state.awaited = 0;
    }

    /// Says that writing failed: everybody who waits is told, and their entries stay.
    pub(super) fn fail(&self) {
        let mut state = self.state.lock();
        state.failing = true;
        state.entries.iter_mut().for_each(Waiting::refuse);
        for asked in state.reopen.drain(..) {
            asked.send(Err(AuditUnavailable)).ok();
        }
    }

    /// Says that a caller gave up waiting. When nothing is under way it was the caller who was slow.
    pub(super) fn gave_up(&self) {
        let mut state = self.state.lock();
        state.failing |= state.busy_since.is_some();
    }

    /// Says that what was tried has been done.
    pub(super) fn recover(&self) {
        self.state.lock().failing = false;
    }

    /// Waits before the next try, and says whether there is to be one.
    pub(super) fn pause(&self, duration: Duration) -> bool {
        let until = Instant::now() + duration;
        let mut state = self.state.lock();
        while !state.closing && state.reopen.is_empty() {
            if self.arrived.wait_until(&mut state, until).timed_out() {
                return true;
            }
        }
        !state.closing
    }

    /// Whether writing failed, or has been going on for longer than `patience`.
    pub(super) fn is_failing(&self, patience: Duration) -> bool {
        let state = self.state.lock();
        let is_stuck = |since: Instant| since.elapsed() > patience;
        state.failing || state.busy_since.is_some_and(is_stuck)
    }

    /// How many entries were lost since [`forgive`](Self::forgive).
    pub(super) fn dropped(&self) -> u64 {
        self.state.lock().dropped
    }

    /// Forgets so many lost entries: they have been recorded as lost.
    pub(super) fn forgive(&self, entries: u64) {
        let mut state = self.state.lock();
        state.dropped = state.dropped.saturating_sub(entries);
    }

    /// Asks the writer to open its file anew.
    pub(super) fn ask_to_reopen(&self) -> oneshot::Receiver<Outcome> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.state.lock();
        if state.closing {
            sender.send(Err(AuditUnavailable)).ok();
        } else {
            state.reopen.push(sender);
        }
        drop(state);
        self.arrived.notify_one();
        receiver
    }

    /// Whether somebody asks for that.
    pub(super) fn reopen_is_asked(&self) -> bool {
        !self.state.lock().reopen.is_empty()
    }

    /// Answers those who asked for it.
    pub(super) fn answer_reopen(&self) {
        for asked in self.state.lock().reopen.drain(..) {
            asked.send(Ok(())).ok();
        }
    }

    /// Takes no more entries. What waits is still written.
    pub(super) fn close(&self) {
        self.state.lock().closing = true;
        self.arrived.notify_one();
    }

    /// Gives up on everything that waits, and says how much that was.
    pub(super) fn abandon(&self) -> usize {
        let mut state = self.state.lock();
        state.closing = true;
        let mut rest: Vec<Waiting> = state.entries.drain(..).collect();
        state.bytes = 0;
        drop(state);
        rest.iter_mut().for_each(Waiting::refuse);
        rest.len()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;
    use crate::waiting::tests::entry;

    const LONG: Duration = Duration::from_secs(30);

    fn waiting() -> Waiting {
        Waiting::unawaited(entry())
    }

    const fn plan(entries: usize) -> Plan {
        Plan {
            entries,
            patience: LONG,
        }
    }

    fn queue(batch_entries: usize) -> Arc<Queue> {
        let limits = Limits {
            batch_entries,
            ..Limits::USUAL
        };
        Arc::new(Queue::new(limits, AuditMetrics::new()))
    }

    /// How many entries are handed out, long before anybody's patience ends.
    fn handed_out(queue: &Queue, plan: Plan) -> usize {
        let began = Instant::now();
        let work = queue.next(began + LONG, plan);
        assert!(began.elapsed() < LONG / 2, "{:?}", began.elapsed());
        match work {
            Work::Batch(batch) => batch.len(),
            Work::Idle | Work::Finished => 0,
        }
    }

    #[test]
    fn what_the_writer_waits_for_ends_its_wait_long_before_its_patience() {
        let queue = queue(5);
        queue.push(waiting()).unwrap();
        let others = Arc::clone(&queue);
        let others = thread::spawn(move || {
            while others.state.lock().awaited == 0 {
                thread::yield_now();
            }
            (0..2).for_each(|_| others.push(waiting()).unwrap());
        });
        assert!(handed_out(&queue, plan(3)) >= 3);
        others.join().unwrap();
    }

    #[test]
    fn no_more_is_waited_for_than_one_write_takes() {
        let queue = queue(3);
        (0..4).for_each(|_| queue.push(waiting()).unwrap());
        assert_eq!(handed_out(&queue, plan(5)), 3);
    }

    #[test]
    fn what_does_not_come_is_not_waited_for_beyond_the_patience() {
        let queue = queue(3);
        queue.push(waiting()).unwrap();
        let short = Plan {
            patience: Duration::from_millis(1),
            ..plan(3)
        };
        assert_eq!(handed_out(&queue, short), 1);
    }

    #[test]
    fn gathering_keeps_no_owner_waiting_who_wants_to_close() {
        let queue = queue(3);
        queue.push(waiting()).unwrap();
        let owner = Arc::clone(&queue);
        let owner = thread::spawn(move || {
            while owner.state.lock().awaited == 0 {
                thread::yield_now();
            }
            owner.close();
        });
        assert_eq!(handed_out(&queue, plan(3)), 1);
        owner.join().unwrap();
    }

    #[test]
    fn what_is_there_is_taken_at_once_when_no_more_is_waited_for() {
        let queue = queue(3);
        queue.push(waiting()).unwrap();
        assert_eq!(handed_out(&queue, plan(1)), 1);
    }
}
