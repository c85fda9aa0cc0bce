//! An entry on its way, and the caller who waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ThreadId};

use signer_domain::ports::{AuditEntry, AuditUnavailable};
use tokio::sync::oneshot;

use super::record::AuditRecord;

/// How a wish of the owner went.
pub(super) type Outcome = Result<(), AuditUnavailable>;

/// What a caller is told of its entry.
pub(super) type Told = Result<Durable, AuditUnavailable>;

/// The entry is durable, and so are those of other callers on the same thread, who are told by this
/// caller.
///
/// Waking a caller from another thread costs a system call and perhaps an interrupt of the other
/// core. So the writer wakes one caller a thread, and that one wakes its neighbours, which costs next
/// to nothing. It does so even if it is dropped before it gets to it.
#[derive(Debug, Default)]
pub(super) struct Durable {
    neighbours: Vec<oneshot::Sender<Told>>,
}

impl Drop for Durable {
    fn drop(&mut self) {
        for neighbour in self.neighbours.drain(..) {
            // A caller that left is told nothing.
            neighbour.send(Ok(Self::default())).ok();
        }
    }
}

/// An entry that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    entry: AuditEntry,
    members: String,
    waiter: Option<Waiter>,
    withheld: Arc<AtomicBool>,
}

/// Who waits for an entry, and on which thread.
#[derive(Debug)]
struct Waiter {
    thread: ThreadId,
    tell: oneshot::Sender<Told>,
}

impl Waiting {
    /// Prepares the entry on the caller's thread. The receiver tells how it went, and the mark says
    /// that nobody waits any longer.
    pub(super) fn awaited(entry: AuditEntry) -> (Self, oneshot::Receiver<Told>, Arc<AtomicBool>) {
        let (tell, told) = oneshot::channel();
        let withheld = Arc::new(AtomicBool::new(false));
        let waiting = Self {
            waiter: Some(Waiter {
                thread: thread::current().id(),
                tell,
            }),
            withheld: Arc::clone(&withheld),
            ..Self::unawaited(entry)
        };
        (waiting, told, withheld)
    }

    /// Prepares an entry for which nobody waits.
    pub(super) fn unawaited(entry: AuditEntry) -> Self {
        Self {
            members: AuditRecord::of(&entry).members(),
            entry,
            waiter: None,
            withheld: Arc::default(),
        }
    }

    /// What is written of it now. An answer that was withheld in the meantime is told as such.
    pub(super) fn with_members<T>(&self, write: impl FnOnce(&str) -> T) -> T {
        if self.withheld.load(Ordering::Acquire) {
            write(&AuditRecord::of_withheld(&self.entry).members())
        } else {
            write(&self.members)
        }
    }

    /// The request that it is of.
    #[cfg(test)]
    pub(super) fn request(&self) -> String {
        self.entry.request_id.clone()
    }

    /// How much memory its line takes, about.
    pub(super) fn size(&self) -> usize {
        self.members.len()
    }

    /// Tells the callers of these entries that they are durable, through one caller a thread.
    pub(super) fn succeed(batch: Vec<Self>) {
        let mut threads: Vec<(ThreadId, Durable)> = Vec::new();
        for Waiter { thread, tell } in batch.into_iter().filter_map(|waiting| waiting.waiter) {
            match threads.iter_mut().find(|(known, _)| *known == thread) {
                Some((_, durable)) => durable.neighbours.push(tell),
                None => threads.push((
                    thread,
                    Durable {
                        neighbours: vec![tell],
                    },
                )),
            }
        }
        for (_, durable) in threads {
            tell_one(durable);
        }
    }

    /// Tells its caller that it cannot be recorded now.
    pub(super) fn refuse(&mut self) {
        if let Some(waiter) = self.waiter.take() {
            self.withheld.store(true, Ordering::Release);
            waiter.tell.send(Err(AuditUnavailable)).ok();
        }
    }
}

/// Wakes the first caller who still waits, to wake the others.
fn tell_one(mut durable: Durable) {
    while let Some(first) = durable.neighbours.pop() {
        match first.send(Ok(durable)) {
            // This caller left; what it was to tell goes on to the next.
            Err(Ok(returned)) => durable = returned,
            Ok(()) | Err(Err(AuditUnavailable)) => return,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use jiff::Timestamp;
    use signer_domain::ports::{AuditKey, AuditOutcome};

    use super::*;

    /// An entry that says as little as one can.
    pub(crate) fn entry() -> AuditEntry {
        AuditEntry {
            time: Timestamp::UNIX_EPOCH,
            request_id: "r".to_owned(),
            op: "sign",
            outcome: AuditOutcome::Ok,
            http_status: 200,
            code: None,
            key: AuditKey::default(),
            peer: None,
            digest: None,
            signature: None,
            items: Vec::new(),
            latency: std::time::Duration::ZERO,
            count: None,
        }
    }

    #[tokio::test]
    async fn everybody_is_told_through_one_caller_a_thread() {
        let here: Vec<_> = (0..5).map(|_| Waiting::awaited(entry())).collect();
        let there = thread::spawn(|| Waiting::awaited(entry())).join().unwrap();
        let (batch, told): (Vec<_>, Vec<_>) = here
            .into_iter()
            .chain([there])
            .map(|(waiting, told, _)| (waiting, told))
            .unzip();
        Waiting::succeed(batch);
        let mut heard = Vec::new();
        for mut told in told {
            match told.try_recv() {
                Ok(Ok(durable)) => heard.push(durable.neighbours.len()),
                Ok(Err(AuditUnavailable)) => panic!("it is durable"),
                // Told once the one who leads its thread has been heard.
                Err(_) => heard.push(usize::MAX),
            }
        }
        heard.sort_unstable();
        assert_eq!(
            heard.first(),
            Some(&0),
            "the thread of its own is told at once"
        );
        assert_eq!(heard.iter().filter(|count| **count == 4).count(), 1);
    }

    #[tokio::test]
    async fn whoever_leaves_keeps_the_news_from_nobody() {
        let waiting: Vec<_> = (0..4).map(|_| Waiting::awaited(entry())).collect();
        let (batch, mut told): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .map(|(waiting, told, _)| (waiting, told))
            .unzip();
        // The leader leaves before it is told, the next one after it was told and before it looked.
        drop(told.pop());
        Waiting::succeed(batch);
        drop(told.pop());
        for told in told {
            assert!(matches!(told.await, Ok(Ok(_))));
        }
    }
}
