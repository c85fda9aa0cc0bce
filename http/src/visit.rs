//! What is known of a connection while it lasts, to its requests and to its stream.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use signer_domain::ports::ReleaseHold;

use crate::peer::Ingress;

/// What is known of a connection while it lasts.
#[derive(Debug)]
pub(crate) struct Visit {
    ingress: Ingress,
    is_busy: Cell<bool>,
    is_over: Cell<bool>,
    is_cut: Cell<bool>,
    /// How many answers are made whose bodies the parser has not taken yet.
    untaken: Cell<usize>,
    /// What goes with the signatures in answers that the kernel has not taken whole.
    holds: RefCell<Vec<ReleaseHold>>,
}

impl Visit {
    pub(crate) const fn new(ingress: Ingress) -> Self {
        Self {
            ingress,
            is_busy: Cell::new(false),
            is_over: Cell::new(false),
            is_cut: Cell::new(false),
            untaken: Cell::new(0),
            holds: RefCell::new(Vec::new()),
        }
    }

    pub(crate) const fn ingress(&self) -> Ingress {
        self.ingress
    }

    /// A request has come in whole, as far as its head goes, and is now worked on.
    pub(crate) fn begin_work(&self) {
        self.is_busy.set(true);
    }

    /// The answer to it is made.
    pub(crate) fn end_work(&self) {
        self.is_busy.set(false);
    }

    pub(crate) const fn is_busy(&self) -> bool {
        self.is_busy.get()
    }

    /// Nothing more is said after the answer that is being given. Tells whether that was so before.
    pub(crate) fn end(&self) -> bool {
        self.is_over.replace(true)
    }

    /// Keeps what goes with the signatures in an answer until the kernel has all of its bytes. The
    /// parser has taken the body once the result is dropped.
    pub(crate) fn hold(self: &Rc<Self>, holds: Vec<ReleaseHold>) -> Untaken {
        self.holds.borrow_mut().extend(holds);
        self.untaken.set(self.untaken.get() + 1);
        Untaken(Rc::clone(self))
    }

    /// Whether there are signatures that the kernel has not taken.
    pub(crate) fn is_holding(&self) -> bool {
        !self.holds.borrow().is_empty()
    }

    /// The kernel has all that the parser had for it.
    pub(crate) fn note_all_sent(&self) {
        if self.untaken.get() == 0 {
            self.holds.borrow_mut().clear();
        }
    }

    /// Whether nothing more may be sent. Decides so when a retirement waits for signatures that the
    /// caller does not read; what was held is let go of then, because none of it will ever leave.
    pub(crate) fn is_cut(&self) -> bool {
        let mut holds = self.holds.borrow_mut();
        if holds.iter().any(ReleaseHold::is_recalled) {
            self.is_cut.set(true);
            holds.clear();
        }
        self.is_cut.get()
    }
}

/// The body of an answer that the parser has not taken yet.
#[derive(Debug)]
pub(crate) struct Untaken(Rc<Visit>);

impl Drop for Untaken {
    fn drop(&mut self) {
        self.0.untaken.set(self.0.untaken.get().saturating_sub(1));
    }
}
