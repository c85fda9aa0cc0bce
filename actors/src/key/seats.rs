//! What a request occupies from asking to answer.

use crate::admission::Seat;

/// A seat at the key and one at its provider. They travel with the message and then with the turn, so
/// that the actor is not passivated and nobody is crowded out, also when the asker has gone away.
#[derive(Debug)]
pub(crate) struct Seats {
    _key: Seat,
    _provider: Seat,
}

impl Seats {
    pub(crate) const fn new(key: Seat, provider: Seat) -> Self {
        Self {
            _key: key,
            _provider: provider,
        }
    }
}
