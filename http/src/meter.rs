//! What one connection takes up, and whether it has to make room.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::crowd::{Guest, Place};
use crate::memory::{MemoryBudget, Reservation};

/// How many bytes may wait for the HTTP parser at the flat rate of a connection.
const AT_HAND: usize = 16 * 1024;
/// What a head beyond that takes, at most: the parser doubles its buffer up to twice its limit.
const LARGE_HEAD: usize = 256 * 1024;
/// The parser may leave out of account so many bytes of each head, such as blanks around values.
const SLACK: usize = 512;
/// How long a connection must have been still before it has to make room for another's bytes.
const STILLNESS: Duration = Duration::from_secs(1);

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It has not brought a whole head yet.
    New,
    /// Its last request is answered.
    Idle,
    /// The body of its request is being read.
    Receiving,
    /// Its request is being worked on.
    Working,
    /// Its last answer is made: what it still brings is thrown away.
    Over,
}

/// How much of a large head the parser is given before it looks: it begins anew each time.
const LARGE_PIECE: usize = 64 * 1024;

/// Whether the connection may bring more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ration {
    /// So many bytes.
    Open(usize),
    /// Not before its request is answered.
    Closed,
    /// Never: there is no room for the head that it brings, its first one or another.
    Exhausted { is_first: bool },
}

/// What one connection takes up. Shared by its stream and its requests, on one thread.
#[derive(Debug)]
pub(crate) struct Meter {
    budget: Arc<MemoryBudget>,
    place: Place,
    is_stranger: bool,
    phase: Cell<Phase>,
    is_deaf: Cell<bool>,
    is_evicted: Cell<bool>,
    /// When it last got on.
    moved: Cell<Instant>,
    /// When it began, or its last answer was made.
    answered: Cell<Instant>,
    /// Bytes that the parser was given and that were not accounted for as parts of requests.
    pending: Cell<usize>,
    large_head: RefCell<Option<Reservation>>,
    /// How much is reserved for its requests and answers.
    reserved: Cell<bool>,
    task: RefCell<Option<Waker>>,
}

impl Meter {
    pub(crate) fn new(budget: Arc<MemoryBudget>, place: Place, is_stranger: bool) -> Self {
        Self {
            budget,
            place,
            is_stranger,
            phase: Cell::new(Phase::New),
            is_deaf: Cell::new(false),
            is_evicted: Cell::new(false),
            moved: Cell::new(Instant::now()),
            answered: Cell::new(Instant::now()),
            pending: Cell::new(0),
            large_head: RefCell::new(None),
            reserved: Cell::new(false),
            task: RefCell::new(None),
        }
    }

    /// A head of about `size` bytes has come in whole.
    pub(crate) fn begin(&self, size: usize) {
        let rest = self.pending.get().saturating_sub(size + SLACK);
        self.pending.set(rest);
        if rest <= AT_HAND {
            self.large_head.take();
        }
        self.phase.set(Phase::Working);
        self.moved.set(Instant::now());
    }

    /// The body of the request is read now, which has its own reservation.
    pub(crate) fn receive(&self) {
        self.phase.set(Phase::Receiving);
    }

    /// The request is whole.
    pub(crate) fn work(&self) {
        self.phase.set(Phase::Working);
    }

    /// The answer is made.
    pub(crate) fn end(&self) {
        self.phase.set(Phase::Idle);
        self.answered.set(Instant::now());
        self.moved.set(Instant::now());
        self.wake();
    }

    /// The answer is made, and is the last.
    pub(crate) fn finish(&self) {
        self.end();
        self.phase.set(Phase::Over);
    }

    /// Reserves what a request or an answer takes.
    pub(crate) fn reserve(self: &Rc<Self>, bytes: usize) -> Option<Holding> {
        let reservation = self.budget.reserve(bytes)?;
        self.reserved.set(true);
        Some(Holding {
            reservation,
            meter: Rc::clone(self),
        })
    }

