//! What a call tries next when an attempt has failed.

use crate::sdk::error::{Fault, Remedy};
use crate::sdk::stopwatch::Until;
use crate::sdk::token::{Standing, Token, wait_out};

/// Where an attempt failed.
pub(super) enum Failed {
    /// Nobody could enter the module in time.
    Outside,
    /// The session could not be opened, or did not show the token whole.
    Opening {
        fault: Fault,
        module_epoch: u64,
        standing: Option<Standing>,
    },
    /// The token was proved whole, and the work failed.
    Working(Fault),
}

/// How far up the ladder a call has come.
#[derive(Default)]
pub(super) struct Climb {
    opening_failed: bool,
    working_failed: bool,
    has_initialised: bool,
}

impl Climb {
    /// Takes the next step; a fault when there is none left.
    pub(super) fn next(
        &mut self,
        token: &Token,
        failed: Failed,
        until: Until<'_>,
    ) -> Result<(), Fault> {
        match failed {
            Failed::Outside => {
                token.note_helpless();
                Err(Fault::doubtful("waiting for the module"))
            }
            Failed::Working(fault @ Fault::Concealed { module_epoch })
                if !self.has_initialised && !until.is_past() =>
            {
                tracing::warn!(
                    "an object that was to be destroyed may only be hidden; initialising the module anew"
                );
                self.has_initialised = true;
                token.initialise_module_in_doubt(fault, module_epoch, until)
            }
            Failed::Working(fault) => {
                // A handle that has come to mean another object also gives errors that no repetition
                // would cure, so everything but an answer is tried once more with nothing remembered.
                let is_final = matches!(fault, Fault::Answer(_)) || fault.remedy() == Remedy::Wait;
                if is_final || self.working_failed || until.is_past() {
                    return Err(fault);
                }
                tracing::warn!(cause = %fault, "call to the token failed; trying on a new session");
                self.working_failed = true;
                Ok(())
            }
            Failed::Opening {
                fault,
                module_epoch,
                standing,
            } => {
                let fault = match (fault, standing) {
                    (Fault::LoggedOut, Some(seen)) if !until.is_past() => {
                        match log_in_again(token, seen, until) {
                            Ok(()) => return Ok(()),
                            Err(fault) => fault,
                        }
                    }
                    (fault, _) => fault,
                };
                self.reopen(token, fault, module_epoch, until)
            }
        }
    }

    /// The next step when no session that shows the token whole could be had.
    fn reopen(
        &mut self,
        token: &Token,
        fault: Fault,
        module_epoch: u64,
        until: Until<'_>,
    ) -> Result<(), Fault> {
        if let Fault::TooEarly { pause, .. } = fault {
            return wait_out(fault, pause, until);
        }
        if fault.remedy() != Remedy::TryAgain {
            return Err(fault);
        }
        if until.is_past() {
            // Whoever waits in vain for a login that hangs never comes any further than this.
            if matches!(fault, Fault::Doubtful { .. }) {
                token.note_helpless();
            }
            return Err(fault);
        }
        // A login is not repeated before something has been done about its failure.
        let is_conclusive = matches!(fault, Fault::Doubtful { .. }) || fault.is_of_login();
        if !self.opening_failed && !is_conclusive {
            tracing::warn!(cause = %fault, "session does not open; trying once more");
            self.opening_failed = true;
            return Ok(());
        }
        if self.has_initialised {
            return Err(fault);
        }
        tracing::warn!(cause = %fault, "token not usable; initialising the module anew");
        self.has_initialised = true;
        token.initialise_module(fault, module_epoch, until)
    }
}

fn log_in_again(token: &Token, seen: Standing, until: Until<'_>) -> Result<(), Fault> {
    let module = token
        .module
        .enter(until)
        .ok_or(Fault::doubtful("waiting for the module"))?;
    token.log_in_again(&module, seen, until)
}
