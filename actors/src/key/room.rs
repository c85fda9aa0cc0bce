//! Room for those who want something of one key.

use std::sync::Arc;
use std::time::Duration;

use signer_domain::Deadline;
use signer_domain::ports::CustodyError;

use super::exit::Exit;
use crate::admission::{Admission, Seat};

/// How many calls other than signs may be under way for one key: retirements, reads.
const CONTROL_SEATS: usize = 32;
/// How often it is looked whether a former actor's work is over.
const LOOK_INTERVAL: Duration = Duration::from_millis(2);
/// More than are ever under way for one key.
const JOBS: usize = 1 << 24;

/// Room for those who want something of one key, and the way out for its signatures. It outlives the
/// actor: the next one is opened when all that the former one began is over.
#[derive(Debug)]
pub(crate) struct Room {
    /// Who wants one signature, from asking until it is made.
    singles: Admission,
    /// Who wants anything but signatures. A flood of signs does not keep a retirement out.
    control: Admission,
    /// Everything that is under way.
    jobs: Admission,
    /// Who is about to open the actor.
    openers: Admission,
    pub(super) exit: Arc<Exit>,
}

/// Where to queue for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// For one signature: turned away when there is no room.
    Single,
    /// For a share of a batch: waits for room at the provider.
    Share,
    /// For a change or a read: turned away when there is no room, but not for signs.
    Control,
}

/// What a message to a key's actor occupies, from asking to answer, so that the actor is not passivated
/// and nobody is crowded out, also when the asker has gone away. A message without seats is not counted.
#[derive(Debug, Default)]
pub struct Seats(#[expect(dead_code, reason = "seats are given back on drop")] [Option<Seat>; 3]);

impl Room {
    /// A room in which `queue` callers may want one signature each.
    pub(crate) fn new(queue: usize) -> Self {
        Self {
            singles: Admission::new(queue),
            control: Admission::new(CONTROL_SEATS),
            jobs: Admission::new(JOBS),
            openers: Admission::new(JOBS),
            exit: Arc::new(Exit::new()),
        }
    }

    /// Takes seats in a line, beside the one that was taken at the provider.
    ///
    /// # Errors
    /// [`CustodyError::Overloaded`] when there is no room.
    pub(crate) fn enter(&self, line: Line, provider: Option<Seat>) -> Result<Seats, CustodyError> {
        let seat = match line {
            Line::Single => Some(self.singles.enter()?),
            Line::Control => Some(self.control.enter()?),
            Line::Share => None,
        };
        Ok(Seats([seat, provider, Some(self.jobs.enter()?)]))
    }

    /// Keeps the actor in memory.
    pub(super) fn stay(&self) -> Option<Seat> {
        self.jobs.enter().ok()
    }

    /// Keeps the room in place while an actor is about to be opened.
    pub(crate) fn about_to_open(&self) -> Option<Seat> {
        self.openers.enter().ok()
    }

    /// Waits until all that the actor began is over.
    ///
    /// # Errors
    /// [`CustodyError::DeadlineExceeded`] when something took too long.
    pub(crate) async fn over(&self, deadline: Deadline) -> Result<(), CustodyError> {
        // Rare, and nobody may be kept from a seat by it.
        while !self.jobs.is_empty() {
            if deadline.is_past() {
                return Err(CustodyError::DeadlineExceeded);
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        Ok(())
    }

    /// Whether nothing is under way or about to be, and no signature of the key is on its way out.
    pub(crate) fn is_idle(&self) -> bool {
        // A signature of a batch is a job until it has passed the exit, so jobs are looked at first.
        self.jobs.is_empty() && self.openers.is_empty() && self.exit.is_quiet()
    }

    /// Whether the key is quarantined and the registry has not heard of it.
    pub(crate) fn is_suspect(&self) -> bool {
        self.exit.is_suspect()
    }
}
