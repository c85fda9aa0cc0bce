//! What must outlive a key's actor: the turns that are out, the queue and the marks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use signer_domain::ports::{CustodyError, Held, ReleaseHold, SignedDigest};
use signer_domain::{Deadline, SigningKey};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::admission::{Admission, Seat};

/// Room in a mailbox for what an actor sends to itself.
const MAILBOX_SLACK: usize = 8;
/// How many calls other than signs may be under way for one key: retirements, reads.
const CONTROL_SEATS: usize = 32;
/// How many signatures by one key may be on their way out at once: more than there ever are.
const RELEASES: usize = 1 << 24;
/// How long callers may take to read answers that hold up a retirement.
const READING_TIME: Duration = Duration::from_millis(500);

/// How the marks of a record are packed: two bits below the version.
const BLOCKED: u64 = 1;
const QUARANTINED: u64 = 2;
const MARKS: u64 = 4;

/// The turns of one key, first come first served. Holding all of them is the barrier of a retirement.
///
/// The gate outlives the actor: when an actor dies or its provider is rebuilt, the next one takes
/// over the gate, so that a retirement also waits for turns that the former actor granted.
#[derive(Debug)]
pub(crate) struct KeyGate {
    /// Who wants one signature, from asking until it is made.
    pub(crate) singles: Admission,
    /// Who wants a share of a batch signed, likewise. Batches wait for a seat here, so they have
    /// seats of their own.
    pub(crate) shares: Admission,
    /// Who wants anything else. A flood of signs does not keep a retirement out.
    pub(crate) control: Admission,
    /// Signatures that a batch has made and not yet released.
    unreleased: Admission,
    /// Signatures that were handed out and may still leave the process.
    releases: Admission,
    /// Which of those are to be thrown away.
    recall: Arc<Recall>,
    turns: Arc<Semaphore>,
    max_turns: u32,
    /// The marks of the newest record that was seen, behind its version, so that of two the newer one is
    /// the greater one.
    marks: AtomicU64,
    /// Whether a quarantine is not on record yet.
    suspect: AtomicBool,
    retiring: AtomicBool,
    changes: AtomicU64,
}

impl KeyGate {
    /// A gate that lets `max_turns` sign at once and `queue` wait.
    pub(crate) fn new(max_turns: usize, queue: usize) -> Self {
        let max_turns = u32::try_from(max_turns)
            .unwrap_or(u32::MAX)
            .clamp(1, 65_536);
        let permits = usize::try_from(max_turns).unwrap_or(1);
        Self {
            singles: Admission::new(queue),
            shares: Admission::new(queue / 2),
            control: Admission::new(CONTROL_SEATS),
            unreleased: Admission::new(Semaphore::MAX_PERMITS),
            releases: Admission::new(RELEASES),
            recall: Arc::default(),
            turns: Arc::new(Semaphore::new(permits)),
            max_turns,
            marks: AtomicU64::new(0),
            suspect: AtomicBool::new(false),
            retiring: AtomicBool::new(false),
            changes: AtomicU64::new(0),
        }
    }

    /// How many messages the actor of this key can be sent at once.
    pub(crate) const fn mailbox(&self) -> usize {
        self.singles.seats() + self.shares.seats() + self.control.seats() + MAILBOX_SLACK
    }

