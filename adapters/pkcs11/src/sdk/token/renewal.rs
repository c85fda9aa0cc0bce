//! Initialising the module anew, and when it is too early for that.

use std::time::{Duration, Instant};

use super::{SHORT_PAUSE, Token};
use crate::sdk::error::Fault;
use crate::sdk::module::Entered;
use crate::sdk::stopwatch::Until;

impl Token {
    /// Initialises the module anew because of `fault`: the last resort, and no more often than the pauses
    /// permit.
    ///
    /// # Errors
    /// When it is too early for that, or in vain.
    pub(crate) fn initialise_module(
        &self,
        fault: Fault,
        seen: u64,
        until: Until<'_>,
    ) -> Result<(), Fault> {
        let is_over = |module: Entered<'_>| module.epoch() != seen;
        if self.module.enter(until).is_some_and(is_over) {
            // Somebody has just done so, whether or not it helped.
            return Ok(());
        }
        self.note_helpless();
        let pause = self.backoff.lock().pause(Instant::now());
        if !pause.is_zero() {
            wait_out(fault, pause, until)?;
        }
        let initialised = self.module.initialise(seen, until);
        if !matches!(initialised, Ok(false)) {
            self.backoff.lock().count(Instant::now());
        }
        initialised.map(drop)
    }

    /// Initialises the module anew, for only then it shows whether an object that was to be destroyed is
    /// gone.
    ///
    /// # Errors
    /// When it is too early for that, or in vain.
    pub(crate) fn initialise_module_in_doubt(
        &self,
        fault: Fault,
        seen: u64,
        until: Until<'_>,
    ) -> Result<(), Fault> {
        let pause = self.doubts.pause(Instant::now());
        if !pause.is_zero() {
            return Err(fault.not_before(pause));
        }
        self.doubts.count(Instant::now());
        self.initialise_module(fault, seen, until)
    }

    /// Notes that a session has proved the token to be whole.
    pub(crate) fn note_proven(&self) {
        self.backoff.lock().reset();
        self.stuck.note_proven();
    }

    /// Notes that the token has signed, so that it is of use as it is.
    pub(crate) fn note_signed(&self) {
        self.stuck.relieve();
    }

    /// Notes that nobody can work before the module is initialised anew, or a thread comes back;
    /// whether or not that can be had now.
    pub(crate) fn note_helpless(&self) {
        let hung_on = self.module.hung_on();
        if hung_on.is_empty() {
            self.stuck.relieve();
            return;
        }
        // A new process would offer a refused PIN again.
        let may_end = self.pin_refusal().is_none();
        if may_end && self.stuck.note_helpless(Instant::now()) {
            tracing::error!(
                module = %self.module.path().display(),
                hung_on = hung_on.join(", "),
                "calls to the token do not return, and nothing but a new process can use it again; \
                 the process ends for its supervisor to start it again"
            );
        }
    }

    /// Ends when the module counts as stuck.
    pub(crate) fn stuck(&self) -> impl Future<Output = ()> + Send + use<> {
        self.stuck.reached()
    }
}

/// Waits for the end of the pause behind a fault if it is a short one.
///
/// # Errors
/// When it is not, or ends too late.
pub(crate) fn wait_out(fault: Fault, pause: Duration, until: Until<'_>) -> Result<(), Fault> {
    let end = Instant::now() + pause;
    if pause > SHORT_PAUSE || end >= until.instant() {
        return Err(fault.not_before(pause));
    }
    until.at_most(end).pass();
    Ok(())
}
