//! One session and its thread: opens it, does what messages ask, and climbs the ladder when something
//! fails.
//!
//! The ladder: the same work once more on a session of its own, with a new login if the token has
//! logged us out; then the module initialised anew; then "unavailable". A new session proves by the
//! sentinel that the token is there and whole before any work is done on it. So it shows whether the
//! token has failed or the one key alone, and one bad key never makes the module start over.

mod ladder;

use std::sync::Arc;
use std::time::{Duration, Instant};

use cryptoki::session::Session;

use signer_domain::Deadline;
use signer_domain::ports::KeyProviderError;

use self::ladder::{Climb, Failed};
use super::desk::Desk;
use super::error::{Fault, unavailable};
use super::key_cache::Epoch;
use super::module::Entered;
use super::stopwatch::{Stopwatch, Until};
use super::token::{Standing, Token};

/// How often one call tries, at most, whatever goes wrong.
const MOST_ATTEMPTS: u32 = 6;
/// How long a session that is given up may wait to be closed.
const CLOSING_WAIT: Duration = Duration::from_millis(100);

/// What a session is asked to do, as plain data.
pub(super) trait Message: Send + 'static {
    type Answer: Send;

    /// What is done, in the gerund.
    const DOING: &'static str;

    fn carry_out(self, session: &mut SessionThread) -> Result<Self::Answer, KeyProviderError>;
}

/// Owns one session. It is made, used and dropped on one thread. That one may hang in the module for
/// ever and be left, so it is no actix actor, whose mailbox would hang with it.
pub(super) struct SessionThread {
    token: Arc<Token>,
    stopwatch: Arc<Stopwatch>,
    session: Option<OpenSession>,
    /// Of the message that is carried out.
    pub(super) deadline: Deadline,
}

struct OpenSession {
    session: Session,
    epoch: Epoch,
}

impl SessionThread {
    /// Of the thread whose `stopwatch` it is.
    pub(super) fn new(token: Arc<Token>, stopwatch: Arc<Stopwatch>) -> Self {
        Self {
            token,
            stopwatch,
            session: None,
            deadline: Deadline::after(Duration::ZERO),
        }
    }

    pub(super) fn token(&self) -> Arc<Token> {
        Arc::clone(&self.token)
    }

    /// Initialises the module, unless that has been done in this process.
    pub(super) fn initialise_module_first(&self) -> Result<(), KeyProviderError> {
        let until = Until::new(self.deadline.instant(), &self.stopwatch);
        let initialised = self.token.module.initialise(0, until);
        initialised
            .map(drop)
            .map_err(|fault| fault.into_answer(false))
    }

    /// Lets some time pass outside of the module, so that nobody waits for this thread.
    pub(super) fn pause(&self, pause: Duration) {
        let until = Until::new(self.deadline.instant(), &self.stopwatch);
        until.at_most(Instant::now() + pause).pass();
    }

    /// Does work that changes nothing.
    pub(super) fn perform<T>(
        &mut self,
        mut work: impl FnMut(&Desk<'_>) -> Result<T, Fault>,
    ) -> Result<T, KeyProviderError> {
        self.perform_noting(|desk, _touched| work(desk))
    }

    /// Does work that sets its second argument before it changes anything in the token.
    pub(super) fn perform_noting<T>(
        &mut self,
        mut work: impl FnMut(&Desk<'_>, &mut bool) -> Result<T, Fault>,
    ) -> Result<T, KeyProviderError> {
        let stopwatch = Arc::clone(&self.stopwatch);
        let until = Until::new(self.deadline.instant(), &stopwatch);
        let mut touched = false;
        let mut climb = Climb::default();
        for _ in 0..MOST_ATTEMPTS {
            let failed = match self.attempt(until, |desk| work(desk, &mut touched)) {
                Ok(done) => return Ok(done),
                Err(failed) => failed,
            };
            // Whatever the fault was, an operation may be left half-way in the session, and nothing
            // but closing it ends that.
            if !matches!(failed, Failed::Working(Fault::Answer(_))) {
                self.close();
            }
            if let Err(fault) = climb.next(&self.token, failed, until) {
                return Err(fault.into_answer(touched));
            }
        }
        Err(unavailable("trying again and again", touched))
    }

    fn attempt<T>(
        &mut self,
        until: Until<'_>,
        work: impl FnOnce(&Desk<'_>) -> Result<T, Fault>,
    ) -> Result<T, Failed> {
        let token = Arc::clone(&self.token);
        let module = token.module.enter(until).ok_or(Failed::Outside)?;
        let module_epoch = module.epoch();
        let failed_with = |standing| {
            move |fault| Failed::Opening {
                fault,
                module_epoch,
                standing,
            }
        };
        let standing = token.standing(&module, until).map_err(failed_with(None))?;
        let session = self
            .session(&token, &module, standing, until)
            .map_err(failed_with(Some(standing)))?;
        let desk = Desk {
            token: &token,
            module: &module,
            standing,
            session,
            until,
        };
        work(&desk).map_err(Failed::Working)
    }

    /// The session of this epoch, opened and proved when there is none yet.
    fn session(
        &mut self,
        token: &Token,
        module: &Entered<'_>,
        standing: Standing,
        until: Until<'_>,
    ) -> Result<&Session, Fault> {
        let is_current = |open: &OpenSession| open.epoch == standing.epoch;
        if !self.session.as_ref().is_some_and(is_current) {
            if let Some(stale) = self.session.take() {
                stale.close(module);
            }
            let session = module
                .open_rw_session_no_drop(standing.slot)
                .map_err(Fault::refused("opening a session"))?;
            let open = OpenSession {
                session,
                epoch: standing.epoch,
            };
            let desk = Desk {
                token,
                module,
                standing,
                session: &open.session,
                until,
            };
            if let Err(fault) = desk.prove() {
                open.close(module);
                return Err(fault);
            }
            token.note_proven();
            self.session = Some(open);
        }
        self.session
            .as_ref()
            .map(|open| &open.session)
            .ok_or(Fault::doubtful("opening a session"))
    }

    /// Gives the session up; the next work opens another.
    pub(super) fn close(&mut self) {
        if let Some(open) = self.session.take()
            && let until = Until::new(Instant::now() + CLOSING_WAIT, &self.stopwatch)
            && let Some(module) = self.token.module.enter(until)
        {
            open.close(&module);
        }
    }
}

impl Drop for SessionThread {
    fn drop(&mut self) {
        self.close();
    }
}

impl OpenSession {
    /// Closes the session, unless its module has been initialised anew: then the number of the session
    /// may be that of another by now.
    fn close(self, module: &Entered<'_>) {
        if self.epoch.module == module.epoch()
            && let Err(cause) = self.session.close()
        {
            tracing::debug!(%cause, "session not closed in order");
        }
    }
}