    /// A turn, if one is free and nobody waits for it.
    pub(crate) fn try_turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.turns).try_acquire_owned().ok()
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// [`CustodyError::KeyRetired`] when the key was retired meanwhile;
    /// [`CustodyError::DeadlineExceeded`] when the deadline passed first.
    pub(crate) async fn turn(
        &self,
        deadline: Deadline,
    ) -> Result<OwnedSemaphorePermit, CustodyError> {
        self.permits(1, deadline.remaining()).await
    }

    /// Waits until every turn has come back, and lets nobody sign while the result is held.
    ///
    /// # Errors
    /// As for [`turn`](Self::turn).
    pub(crate) async fn barrier(
        &self,
        deadline: Deadline,
    ) -> Result<OwnedSemaphorePermit, CustodyError> {
        self.permits(self.max_turns, deadline.remaining()).await
    }

    async fn permits(
        &self,
        count: u32,
        within: Duration,
    ) -> Result<OwnedSemaphorePermit, CustodyError> {
        let wait = Arc::clone(&self.turns).acquire_many_owned(count);
        tokio::time::timeout(within, wait)
            .await
            .map_err(|_elapsed| CustodyError::DeadlineExceeded)?
            .map_err(|_closed| CustodyError::KeyRetired)
    }

    /// Shuts the gate for good: the key is retired. Who waits is told so.
    pub(crate) fn close(&self) {
        self.turns.close();
    }

    /// Notes that the registry's record of the key was changed by somebody else than its actor. What
    /// was read before is not to be relied on.
    pub(crate) fn note_change(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// How often the record was changed by others. Who reads the record takes this first.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Takes over the marks of a record, unless a newer one was seen.
    pub(crate) fn learn(&self, key: &SigningKey) {
        let mark = |is_set: bool, bit: u64| if is_set { bit } else { 0 };
        let marks = mark(key.marks.blocked, BLOCKED) | mark(key.marks.quarantined, QUARANTINED);
        let dated = key.version.saturating_mul(MARKS) | marks;
        self.marks.fetch_max(dated, Ordering::AcqRel);
    }

    /// Quarantines the key because a signature of its provider did not verify. The registry has to
    /// hear of it.
    pub(crate) fn quarantine(&self) {
        self.suspect.store(true, Ordering::Release);
    }

    /// Notes that the quarantine is on record, or that an operator took it away.
    pub(crate) fn settle_quarantine(&self) {
        self.suspect.store(false, Ordering::Release);
    }

    /// Whether a quarantine is not on record yet.
    pub(crate) fn is_suspect(&self) -> bool {
        self.suspect.load(Ordering::Acquire)
    }

    /// Whether the key is quarantined.
    pub(crate) fn is_quarantined(&self) -> bool {
        self.is_suspect() || self.marks.load(Ordering::Acquire) & QUARANTINED != 0
    }

    /// Whether the key is blocked.
    pub(crate) fn is_blocked(&self) -> bool {
        self.marks.load(Ordering::Acquire) & BLOCKED != 0
    }

    /// Notes that the provider has made the key unusable while the registry does not say so yet.
    /// Nobody signs until it does.
    pub(crate) fn begin_retiring(&self) {
        self.retiring.store(true, Ordering::Release);
    }

    /// Whether a retirement has begun and is not on record yet.
    pub(crate) fn is_retiring(&self) -> bool {
        self.retiring.load(Ordering::Acquire) && !self.is_closed()
    }

    /// Whether the key is retired.
    pub(crate) fn is_closed(&self) -> bool {
        self.turns.is_closed()
    }

    /// Keeps the gate in place until signatures that were made have been released or dropped.
    ///
    /// # Errors
    /// [`CustodyError::Overloaded`] when far too many do so already.
    pub(crate) fn lease(&self) -> Result<Seat, CustodyError> {
        self.unreleased.enter()
    }

    /// Hands a signature out, unless the key was retired or blocked before. From here on a retirement or
    /// a block waits for the hold that goes with it.
    ///
    /// # Errors
    /// [`CustodyError::KeyRetired`], [`CustodyError::KeyBlocked`].
    pub(crate) fn hand_out(&self, signed: SignedDigest) -> Result<SignedDigest, CustodyError> {
        // The hold comes first and the look second: whoever shuts the gate does it the other way
        // round, so one of the two sees the other.
        let hold = self.releases.enter();
        if self.is_closed() {
            return Err(CustodyError::KeyRetired);
        }
        if self.is_blocked() {
            return Err(CustodyError::KeyBlocked);
        }
        let hold = ReleaseHold::of(Release {
            _seat: hold?,
            number: self.recall.number(),
            recall: Arc::clone(&self.recall),
        });
        Ok(SignedDigest { hold, ..signed })
    }

    /// Waits until every signature that was handed out has left the process or was thrown away. After
    /// the gate was shut, or while the key is blocked, no further one is handed out. Callers who do not
    /// read what is ready for them hold this up for a moment only: then what they have not read is
    /// recalled.
    ///
    /// # Errors
    /// [`CustodyError::DeadlineExceeded`] when one took too long.
    pub(crate) async fn released(&self, deadline: Deadline) -> Result<(), CustodyError> {
        let soon = deadline.min(Deadline::after(READING_TIME));
        if self.releases.empty(soon).await.is_ok() {
            return Ok(());
        }
        self.recall.call();
        self.releases.empty(deadline).await
    }

    /// Whether the gate holds nothing that must be remembered: nobody waits, no turn is out, nothing
    /// is unreleased, and no quarantine and no half-done retirement waits for the registry.
    pub(crate) fn is_idle(&self) -> bool {
        let rooms = [
            &self.singles,
            &self.shares,
            &self.control,
            &self.unreleased,
            &self.releases,
        ];
        let all_back =
            self.is_closed() || u32::try_from(self.turns.available_permits()) == Ok(self.max_turns);
        let is_marked = self.is_suspect() || self.is_retiring();
        all_back && !is_marked && rooms.into_iter().all(Admission::is_empty)
    }
}

/// Which signatures are to be thrown away: all that were handed out before the last call. A key that was
/// blocked may sign again, so later ones are not.
#[derive(Debug, Default)]
struct Recall(AtomicU64);

