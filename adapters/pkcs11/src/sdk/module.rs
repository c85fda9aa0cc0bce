//! The vendor's module: loaded once for the life of the process, initialised and, when nothing else
//! helps, initialised anew.
//!
//! `C_Initialize` and `C_Finalize` are for the whole process, and no other call may be under way
//! meanwhile. Every call is therefore made inside the gate: many at once, or one initialisation
//! alone. Each initialisation opens an *epoch*; sessions and object handles of an earlier one mean
//! nothing, or, which is worse, something else.

mod metrics;
mod path;

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use prometheus_client::registry::Registry;
use signer_pkcs11_one_call::OneCallSign;

use self::metrics::HungCalls;
use super::error::Fault;
use super::stopwatch::Until;

pub use self::path::ModulePathRefusal;

/// How long an initialisation waits for the calls that are under way. Nothing else starts meanwhile.
const QUIET_WAIT: Duration = Duration::from_millis(500);

/// A vendor's PKCS#11 module in this process. Loading it twice gives two values that share one state,
/// so each path is to be loaded once.
pub struct Pkcs11Module {
    path: PathBuf,
    context: Pkcs11,
    /// None where the module gives it no sessions of the binding.
    one_call_sign: Option<OneCallSign>,
    gate: RwLock<State>,
    /// What those calls were made for that do not return. The module must not be finalised under them.
    hung: Mutex<Vec<&'static str>>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    epoch: u64,
    is_initialized: bool,
}

/// Why a module cannot be used. The text is one sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum LoadModuleError {
    /// The file is not one to load code from.
    #[error("{0}")]
    Path(#[from] ModulePathRefusal),
    /// The loader or the module refused.
    #[error("is no PKCS#11 module that can be loaded: {0}")]
    Load(#[source] Error),
}

/// How the use of a module ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a process with a call that hangs has to end at once, without running exit handlers"]
pub enum Closing {
    /// In order.
    Finalized,
    /// A call into the module does not return. The exit handlers of the module would wait for it
    /// for ever, or crash.
    Hung,
}

impl Pkcs11Module {
    /// Loads the module at `path` into this process. Its code runs with all our rights, so the path
    /// must be one that nobody else can change.
    ///
    /// # Errors
    /// When the path is not acceptable, or there is no module.
    pub fn load(path: &Path) -> Result<Arc<Self>, LoadModuleError> {
        // Loaded by the very name that was judged: a link could be bent in the meantime.
        let path = path::judge(path)?;
        let context = Pkcs11::new(&path).map_err(LoadModuleError::Load)?;
        let one_call_sign = OneCallSign::load(&path).map_err(LoadModuleError::Load)?;
        Ok(Arc::new(Self {
            path,
            context,
            one_call_sign,
            gate: RwLock::new(State {
                epoch: 0,
                is_initialized: false,
            }),
            hung: Mutex::default(),
        }))
    }

    /// Enters the gate to make calls; `None` when that does not succeed by `until`.
    pub(super) fn enter(&self, until: Until<'_>) -> Option<Entered<'_>> {
        let state = until.wait(|until| self.gate.try_read_until(until))?;
        Some(Entered {
            context: &self.context,
            one_call_sign: self.one_call_sign.as_ref(),
            state,
        })
    }

    /// Initialises the module, unless somebody has done so since the epoch that was `seen`; tells
    /// whether it was necessary.
    ///
    /// # Errors
    /// When calls are under way that do not end, or the module refuses.
    pub(super) fn initialise(&self, seen: u64, until: Until<'_>) -> Result<bool, Fault> {
        if self.hung_calls() > 0 {
            return Err(Fault::doubtful("waiting for a call that does not return"));
        }
        let mut state = until
            .at_most(Instant::now() + QUIET_WAIT)
            .wait(|quiet| self.gate.try_write_until(quiet))
            .ok_or(Fault::doubtful("waiting for the calls under way"))?;
        if state.epoch != seen {
            return Ok(false);
        }
        state.epoch += 1;
        if std::mem::take(&mut state.is_initialized) {
            // A module that was finalised behind our back says so, and that is no harm.
            if let Err(cause) = self.context.clone().finalize() {
                tracing::debug!(%cause, "module not finalised in order");
            }
        }
        let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
        match self.context.initialize(arguments) {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {
                state.is_initialized = true;
                tracing::info!(module = %self.path.display(), epoch = state.epoch, "module initialised");
                Ok(true)
            }
            Err(source) => Err(Fault::refused("initialising the module")(source)),
        }
    }

    /// Ends the use of the module, at the end of the process. Providers on it must be closed first.
    pub fn close(&self, within: Duration) -> Closing {
        if self.hung_calls() > 0 {
            return Closing::Hung;
        }
        let Some(mut state) = self.gate.try_write_for(within) else {
            return Closing::Hung;
        };
        state.epoch += 1;
        if std::mem::take(&mut state.is_initialized)
            && let Err(cause) = self.context.clone().finalize()
        {
            tracing::debug!(%cause, "module not finalised in order");
        }
        Closing::Finalized
    }

    /// How many calls into the module do not return at present.
    pub fn hung_calls(&self) -> usize {
        self.hung.lock().len()
    }

    /// What calls that do not return were made for, each in the gerund.
    pub(super) fn hung_on(&self) -> Vec<&'static str> {
        self.hung.lock().clone()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds what is measured of the module.
    pub fn register(self: &Arc<Self>, registry: &mut Registry) {
        let module = Arc::clone(self);
        registry.register_collector(Box::new(HungCalls(module)));
    }

    pub(super) fn note_hung(&self, on: &'static str) {
        self.hung.lock().push(on);
    }

    pub(super) fn note_returned(&self, on: &'static str) {
        let mut hung = self.hung.lock();
        if let Some(position) = hung.iter().position(|other| *other == on) {
            hung.swap_remove(position);
        }
    }
}

impl std::fmt::Debug for Pkcs11Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pkcs11Module")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// The right to call the module. As long as it is held, the module is not initialised anew.
pub(super) struct Entered<'module> {
    context: &'module Pkcs11,
    one_call_sign: Option<&'module OneCallSign>,
    state: RwLockReadGuard<'module, State>,
}

impl Entered<'_> {
    /// The epoch in which calls are made.
    pub(super) fn epoch(&self) -> u64 {
        self.state.epoch
    }

    pub(super) fn is_initialized(&self) -> bool {
        self.state.is_initialized
    }

    /// Signs by one call where that can be had, and otherwise by two.
    pub(super) fn sign(
        &self,
        session: &Session,
        mechanism: &Mechanism<'_>,
        private: ObjectHandle,
        data: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let Some(one_call_sign) = self.one_call_sign else {
            return session.sign(mechanism, private, data);
        };
        session.sign_init(mechanism, private)?;
        one_call_sign.sign(session, data)
    }
}

impl Deref for Entered<'_> {
    type Target = Pkcs11;

    fn deref(&self) -> &Pkcs11 {
        self.context
    }
}
