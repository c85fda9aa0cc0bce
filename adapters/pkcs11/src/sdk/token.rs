//! The token: which one it is, that we are logged in to it, and what is known of its keys.
//!
//! What is remembered here outlives sessions and initialisations: which token this process met first
//! (its label and serial number), the public key of its sentinel, what the registry knows of it, and
//! why the PIN is not offered any more.

mod first_use;
mod login;
mod pin_refusal;
mod renewal;
mod selection;

pub use self::first_use::RegistryKnows;
pub use self::pin_refusal::PinRefusal;
pub(super) use self::renewal::wait_out;
pub(super) use self::selection::select;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cryptoki::session::Session;
use cryptoki::slot::Slot;
use parking_lot::{Mutex, MutexGuard, RwLock};

use signer_domain::PublicKey;

use self::first_use::FirstUse;
use self::selection::Identity;
use super::backoff::Backoff;
use super::doubts::Doubts;
use super::error::Fault;
use super::key_cache::{Epoch, KeyCache};
use super::label::Label;
use super::mechanisms;
use super::module::{Entered, Pkcs11Module};
use super::oddities::Oddities;
use super::sentinel_count::SentinelCount;
use super::settings::Pkcs11Settings;
use super::stopwatch::{Stopwatch, Until};
use super::stuck::Stuck;
use super::user_pin::UserPin;

/// A pause so short that a call rather waits it out than fails.
const SHORT_PAUSE: Duration = Duration::from_millis(250);
/// Short enough that a token that is there again is used again within seconds.
const LONGEST_BETWEEN_INITIALISATIONS: Duration = Duration::from_secs(2);
/// Some modules tell a wrong PIN by a code that may mean anything, and a token locks itself after a few:
/// in the first minute of an outage ten are offered, and then two a minute.
const LONGEST_BETWEEN_LOGINS: Duration = Duration::from_secs(30);

/// One token, as all sessions on it share it.
pub(super) struct Token {
    pub(super) module: Arc<Pkcs11Module>,
    pub(super) settings: Pkcs11Settings,
    pub(super) keys: KeyCache,
    pin: UserPin,
    /// Read at each call, so it is apart from what may be locked while the module is at work.
    standing: RwLock<Option<Standing>>,
    state: Mutex<State>,
    /// Apart from the state, for it is asked about while a login may hang.
    pin_refusal: Mutex<Option<PinRefusal>>,
    backoff: Mutex<Backoff>,
    stuck: Stuck,
    /// Held by the one session that makes the sentinel.
    sentinel_making: Mutex<()>,
    first_use: Mutex<FirstUse>,
    pub(super) sentinels: SentinelCount,
    pub(super) doubts: Doubts,
    /// Held by the session that destroys a private key.
    pub(super) destroying: Mutex<()>,
    pub(super) oddities: Arc<Oddities>,
    /// Names whose pair is being made at this moment, by a call that may never return.
    unsettled: Mutex<HashSet<Label>>,
}

/// Where the token is, and since when we are logged in to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub(super) slot: Slot,
    pub(super) epoch: Epoch,
}

struct State {
    /// The pauses between logins that failed. Only one that succeeds ends them.
    login_backoff: Backoff,
    /// How the last login failed.
    login_failure: Option<String>,
    /// Of the token that was logged in to last, until its sentinel has been seen.
    identity: Option<Identity>,
    sentinel: Option<PublicKey>,
    /// Stays open and does nothing: a token logs us out when its last session closes.
    anchor: Option<(Epoch, Session)>,
    logins: u64,
}

impl State {
    const fn new() -> Self {
        Self {
            login_backoff: Backoff::up_to(LONGEST_BETWEEN_LOGINS),
            login_failure: None,
            identity: None,
            sentinel: None,
            anchor: None,
            logins: 0,
        }
    }

    /// The token to hold on to. One that has not shown its sentinel may be the wrong one, and the right
    /// one may come in its place.
    fn proven_identity(&self) -> Option<&Identity> {
        self.identity.as_ref().filter(|_| self.sentinel.is_some())
    }

    fn require_identity(&self, found: &Identity) -> Result<(), Fault> {
        if self.identity.as_ref() == Some(found) {
            return Ok(());
        }
        tracing::error!(token = %found, "another token in the slot");
        Err(Fault::doubtful("looking for the token of before"))
    }
}

impl Token {
    pub(super) fn new(module: Arc<Pkcs11Module>, settings: Pkcs11Settings, pin: UserPin) -> Self {
        Self {
            stuck: Stuck::after(settings.stuck_after),
            module,
            settings,
            keys: KeyCache::new(),
            pin,
            standing: RwLock::default(),
            state: Mutex::new(State::new()),
            pin_refusal: Mutex::default(),
            backoff: Mutex::new(Backoff::up_to(LONGEST_BETWEEN_INITIALISATIONS)),
            sentinel_making: Mutex::default(),
            first_use: Mutex::default(),
            sentinels: SentinelCount::default(),
            doubts: Doubts::new(),
            destroying: Mutex::default(),
            oddities: Arc::default(),
            unsettled: Mutex::default(),
        }
    }

