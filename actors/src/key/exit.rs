//! The way out of the process for the signatures of one key.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use signer_domain::ports::{CustodyError, Held, ReleaseHold, SignedDigest};
use signer_domain::{Deadline, SigningKey};

use crate::admission::{Admission, Seat};

/// How many signatures by one key may be on their way out at once: more than there ever are.
const RELEASES: usize = 1 << 24;
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
    releases: Admission,
    /// How often those on their way were recalled.
    recalls: Arc<AtomicU64>,
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
            releases: Admission::new(RELEASES),
            recalls: Arc::default(),
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
        let hold = self.releases.enter();
        self.check()?;
        let hold = ReleaseHold::of(Release {
            _seat: hold?,
            number: self.recalls.load(Ordering::Acquire),
            recalls: Arc::clone(&self.recalls),
        });
        Ok(SignedDigest { hold, ..signed })
    }

    /// Waits until every signature that was handed out has left the process or was thrown away. While
    /// the way is barred no further one is handed out. Callers who do not read what is ready for them
    /// hold this up for a moment only: then what they have not read is recalled.
    ///
    /// # Errors
    /// [`CustodyError::DeadlineExceeded`] when one took too long.
    pub(super) async fn released(&self, deadline: Deadline) -> Result<(), CustodyError> {
        let soon = deadline.min(Deadline::after(READING_TIME));
        if self.releases.empty(soon).await.is_ok() {
            return Ok(());
        }
        self.recalls.fetch_add(1, Ordering::AcqRel);
        self.releases.empty(deadline).await
    }

    /// Whether every signature that was handed out has left.
    pub(super) fn is_quiet(&self) -> bool {
        self.releases.is_empty()
    }
}

/// One signature that was handed out.
struct Release {
    _seat: Seat,
    /// How often signatures had been recalled by then. A key that was blocked may sign again, so later
    /// ones are not recalled.
    number: u64,
    recalls: Arc<AtomicU64>,
}

impl Held for Release {
    fn is_recalled(&self) -> bool {
        self.number < self.recalls.load(Ordering::Acquire)
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
