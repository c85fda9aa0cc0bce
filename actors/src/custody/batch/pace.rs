//! How fast the batches of a thread go ahead where signing is a computation on that thread: they keep it
//! busy, and other requests do not wait long for it.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, Semaphore, SemaphorePermit};

/// For how many digests turns are held or asked for: while some are signed, the turns for the next
/// ones are on their way, also when the threads of the key actors have to wait for a core. Each digest
/// more is one more that a retirement, or a request for one signature by the same key, may have to wait
/// for; so many take some four milliseconds.
const DIGESTS_AHEAD: u32 = 64;
/// A turn that takes longer than this is not waited for by the others: its key is being retired, or
/// very crowded.
const PATIENCE: Duration = Duration::from_millis(25);
/// After this many signatures others of the same thread run: some four take a quarter of a
/// millisecond. To let them run costs as much as a thirtieth of a signature.
const SIGNS_PER_BREATH: u32 = 4;

thread_local! {
    static PACE: Arc<Pace> = Arc::default();
}

/// The pace of the batches of one thread. However many there are, they are no further ahead than one.
#[derive(Debug)]
pub(super) struct Pace {
    ahead: Semaphore,
    pen: Mutex<u32>,
}

/// Permission of one share to use the thread.
#[derive(Debug)]
pub(super) struct Pen<'a> {
    signs: MutexGuard<'a, u32>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            ahead: Semaphore::new(usize::try_from(DIGESTS_AHEAD).unwrap_or(usize::MAX)),
            pen: Mutex::new(0),
        }
    }
}

impl Pace {
    /// The pace of this thread.
    pub(super) fn of_this_thread() -> Arc<Self> {
        PACE.with(Arc::clone)
    }

    /// Waits for a turn that covers `digests`, and not before it is soon needed. The place of a turn
    /// that does not come at once goes to others, so that no key holds up another one.
    pub(super) async fn soon<T>(
        &self,
        digests: usize,
        turn: impl Future<Output = T>,
    ) -> (T, Option<SemaphorePermit<'_>>) {
        let places = u32::try_from(digests).unwrap_or(u32::MAX);
        let place = self.ahead.acquire_many(places.min(DIGESTS_AHEAD)).await;
        let mut turn = pin!(turn);
        match tokio::time::timeout(PATIENCE, turn.as_mut()).await {
            Ok(turn) => (turn, place.ok()),
            Err(_elapsed) => {
                drop(place);
                (turn.await, None)
            }
        }
    }

    /// One share signs at a time: they share one thread, and a turn that is held while others sign
    /// only keeps a retirement waiting.
    pub(super) async fn pen(&self) -> Pen<'_> {
        Pen {
            signs: self.pen.lock().await,
        }
    }
}

impl Pen<'_> {
    /// Lets others of the same thread run now and then. All batches wait meanwhile.
    pub(super) async fn rest(&mut self) {
        *self.signs = (*self.signs + 1) % SIGNS_PER_BREATH;
        if *self.signs == 0 {
            tokio::task::yield_now().await;
        }
    }
}
