//! The way out of the process for the signatures of one key.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use signer_domain::ports::{CustodyError, Held, ReleaseHold, SignedDigest};
use signer_domain::{Deadline, SigningKey};
use tokio::sync::Notify;

use crate::admission::Seat;

/// How long callers may take to read answers that hold up a retirement.
const READING_TIME: Duration = Duration::from_millis(500);

const RETIRED: u8 = 1;
const BLOCKED: u8 = 2;

const UNSUSPICIOUS: u64 = 0;

/// The way out for the signatures of one key. The key's actor bars it; whoever has a signature passes
/// it, on another thread and possibly much later. It outlives the actor.
#[derive(Debug)]
pub(crate) struct Exit {
    bars: AtomicU8,
    /// The number of the suspicion that stands.
    suspicion: AtomicU64,
    /// How many there have been.
    suspicions: AtomicU64,
    /// Signatures that were handed out and may still leave the process.
    departures: Arc<Departures>,
}

/// Signatures that were handed out and may still leave the process. A retirement or a block ends an era
/// and waits for the signatures of that one and of those before it, so later ones go their way.
#[derive(Debug, Default)]
struct Departures {
    eras: Mutex<Eras>,
    /// An era is over and has no signature any more.
    gone: Notify,
    /// What was handed out in the eras before this one is recalled.
    recalled: AtomicU64,
}

/// How many signatures of each era are still there, the oldest era first. The last one goes on.
#[derive(Debug)]
struct Eras {
    first: u64,
    counts: VecDeque<usize>,
}

/// Why a key is quarantined that the registry has not heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Suspicion(u64);

/// A signature, and the way out that it has not passed yet.
#[derive(Debug)]
pub struct Unreleased {
    pub(super) signed: SignedDigest,
    pub(super) exit: Arc<Exit>,
    /// Keeps the way out in place until the signature has passed it.
    pub(super) _stays: Arc<Option<Seat>>,
}

impl Unreleased {
    /// Hands the signature out, unless its key was retired or blocked meanwhile.
    ///
    /// # Errors
    /// [`CustodyError::KeyRetired`] or [`CustodyError::KeyBlocked`].
    pub fn release(self) -> Result<SignedDigest, CustodyError> {
        self.exit.hand_out(self.signed)
    }

    /// Whether the key was retired or blocked meanwhile.
    pub(crate) fn is_barred(&self) -> bool {
        self.exit.check().is_err()
    }
}

impl Exit {
    pub(super) fn new() -> Self {
        Self {
            bars: AtomicU8::new(0),
            suspicion: AtomicU64::new(UNSUSPICIOUS),
            suspicions: AtomicU64::new(UNSUSPICIOUS),
            departures: Arc::default(),
        }
    }

    /// Bars the way as the record of the key says. A retired key stays so.
    pub(super) fn follow(&self, key: &SigningKey) {
        if key.state.may_sign() {
            self.set(BLOCKED, key.marks.blocked);
        } else {
            self.retire();
        }
    }

    /// Bars the way for good.
    pub(super) fn retire(&self) {
        self.set(RETIRED, true);
    }

    /// Bars the way as the record of the key says, and takes no bar away: the record may be an older one
    /// than was followed before.
    pub(super) fn follow_bars(&self, key: &SigningKey) {
        if !key.state.may_sign() {
            self.retire();
        } else if key.marks.blocked {
            self.set(BLOCKED, true);
        }
    }

    /// Quarantines the key until the registry has heard of it.
    pub(super) fn suspect(&self) -> Suspicion {
        let number = self.suspicions.fetch_add(1, Ordering::SeqCst) + 1;
        self.suspicion.store(number, Ordering::SeqCst);
        Suspicion(number)
    }

    /// Whether this suspicion stands.
    pub(super) fn suspects(&self, Suspicion(number): Suspicion) -> bool {
        self.suspicion.load(Ordering::SeqCst) == number
    }

    /// Ends this suspicion, unless there is another one by now.
    pub(super) fn settle(&self, Suspicion(number): Suspicion) {
        // Where another one stands by now, it goes on standing.
        let _settled = self.suspicion.compare_exchange(
            number,
            UNSUSPICIOUS,
            Ordering::SeqCst,
            Ordering::SeqCst,
        );
    }

    /// Ends every suspicion, because an operator said so.
    pub(super) fn trust(&self) {
        self.suspicion.store(UNSUSPICIOUS, Ordering::SeqCst);
    }

    fn set(&self, bar: u8, is_set: bool) {
        if is_set {
            self.bars.fetch_or(bar, Ordering::SeqCst);
        } else {
            self.bars.fetch_and(!bar, Ordering::SeqCst);
        }
    }

    /// Whether the key is quarantined and the registry has not heard of it.
    pub(crate) fn is_suspect(&self) -> bool {
        self.suspicion.load(Ordering::SeqCst) != UNSUSPICIOUS
    }

    /// Whether the way is free. A signature that has verified may pass a quarantine.
    ///
    /// # Errors
    /// By what bars it.
    pub(super) fn check(&self) -> Result<(), CustodyError> {
        let bars = self.bars.load(Ordering::SeqCst);
        if bars & RETIRED != 0 {
            return Err(CustodyError::KeyRetired);
        }
        if bars & BLOCKED != 0 {
            return Err(CustodyError::KeyBlocked);
        }
        Ok(())
    }

