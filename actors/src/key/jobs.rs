//! The signatures of one key that are waited for.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use signer_domain::ports::{CustodyError, SignedDigest};
use signer_domain::{Deadline, Digest};

use super::exit::{Exit, Unreleased};
use super::promise::Promise;
use super::{Ask, Seats, Sign, SignMany};
use crate::admission::Seat;

/// So many single signatures go before one of a share.
const SINGLES_FIRST: u32 = 7;
/// How often it is looked whether anybody still waits for a share.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// What a share of a batch comes to, in the order of its digests.
pub type Shared = Vec<Result<Unreleased, CustodyError>>;

/// The signatures that are waited for. Single ones go first, but for every eighth; shares take turns.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    singles: VecDeque<Single>,
    shares: VecDeque<Share>,
    /// How many single ones went first in a row.
    in_a_row: u32,
}

/// What is done next.
#[derive(Debug)]
pub(super) enum Job {
    Single(Single),
    Item(Item),
}

/// One signature that is waited for.
#[derive(Debug)]
pub(super) struct Single {
    pub(super) asked: Ask<Sign>,
    pub(super) promise: Promise<Result<SignedDigest, CustodyError>>,
}

/// Many signatures that one batch waits for.
#[derive(Debug)]
pub(super) struct Share {
    digests: Vec<Digest>,
    next: usize,
    deadline: Deadline,
    book: Rc<Book>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Item {
    digest: Digest,
    deadline: Deadline,
    position: usize,
    book: Rc<Book>,
}

/// What became of the digests of a share so far.
#[derive(Debug)]
struct Book {
    results: RefCell<Vec<Option<Result<Unreleased, CustodyError>>>>,
    left: Cell<usize>,
    promise: RefCell<Option<Promise<Result<Shared, CustodyError>>>>,
    _seats: Seats,
    /// Keeps the way out in place for what was made.
    stays: Arc<Option<Seat>>,
}

impl Jobs {
    pub(super) fn add(&mut self, single: Single) {
        self.singles.push_back(single);
    }

    pub(super) fn add_share(&mut self, share: Share) {
        self.shares.push_back(share);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.singles.is_empty() && self.shares.is_empty()
    }

    /// The next one that somebody still waits for.
    pub(super) fn next(&mut self) -> Option<Job> {
        if self.in_a_row < SINGLES_FIRST
            && let Some(single) = self.next_single()
        {
            self.in_a_row += 1;
            return Some(Job::Single(single));
        }
        self.in_a_row = 0;
        let item = self.next_item().map(Job::Item);
        item.or_else(|| self.next_single().map(Job::Single))
    }

    fn next_single(&mut self) -> Option<Single> {
        while let Some(single) = self.singles.pop_front() {
            if !single.promise.is_abandoned() {
                return Some(single);
            }
        }
        None
    }

    fn next_item(&mut self) -> Option<Item> {
        while let Some(mut share) = self.shares.pop_front() {
            if share.book.is_abandoned() {
                continue;
            }
            if let Some(item) = share.next() {
                self.shares.push_back(share);
                return Some(item);
            }
        }
        None
    }

    /// Lets go whoever waits no longer, and tells those whose time is up.
    pub(super) fn drop_the_late(&mut self) {
        let late = || CustodyError::DeadlineExceeded;
        for single in std::mem::take(&mut self.singles) {
            if single.asked.deadline.is_past() {
                single.promise.keep(Err(late()));
            } else if !single.promise.is_abandoned() {
                self.singles.push_back(single);
            }
        }
        for share in std::mem::take(&mut self.shares) {
            if share.deadline.is_past() {
                share.refuse(&late());
            } else if !share.book.is_abandoned() {
                self.shares.push_back(share);
            }
        }
    }

    /// Tells everybody why there will be no signature.
    pub(super) fn refuse(&mut self, error: &CustodyError) {
        for single in self.singles.drain(..) {
            single.promise.keep(Err(error.clone()));
        }
        for share in self.shares.drain(..) {
            share.refuse(error);
        }
    }
}

impl Job {
    /// What is to be signed, and until when.
    pub(super) const fn wanted(&self) -> (Digest, Deadline) {
        match self {
            Self::Single(Single { asked, .. }) => (asked.request.digest, asked.deadline),
            Self::Item(item) => (item.digest, item.deadline),
        }
    }

