//! Logging in, which is one for the whole process, and staying so.

use std::time::Instant;

use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::slot::Slot;

use super::selection::Identity;
use super::{PinRefusal, Standing, State, Token};
use crate::sdk::error::{Fault, Remedy};
use crate::sdk::key_cache::Epoch;
use crate::sdk::module::Entered;
use crate::sdk::stopwatch::Until;

impl Token {
    /// Logs in again, unless somebody has done so since the login that was `seen`.
    ///
    /// # Errors
    /// As [`standing`](Self::standing).
    pub(crate) fn log_in_again(
        &self,
        module: &Entered<'_>,
        seen: Standing,
        until: Until<'_>,
    ) -> Result<(), Fault> {
        let mut state = self.lock(until)?;
        let current = *self.standing.read();
        let is_over = current.is_none_or(|current| current.epoch != seen.epoch);
        if is_over || seen.epoch.module != module.epoch() {
            return Ok(());
        }
        self.require_usable_pin()?;
        // Another token that has come into the slot would count the PIN as a wrong one.
        state.require_identity(&Identity::of(module, seen.slot)?)?;
        // There is no anchor when an earlier login failed. If there is one it may be dead, so a new one
        // is opened before it is closed.
        let former = state.anchor.take();
        let renewed = self.anchor(module, seen.slot, &mut state);
        if let Some((epoch, anchor)) = former
            && epoch.module == module.epoch()
        {
            drop(anchor.close());
        }
        self.begin(module, seen.slot, renewed?, &mut state);
        tracing::warn!("token had logged us out; logged in again");
        Ok(())
    }

    /// Opens a session and logs in on it.
    pub(super) fn anchor(
        &self,
        module: &Entered<'_>,
        slot: Slot,
        state: &mut State,
    ) -> Result<Session, Fault> {
        let session = module
            .open_rw_session_no_drop(slot)
            .map_err(Fault::refused("opening a session"))?;
        match self.log_in(module, &session, slot, state) {
            Ok(()) => Ok(session),
            Err(fault) => {
                // The refusal is what matters.
                drop(session.close());
                Err(fault)
            }
        }
    }

    /// Offers the PIN once, if it is not too early for that and the token does not say that a wrong one
    /// would be the last. Some tokens lock themselves after a few.
    fn log_in(
        &self,
        module: &Entered<'_>,
        session: &Session,
        slot: Slot,
        state: &mut State,
    ) -> Result<(), Fault> {
        let info = session
            .get_session_info()
            .map_err(Fault::refused("asking for the state of a session"))?;
        if info.session_state() == SessionState::RwUser {
            return Ok(());
        }
        state.require_login_to_be_due()?;
        self.require_another_try(module, slot)?;
        let pin = self.pin.expose_for_login();
        match session.login(UserType::User, Some(&pin)) {
            Ok(()) => {
                state.login_backoff.reset();
                Ok(())
            }
            // The PIN was not looked at.
            Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
            Err(source) => {
                state.login_backoff.count(Instant::now());
                let fault = Fault::refused("logging in to the token")(source);
                state.login_failure = Some(fault.to_string());
                if fault.remedy() == Remedy::LatchPin {
                    *self.pin_refusal.lock() = Some(PinRefusal::Refused);
                    tracing::error!(cause = %fault, "PIN refused; it is not offered again");
                }
                Err(fault)
            }
        }
    }

    pub(super) fn begin(
        &self,
        module: &Entered<'_>,
        slot: Slot,
        anchor: Session,
        state: &mut State,
    ) -> Standing {
        state.logins += 1;
        let epoch = Epoch {
            module: module.epoch(),
            login: state.logins,
        };
        let standing = Standing { slot, epoch };
        state.anchor = Some((epoch, anchor));
        self.keys.begin(epoch);
        *self.standing.write() = Some(standing);
        standing
    }
}

impl State {
    /// Demands that the pause since the last login that failed is over.
    fn require_login_to_be_due(&self) -> Result<(), Fault> {
        let pause = self.login_backoff.pause(Instant::now());
        if pause.is_zero() {
            return Ok(());
        }
        Err(Fault::TooEarly {
            context: "logging in to the token, which failed a moment ago and is not tried again yet",
            pause,
            source: self.login_failure.clone().map(Into::into),
        })
    }
}