    /// Hands a signature out, unless the way is barred. From here on a retirement or a block waits for
    /// the hold that goes with it.
    ///
    /// # Errors
    /// By what bars the way.
    pub(super) fn hand_out(&self, signed: SignedDigest) -> Result<SignedDigest, CustodyError> {
        // The hold comes first and the look second: whoever bars the way does it the other way round,
        // so one of the two sees the other.
        let hold = Departures::hold(&self.departures);
        self.check()?;
        let hold = ReleaseHold::of(hold);
        Ok(SignedDigest { hold, ..signed })
    }

    /// Waits until every signature that was handed out has left the process or was thrown away. While
    /// the way is barred no further one is handed out. Callers who do not read what is ready for them
    /// hold this up for a moment only: then what they have not read is recalled.
    ///
    /// # Errors
    /// [`CustodyError::DeadlineExceeded`] when one took too long.
    pub(super) async fn released(&self, deadline: Deadline) -> Result<(), CustodyError> {
        let era = self.departures.eras.lock().end();
        let soon = deadline.min(Deadline::after(READING_TIME));
        if self.departures.wait(era, soon).await.is_ok() {
            return Ok(());
        }
        self.departures
            .recalled
            .fetch_max(era + 1, Ordering::AcqRel);
        self.departures.wait(era, deadline).await
    }

    /// Whether every signature that was handed out has left.
    pub(super) fn is_quiet(&self) -> bool {
        let eras = self.departures.eras.lock();
        eras.counts.iter().all(|count| *count == 0)
    }
}

impl Departures {
    fn hold(departures: &Arc<Self>) -> Hold {
        Hold {
            era: departures.eras.lock().enter(),
            departures: Arc::clone(departures),
        }
    }

    /// Waits until nothing is left of an era and of those before it.
    async fn wait(&self, era: u64, deadline: Deadline) -> Result<(), CustodyError> {
        loop {
            let gone = self.gone.notified();
            if self.eras.lock().first > era {
                return Ok(());
            }
            let gone = tokio::time::timeout(deadline.remaining(), gone).await;
            gone.map_err(|_elapsed| CustodyError::DeadlineExceeded)?;
        }
    }
}

impl Default for Eras {
    fn default() -> Self {
        Self {
            first: 0,
            counts: VecDeque::from([0]),
        }
    }
}

impl Eras {
    /// Counts a signature, and tells the era that it is of.
    fn enter(&mut self) -> u64 {
        if let Some(count) = self.counts.back_mut() {
            *count += 1;
        }
        self.last()
    }

    /// Counts a signature off. Whether an era is gone.
    fn leave(&mut self, era: u64) -> bool {
        let place = usize::try_from(era - self.first).unwrap_or(usize::MAX);
        if let Some(count) = self.counts.get_mut(place) {
            *count -= 1;
        }
        self.forget_the_gone()
    }

    /// Ends the era that goes on, and tells which one it was.
    fn end(&mut self) -> u64 {
        let ended = self.last();
        self.counts.push_back(0);
        let _is_gone = self.forget_the_gone();
        ended
    }

    fn last(&self) -> u64 {
        let earlier = self.counts.len().saturating_sub(1);
        self.first + u64::try_from(earlier).unwrap_or(u64::MAX)
    }

    fn forget_the_gone(&mut self) -> bool {
        let before = self.first;
        while self.counts.len() > 1 && self.counts.front() == Some(&0) {
            self.counts.pop_front();
            self.first += 1;
        }
        self.first > before
    }
}

/// One signature that was handed out: a retirement or a block waits until it is dropped.
struct Hold {
    era: u64,
    departures: Arc<Departures>,
}

impl Held for Hold {
    fn is_recalled(&self) -> bool {
        self.era < self.departures.recalled.load(Ordering::Acquire)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let is_gone = self.departures.eras.lock().leave(self.era);
        if is_gone {
            self.departures.gone.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use signer_domain::{HandleId, KeyId, Scope, Signature};

    use super::*;

    fn soon() -> Deadline {
        Deadline::after(Duration::from_secs(5))
    }

    fn signed() -> SignedDigest {
        SignedDigest {
            handle_id: HandleId::parse("software:platform|k1").unwrap(),
            scope: Scope::Platform,
            key_id: KeyId::parse("k1").unwrap(),
            signature: Signature::from_bytes([0; 64]),
            hold: ReleaseHold::default(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_handed_out_after_a_block_was_taken_away_is_not_recalled() {
        let exit = Arc::new(Exit::new());
        let deaf = exit.hand_out(signed()).unwrap();
        let waiting = {
            let exit = Arc::clone(&exit);
            tokio::spawn(async move { exit.released(soon()).await })
        };
        tokio::time::sleep(READING_TIME * 2).await;
        assert!(deaf.hold.is_recalled());
        drop(deaf);
        waiting.await.unwrap().unwrap();
        assert!(!exit.hand_out(signed()).unwrap().hold.is_recalled());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_handed_out_is_recalled_when_it_holds_up_a_retirement() {
        let exit = Arc::new(Exit::new());
        let first = exit.hand_out(signed()).unwrap();
        let second = exit.hand_out(signed()).unwrap();
        exit.retire();
        let waiting = {
            let exit = Arc::clone(&exit);
            tokio::spawn(async move { exit.released(soon()).await })
        };
        tokio::task::yield_now().await;
        assert!(!first.hold.is_recalled(), "an honest caller has a moment");
        drop(first);
        tokio::time::sleep(READING_TIME * 2).await;
        assert!(second.hold.is_recalled());
        assert!(!waiting.is_finished(), "it is waited for all the same");
        drop(second);
        assert_eq!(waiting.await.unwrap(), Ok(()));
        assert_eq!(
            exit.hand_out(signed()).map(drop),
            Err(CustodyError::KeyRetired)
        );
    }
}
