//! From a name to those who wait for its key to be made.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use parking_lot::Mutex;
use signer_domain::ports::{CustodyError, GeneratedOrStanding, OpenedOrStanding};
use signer_domain::{KeyId, Scope};
use tokio::sync::oneshot;

/// What making a key led to.
pub(crate) type GenerateOutcome = Result<GeneratedOrStanding, CustodyError>;

/// What opening a rotation led to.
pub(crate) type OpenOutcome = Result<OpenedOrStanding, CustodyError>;

/// The keys that are being made. Calls for one name are served by one call to the provider. The table
/// outlives the provider actors, because a call that is under way does.
#[derive(Debug)]
pub(crate) struct Flights<T>(Mutex<HashMap<(Scope, KeyId), Flight<T>>>);

#[derive(Debug)]
struct Flight<T> {
    /// Whether the name is only kept from others.
    is_held: bool,
    waiting: Vec<oneshot::Sender<Result<T, CustodyError>>>,
}

/// What a caller is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Make the key, and then tell everybody.
    First,
    /// Wait for who makes it.
    Later,
}

/// What is new to the first who asked, and stands for all others.
pub(crate) trait Made: Clone {
    /// As others see it.
    fn standing(self) -> Self;
}

impl Made for GeneratedOrStanding {
    fn standing(self) -> Self {
        match self {
            Self::Generated(key) | Self::Standing(key) => Self::Standing(key),
        }
    }
}

impl Made for OpenedOrStanding {
    fn standing(self) -> Self {
        match self {
            Self::Opened(rotation) | Self::Standing(rotation) => Self::Standing(rotation),
        }
    }
}

impl<T> Default for Flights<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Made> Flights<T> {
    /// Joins those who wait for a name.
    pub(crate) fn join(
        &self,
        scope: Scope,
        key_id: &KeyId,
    ) -> (Place, oneshot::Receiver<Result<T, CustodyError>>) {
        let (reply, outcome) = oneshot::channel();
        let place = match self.0.lock().entry((scope, key_id.clone())) {
            Entry::Vacant(vacant) => {
                vacant.insert(Flight {
                    is_held: false,
                    waiting: vec![reply],
                });
                Place::First
            }
            Entry::Occupied(mut flight) => {
                flight.get_mut().waiting.push(reply);
                Place::Later
            }
        };
        (place, outcome)
    }

    /// Reserves a name, so that no call makes its key; `None` when a call is making it.
    pub(crate) fn hold(&self, scope: Scope, key_id: &KeyId) -> Option<Held<'_, T>> {
        let name = (scope, key_id.clone());
        match self.0.lock().entry(name.clone()) {
            Entry::Vacant(vacant) => {
                vacant.insert(Flight {
                    is_held: true,
                    waiting: Vec::new(),
                });
                let flights = self;
                Some(Held { flights, name })
            }
            Entry::Occupied(_) => None,
        }
    }

    /// Tells everybody who waits for a name. The key is new to the first who asked; to the others it
    /// stands.
    pub(crate) fn finish(
        &self,
        scope: Scope,
        key_id: &KeyId,
        mut outcome: Result<T, CustodyError>,
    ) {
        let flight = self.0.lock().remove(&(scope, key_id.clone()));
        for reply in flight.into_iter().flat_map(|flight| flight.waiting) {
            // Who no longer listens needs no answer.
            drop(reply.send(outcome.clone()));
            outcome = outcome.map(Made::standing);
        }
    }

    /// Whether the key of this name is being made.
    pub(crate) fn is_under_way(&self, scope: Scope, key_id: &KeyId) -> bool {
        let table = self.0.lock();
        let flight = table.get(&(scope, key_id.clone()));
        flight.is_some_and(|flight| !flight.is_held)
    }
}

/// A name whose key no call makes until this is dropped. The calls that wait for it by then get no
/// outcome.
#[derive(Debug)]
pub(crate) struct Held<'f, T> {
    flights: &'f Flights<T>,
    name: (Scope, KeyId),
}

impl<T> Drop for Held<'_, T> {
    fn drop(&mut self) {
        self.flights.0.lock().remove(&self.name);
    }
}