    /// Why the PIN is not offered any more, if so.
    pub(super) fn pin_refusal(&self) -> Option<PinRefusal> {
        *self.pin_refusal.lock()
    }

    /// Where the token is. After an initialisation it is looked for and logged in to once.
    ///
    /// # Errors
    /// When it is not there, cannot make Ed25519 signatures, or refuses the PIN.
    pub(super) fn standing(
        &self,
        module: &Entered<'_>,
        until: Until<'_>,
    ) -> Result<Standing, Fault> {
        if !module.is_initialized() {
            return Err(Fault::doubtful("waiting for the module to be initialised"));
        }
        let of_now = |standing: &Standing| standing.epoch.module == module.epoch();
        if let Some(standing) = self.standing.read().filter(of_now) {
            return Ok(standing);
        }
        let mut state = self.lock(until)?;
        if let Some(standing) = self.standing.read().filter(of_now) {
            return Ok(standing);
        }
        self.require_usable_pin()?;
        let (slot, identity) = select(module, &self.settings.slot, state.proven_identity())?;
        mechanisms::require(module, slot)?;
        let anchor = self.anchor(module, slot, &mut state)?;
        if state.identity.as_ref() != Some(&identity) {
            tracing::info!(token = %identity, %slot, "token found");
            state.identity = Some(identity);
        }
        Ok(self.begin(module, slot, anchor, &mut state))
    }

    /// Whether this is still the token that this process met first.
    ///
    /// # Errors
    /// When it is not, or cannot be asked.
    pub(super) fn require_identity(
        &self,
        module: &Entered<'_>,
        standing: Standing,
        until: Until<'_>,
    ) -> Result<(), Fault> {
        let found = Identity::of(module, standing.slot)?;
        self.lock(until)?.require_identity(&found)
    }

    /// Demands that nobody has logged in since `standing`: whoever did found the token logged out, and
    /// what a session did not see meanwhile may be there all the same.
    ///
    /// # Errors
    /// When somebody has, or is about to for as long as this may wait.
    pub(super) fn require_no_login_since(
        &self,
        standing: Standing,
        until: Until<'_>,
    ) -> Result<(), Fault> {
        // A login is noted before its lock is released.
        let _none_under_way = self.lock(until)?;
        let current = *self.standing.read();
        if current.is_some_and(|current| current.epoch == standing.epoch) {
            Ok(())
        } else {
            Err(Fault::LoggedOut)
        }
    }

    /// The public key of the sentinel that this process met first.
    pub(super) fn sentinel(&self, until: Until<'_>) -> Result<Option<PublicKey>, Fault> {
        Ok(self.lock(until)?.sentinel)
    }

    /// Remembers the public key of the sentinel.
    pub(super) fn pin_sentinel(
        &self,
        public_key: PublicKey,
        until: Until<'_>,
    ) -> Result<(), Fault> {
        self.lock(until)?.sentinel = Some(public_key);
        Ok(())
    }

    /// The right to make the sentinel.
    pub(super) fn sentinel_making(&self, until: Until<'_>) -> Result<MutexGuard<'_, ()>, Fault> {
        until
            .wait(|until| self.sentinel_making.try_lock_until(until))
            .ok_or(Fault::doubtful("waiting for the sentinel to be made"))
    }

    /// Marks the pair of `label` as being made; `None` when that is under way already.
    pub(super) fn claim(self: &Arc<Self>, label: &Label) -> Option<Claim> {
        self.unsettled.lock().insert(label.clone()).then(|| Claim {
            token: Arc::clone(self),
            label: label.clone(),
        })
    }

    /// Whether the pair of `label` is being made.
    pub(super) fn is_claimed(&self, label: &Label) -> bool {
        self.unsettled.lock().contains(label)
    }

    fn lock(&self, until: Until<'_>) -> Result<MutexGuard<'_, State>, Fault> {
        until
            .wait(|until| self.state.try_lock_until(until))
            .ok_or(Fault::doubtful("waiting for a login under way"))
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        let stopwatch = Stopwatch::default();
        let until = Until::new(Instant::now() + SHORT_PAUSE, &stopwatch);
        let anchor = self.state.get_mut().anchor.take();
        if let Some((epoch, anchor)) = anchor
            && let Some(module) = self.module.enter(until)
            && module.epoch() == epoch.module
        {
            drop(anchor.close());
        }
    }
}

/// The right to make the pair of one label, until it is dropped.
pub(super) struct Claim {
    token: Arc<Token>,
    label: Label,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.token.unsettled.lock().remove(&self.label);
    }
}