    /// Says why there will be no signature.
    pub(super) fn refuse(self, error: CustodyError) {
        match self {
            Self::Single(single) => single.promise.keep(Err(error)),
            Self::Item(item) => item.keep(Err(error)),
        }
    }

    /// Answers with a signature. A single one is handed out here, an item by its batch.
    pub(super) fn keep(self, signed: Result<SignedDigest, CustodyError>, exit: Arc<Exit>) {
        match self {
            Self::Single(single) => {
                single
                    .promise
                    .keep(signed.and_then(|signed| exit.hand_out(signed)));
            }
            Self::Item(item) => {
                let unreleased = item.unreleased(signed, exit);
                item.keep(unreleased);
            }
        }
    }

    /// Answers with what the work comes to, unless nobody waits for it any more.
    pub(super) async fn keep_by(
        self,
        work: impl Future<Output = Result<SignedDigest, CustodyError>>,
        exit: Arc<Exit>,
    ) {
        match self {
            Self::Single(single) => {
                let _seats = single.asked.seats;
                let handed_out = async { exit.hand_out(work.await?) };
                single.promise.keep_by(handed_out).await;
            }
            Self::Item(item) => {
                item.keep_by(work, exit).await;
            }
        }
    }
}

impl Share {
    pub(super) fn new(
        asked: Ask<SignMany>,
        promise: Promise<Result<Shared, CustodyError>>,
        stays: Option<Seat>,
    ) -> Self {
        let Ask {
            request: SignMany { digests },
            deadline,
            seats,
        } = asked;
        let results = digests.iter().map(|_| None).collect();
        let book = Rc::new(Book {
            results: RefCell::new(results),
            left: Cell::new(digests.len()),
            promise: RefCell::new(Some(promise)),
            _seats: seats,
            stays: Arc::new(stays),
        });
        book.close_if_full();
        Self {
            digests,
            next: 0,
            deadline,
            book,
        }
    }

    fn next(&mut self) -> Option<Item> {
        let position = self.next;
        let digest = *self.digests.get(position)?;
        self.next += 1;
        Some(Item {
            digest,
            deadline: self.deadline,
            position,
            book: Rc::clone(&self.book),
        })
    }

    fn refuse(mut self, error: &CustodyError) {
        while let Some(item) = self.next() {
            item.keep(Err(error.clone()));
        }
    }
}

impl Item {
    /// Notes the result. The last one of a share answers it.
    fn keep(self, result: Result<Unreleased, CustodyError>) {
        if let Some(place) = self.book.results.borrow_mut().get_mut(self.position) {
            *place = Some(result);
        }
        self.book.left.set(self.book.left.get().saturating_sub(1));
        self.book.close_if_full();
    }

    fn unreleased(
        &self,
        signed: Result<SignedDigest, CustodyError>,
        exit: Arc<Exit>,
    ) -> Result<Unreleased, CustodyError> {
        let stays = Arc::clone(&self.book.stays);
        signed.map(|signed| Unreleased {
            signed,
            exit,
            _stays: stays,
        })
    }

    /// Notes what the work comes to, unless nobody waits for the share any more.
    async fn keep_by(
        self,
        work: impl Future<Output = Result<SignedDigest, CustodyError>>,
        exit: Arc<Exit>,
    ) {
        let book = Rc::clone(&self.book);
        let abandoned = async {
            while !book.is_abandoned() {
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
        };
        tokio::select! {
            biased;
            signed = work => {
                let unreleased = self.unreleased(signed, exit);
                self.keep(unreleased);
            }
            () = abandoned => {}
        }
    }
}

impl Book {
    fn is_abandoned(&self) -> bool {
        let promise = self.promise.borrow();
        promise.as_ref().is_none_or(Promise::is_abandoned)
    }

    fn close_if_full(&self) {
        if self.left.get() > 0 {
            return;
        }
        if let Some(promise) = self.promise.take() {
            let results = self.results.take().into_iter();
            let results = results.map(|result| result.unwrap_or(Err(CustodyError::Internal)));
            promise.keep(Ok(results.collect()));
        }
    }
}