    /// How much the connection may bring now, `most` at a time where the head is not known to be large.
    pub(crate) fn ration(&self, most: usize) -> Ration {
        let pending = self.pending.get();
        match self.phase.get() {
            Phase::Receiving | Phase::Over => Ration::Open(most),
            Phase::Working if pending < AT_HAND => Ration::Open(most.min(AT_HAND - pending)),
            Phase::Working => Ration::Closed,
            Phase::New | Phase::Idle if pending < AT_HAND => Ration::Open(most),
            phase @ (Phase::New | Phase::Idle) => {
                let is_first = phase == Phase::New;
                let mut large = self.large_head.borrow_mut();
                if large.is_none() && !self.is_stranger {
                    *large = self.budget.reserve(LARGE_HEAD);
                }
                match *large {
                    Some(_) => Ration::Open(LARGE_PIECE),
                    None => Ration::Exhausted { is_first },
                }
            }
        }
    }

    /// The parser was given so many bytes.
    pub(crate) fn take_in(&self, bytes: usize) {
        if !matches!(self.phase.get(), Phase::Receiving | Phase::Over) {
            self.pending.set(self.pending.get() + bytes);
        }
        self.moved.set(Instant::now());
    }

    /// The caller takes what is sent, or does not.
    pub(crate) fn note_sending(&self, is_deaf: bool) {
        if !is_deaf {
            self.moved.set(Instant::now());
        }
        self.is_deaf.set(is_deaf);
    }

    /// Remembers whom to wake when there is news.
    pub(crate) fn remember(&self, waker: &Waker) {
        let mut task = self.task.borrow_mut();
        match &mut *task {
            Some(known) => known.clone_from(waker),
            None => *task = Some(waker.clone()),
        }
    }

    pub(crate) const fn is_stranger(&self) -> bool {
        self.is_stranger
    }

    fn wake(&self) {
        if let Some(task) = self.task.borrow().as_ref() {
            task.wake_by_ref();
        }
    }

    pub(crate) const fn is_evicted(&self) -> bool {
        self.is_evicted.get()
    }

    /// Has the connection closed at once.
    pub(crate) fn evict(&self) {
        self.is_evicted.set(true);
        self.wake();
    }

    /// How readily the connection makes room for another one of `guest`, lowest first, and since when
    /// it has been still; none when it does not. Of probes, which anybody can send, it is the one that
    /// has not been answered for longest, whatever it says meanwhile.
    pub(crate) fn readiness_to_leave(&self, guest: Guest) -> Option<(u8, Instant)> {
        if self.place.guest() != guest || self.is_evicted.get() {
            return None;
        }
        if guest == Guest::Probe {
            let is_waited_for = self.phase.get() != Phase::Working;
            return is_waited_for.then(|| (0, self.answered.get()));
        }
        let readiness = match self.phase.get() {
            Phase::New => 0,
            Phase::Receiving | Phase::Over => 1,
            Phase::Idle if self.is_deaf.get() => 1,
            Phase::Idle => 2,
            Phase::Working => return None,
        };
        Some((readiness, self.moved.get()))
    }

    /// Since when the connection has kept bytes and not got on; none when it has.
    pub(crate) fn hoarding_since(&self) -> Option<Instant> {
        let holds = self.reserved.get() || self.large_head.borrow().is_some();
        let is_waited_for = self.phase.get() != Phase::Working || self.is_deaf.get();
        let moved = self.moved.get();
        let is_still = moved.elapsed() >= STILLNESS;
        (holds && is_waited_for && is_still && !self.is_evicted.get()).then_some(moved)
    }
}

/// Bytes that a request or its answer takes. They are given back on drop.
#[derive(Debug)]
pub(crate) struct Holding {
    reservation: Reservation,
    meter: Rc<Meter>,
}

impl Holding {
    /// Gives back all but `bytes`.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        self.reservation.shrink_to(bytes);
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.meter.reserved.set(false);
    }
}