impl Recall {
    fn number(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    fn call(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// One signature that was handed out.
struct Release {
    _seat: Seat,
    /// How often signatures had been recalled by then.
    number: u64,
    recall: Arc<Recall>,
}

impl Held for Release {
    fn is_recalled(&self) -> bool {
        self.number < self.recall.number()
    }
}

#[cfg(test)]
mod tests {
    use signer_domain::{HandleId, KeyId, Scope, Signature};

    use super::*;

    fn soon() -> Deadline {
        Deadline::after(Duration::from_secs(5))
    }

    #[tokio::test(start_paused = true)]
    async fn the_barrier_waits_for_turns_that_are_out_and_goes_before_later_ones() {
        let gate = Arc::new(KeyGate::new(2, 8));
        let out = gate.try_turn().unwrap();
        let order = Arc::new(parking_lot::Mutex::new(Vec::new()));
        let waiting = |name: &'static str, is_barrier: bool| {
            let (gate, order) = (Arc::clone(&gate), Arc::clone(&order));
            tokio::spawn(async move {
                let held = if is_barrier {
                    gate.barrier(soon()).await
                } else {
                    gate.turn(soon()).await
                };
                order.lock().push(name);
                held.map(drop)
            })
        };
        let barrier = waiting("barrier", true);
        tokio::task::yield_now().await;
        assert!(
            gate.try_turn().is_none(),
            "nobody overtakes a waiting barrier"
        );
        let later = waiting("later turn", false);
        tokio::task::yield_now().await;
        assert!(order.lock().is_empty());
        drop(out);
        barrier.await.unwrap().unwrap();
        later.await.unwrap().unwrap();
        assert_eq!(*order.lock(), ["barrier", "later turn"]);
        assert!(gate.is_idle());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_at_a_gate_that_closes_learns_that_the_key_is_retired() {
        let gate = Arc::new(KeyGate::new(1, 8));
        let barrier = gate.barrier(soon()).await.unwrap();
        let waiter = {
            let gate = Arc::clone(&gate);
            tokio::spawn(async move { gate.turn(soon()).await.map(drop) })
        };
        tokio::task::yield_now().await;
        gate.close();
        drop(barrier);
        assert_eq!(waiter.await.unwrap(), Err(CustodyError::KeyRetired));
        assert!(gate.try_turn().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_does_not_come_in_time_is_a_missed_deadline() {
        let gate = KeyGate::new(1, 8);
        let _out = gate.try_turn().unwrap();
        assert_eq!(
            gate.turn(soon()).await.map(drop),
            Err(CustodyError::DeadlineExceeded)
        );
        assert_eq!(
            gate.barrier(soon()).await.map(drop),
            Err(CustodyError::DeadlineExceeded)
        );
    }

    #[test]
    fn a_gate_that_holds_a_turn_or_a_quarantine_is_not_idle() {
        let gate = KeyGate::new(1, 8);
        let turn = gate.try_turn();
        assert!(!gate.is_idle());
        drop(turn);
        assert!(gate.is_idle());
        let lease = gate.lease();
        assert!(!gate.is_idle());
        drop(lease);
        assert!(gate.is_idle());
        gate.quarantine();
        assert!(!gate.is_idle());
    }

    #[test]
    fn a_retirement_that_has_begun_holds_the_gate_until_it_is_on_record() {
        let gate = KeyGate::new(1, 8);
        gate.begin_retiring();
        assert!(gate.is_retiring() && !gate.is_idle());
        gate.close();
        assert!(!gate.is_retiring() && gate.is_idle());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_handed_out_after_a_block_was_taken_away_is_not_recalled() {
        let gate = Arc::new(KeyGate::new(1, 8));
        let deaf = gate.hand_out(signed()).unwrap();
        let waiting = {
            let gate = Arc::clone(&gate);
            tokio::spawn(async move { gate.released(soon()).await })
        };
        tokio::time::sleep(READING_TIME * 2).await;
        assert!(deaf.hold.is_recalled());
        drop(deaf);
        waiting.await.unwrap().unwrap();
        assert!(!gate.hand_out(signed()).unwrap().hold.is_recalled());
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
    async fn what_was_handed_out_is_recalled_when_it_holds_up_a_retirement() {
        let gate = Arc::new(KeyGate::new(1, 8));
        let first = gate.hand_out(signed()).unwrap();
        let second = gate.hand_out(signed()).unwrap();
        gate.close();
        let waiting = {
            let gate = Arc::clone(&gate);
            tokio::spawn(async move { gate.released(soon()).await })
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
            gate.hand_out(signed()).map(drop),
            Err(CustodyError::KeyRetired)
        );
    }
}
