//! Bounded counts of what is under way, instead of endless queues.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use signer_domain::ports::CustodyError;

use crate::errors::RETRY_SOON;

/// A room with a fixed number of seats. Cheap to clone; all clones share the seats.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    taken: Arc<AtomicUsize>,
    seats: usize,
}

impl Admission {
    /// A room with `seats` seats.
    pub(crate) fn new(seats: usize) -> Self {
        Self {
            taken: Arc::default(),
            seats,
        }
    }

    /// Takes a seat.
    ///
    /// # Errors
    /// [`CustodyError::Overloaded`] when none is free.
    pub(crate) fn enter(&self) -> Result<Seat, CustodyError> {
        let before = self.taken.fetch_add(1, Ordering::AcqRel);
        let seat = Seat {
            taken: Arc::clone(&self.taken),
        };
        if before < self.seats {
            Ok(seat)
        } else {
            Err(CustodyError::Overloaded {
                retry_after: RETRY_SOON,
            })
        }
    }

    /// Whether nobody sits.
    pub(crate) fn is_empty(&self) -> bool {
        self.taken.load(Ordering::Acquire) == 0
    }
}

/// One taken seat; given back on drop.
#[derive(Debug)]
pub(crate) struct Seat {
    taken: Arc<AtomicUsize>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::AcqRel);
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
