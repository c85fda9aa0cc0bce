//! Bounded counts of what is under way, instead of endless queues.

use std::sync::Arc;

use signer_domain::Deadline;
use signer_domain::ports::CustodyError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::errors::RETRY_SOON;

/// A room with a fixed number of seats. Cheap to clone; all clones share the seats.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    free: Arc<Semaphore>,
    seats: usize,
}

/// One taken seat; given back on drop.
pub(crate) type Seat = OwnedSemaphorePermit;

impl Admission {
    /// A room with `seats` seats, one at least.
    pub(crate) fn new(seats: usize) -> Self {
        let seats = seats.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(seats)),
            seats,
        }
    }

    /// Takes a seat.
    ///
    /// # Errors
    /// [`CustodyError::Overloaded`] when none is free.
    pub(crate) fn enter(&self) -> Result<Seat, CustodyError> {
        let taken = Arc::clone(&self.free).try_acquire_owned();
        taken.map_err(|_full| CustodyError::Overloaded {
            retry_after: RETRY_SOON,
        })
    }

    /// Waits for a seat behind those who came first.
    ///
    /// # Errors
    /// [`CustodyError::DeadlineExceeded`] when none came free in time.
    pub(crate) async fn wait(&self, deadline: Deadline) -> Result<Seat, CustodyError> {
        let seat = Arc::clone(&self.free).acquire_owned();
        match tokio::time::timeout(deadline.remaining(), seat).await {
            Ok(Ok(seat)) => Ok(seat),
            Ok(Err(_)) | Err(_) => Err(CustodyError::DeadlineExceeded),
        }
    }

    /// Whether nobody sits.
    pub(crate) fn is_empty(&self) -> bool {
        self.free.available_permits() == self.seats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_beyond_its_seats_and_admits_again_after_one_is_given_back() {
        let room = Admission::new(2);
        let first = room.enter().unwrap();
        let second = room.enter().unwrap();
        assert!(matches!(room.enter(), Err(CustodyError::Overloaded { .. })));
        drop(first);
        let third = room.enter().unwrap();
        drop((second, third));
        assert!(room.is_empty());
    }
}
