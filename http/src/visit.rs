//! What is known of a connection while it lasts, to its requests and to its stream.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use actix_http::RequestHead;
use signer_domain::ports::ReleaseHold;

use crate::body::{self, Framing};
use crate::intake::Share;
use crate::peer::Ingress;

/// What is known of a connection while it lasts.
#[derive(Debug)]
pub(crate) struct Visit {
    ingress: Ingress,
    /// How long the caller is told that the connection may stay idle.
    idle_limit: Duration,
    stage: Cell<Stage>,
    /// How much of the body of the request at hand has not been shown to the parser.
    body: Cell<Framing>,
    /// Whether that body is being read.
    is_reading: Cell<bool>,
    is_over: Cell<bool>,
    is_cut: Cell<bool>,
    /// Whether an answer is made that the parser has not taken whole.
    is_untaken: Cell<bool>,
    /// What goes with the signatures in the answer, until the kernel has taken it whole.
    holds: RefCell<Vec<ReleaseHold>>,
}

/// How far the request at hand is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// There is none, or its head is not whole.
    Awaited,
    /// It is worked on.
    InWork,
    /// Its answer is on its way.
    Answered,
}

impl Visit {
    pub(crate) fn new(ingress: Ingress, idle_limit: Duration) -> Self {
        Self {
            ingress,
            idle_limit,
            stage: Cell::new(Stage::Awaited),
            body: Cell::new(Framing::None),
            is_reading: Cell::new(false),
            is_over: Cell::new(false),
            is_cut: Cell::new(false),
            is_untaken: Cell::new(false),
            holds: RefCell::new(Vec::new()),
        }
    }

    pub(crate) const fn ingress(&self) -> Ingress {
        self.ingress
    }

    pub(crate) const fn idle_limit(&self) -> Duration {
        self.idle_limit
    }

    /// The head of a request has come in whole, and it is now worked on.
    pub(crate) fn begin_work(&self, head: &RequestHead) {
        self.stage.set(Stage::InWork);
        self.body.set(body::framing(head));
    }

    /// The answer to it is made. What goes with its signatures is kept until the kernel has all of its
    /// bytes. The parser has taken the answer whole once the result is dropped.
    pub(crate) fn end_work(self: &Rc<Self>, holds: Vec<ReleaseHold>) -> Untaken {
        self.stage.set(Stage::Answered);
        self.is_untaken.set(true);
        self.holds.replace(holds);
        Untaken(Rc::clone(self))
    }

    /// Whether a request is at hand, or its answer not wholly sent.
    pub(crate) fn is_occupied(&self) -> bool {
        self.stage.get() != Stage::Awaited
    }

    /// Nothing more is said after the answer that is being given. Tells whether that was so before.
    pub(crate) fn end(&self) -> bool {
        self.is_over.replace(true)
    }

    /// Whether the answer that is being given is the last.
    pub(crate) const fn is_over(&self) -> bool {
        self.is_over.get()
    }

    /// The body of the request at hand is read until the result is dropped.
    pub(crate) async fn read_body(&self) -> Reading<'_> {
        self.is_reading.set(true);
        // The stream may have been asked before, and told the parser that there is nothing to be had.
        poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::Ready(Reading(&self.is_reading))
        })
        .await
    }

    /// Whether the body of the request at hand is being read.
    pub(crate) const fn is_reading(&self) -> bool {
        self.is_reading.get()
    }

    /// What the parser may be shown of what comes in.
    pub(crate) fn share(&self) -> Share {
        match (self.stage.get(), self.body.get()) {
            (Stage::Awaited, _) => Share::ToEmptyLine,
            (Stage::InWork, Framing::Length(left)) if self.is_reading.get() && left > 0 => {
                Share::Length(left)
            }
            (Stage::InWork, Framing::Chunks) if self.is_reading.get() => Share::ToEmptyLine,
            (Stage::InWork | Stage::Answered, _) => Share::Nothing,
        }
    }

    /// So much of what came in was shown to the parser, or thrown away.
    pub(crate) fn note_taken(&self, bytes: usize) {
        if let Framing::Length(left) = self.body.get() {
            let taken = u64::try_from(bytes).unwrap_or(u64::MAX);
            self.body.set(Framing::Length(left.saturating_sub(taken)));
        }
    }

    /// Whether more of the body of the last request may still come.
    pub(crate) const fn has_rest(&self) -> bool {
        match self.body.get() {
            Framing::None => false,
            Framing::Length(left) => left > 0,
            Framing::Chunks => true,
        }
    }

    /// Whether there are signatures that the kernel has not taken.
    pub(crate) fn is_holding(&self) -> bool {
        !self.holds.borrow().is_empty()
    }

    /// The kernel has all that the parser had for it. Tells whether an answer is sent whole by that.
    pub(crate) fn note_all_sent(&self) -> bool {
        let is_sent = self.stage.get() == Stage::Answered && !self.is_untaken.get();
        if is_sent {
            self.stage.set(Stage::Awaited);
            self.holds.borrow_mut().clear();
        }
        is_sent
    }

    /// Whether nothing more may be sent. Decides so when a retirement waits for signatures that the
    /// caller does not read, or signatures may not leave at all; what was held is let go of then, because
    /// none of it will ever leave.
    pub(crate) fn is_cut(&self, may_release: impl FnOnce() -> bool) -> bool {
        let mut holds = self.holds.borrow_mut();
        let is_recalled = holds.iter().any(ReleaseHold::is_recalled);
        if is_recalled || !holds.is_empty() && !may_release() {
            self.is_cut.set(true);
            holds.clear();
        }
        self.is_cut.get()
    }
}

/// An answer that the parser has not taken whole.
#[derive(Debug)]
pub(crate) struct Untaken(Rc<Visit>);

impl Drop for Untaken {
    fn drop(&mut self) {
        self.0.is_untaken.set(false);
    }
}

/// A body that is being read.
#[derive(Debug)]
pub(crate) struct Reading<'v>(&'v Cell<bool>);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}
