//! What happens between a call and the real module.

use std::io::Write as _;
use std::thread;
use std::time::Duration;

use cryptoki_sys::{
    CK_C_INITIALIZE_ARGS, CK_RV, CK_SESSION_HANDLE, CKF_OS_LOCKING_OK, CKR_GENERAL_ERROR,
};

use parking_lot::RwLock;

use crate::module::{self, Module};
use crate::rules::{Effect, Meddling, Rule};

/// Held by each call while the real module does it. Kryoptic stands still for ever when one thread logs
/// out while another begins a signature (the two take its locks in opposite orders), so what is done
/// behind the caller's back is done alone.
static INSIDE: RwLock<()> = RwLock::new(());

/// How often a hanging call looks whether its rule is still there.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// One call of a gated function.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    /// The name of the function.
    pub(crate) function: &'static str,
    /// The session it works on.
    pub(crate) session: Option<CK_SESSION_HANDLE>,
    /// Whether rules see it. A query for a length is no call of its own.
    pub(crate) counts: bool,
}

/// Applies the rule that fires at the call, and makes the call unless the rule forbids it. The
/// closure is told the effect of that rule, for the few functions with effects of their own.
pub(crate) fn pass(call: Call, forward: impl FnOnce(&Module, Option<&Effect>) -> CK_RV) -> CK_RV {
    let Some(module) = module::loaded() else {
        return CKR_GENERAL_ERROR;
    };
    let rule = decide(module, call);
    let forward = |module: &Module, effect: Option<&Effect>| {
        let _inside = INSIDE.read();
        forward(module, effect)
    };
    let note = |what: &str| {
        let session = module.book.lock().ordinal(call.session);
        let text = rule.as_ref().map(|rule| rule.text.as_str());
        module.trace.note(call.function, session, what, text);
    };
    let code = match rule.as_ref().map(|rule| &rule.effect) {
        None => forward(module, None),
        Some(Effect::Refuse(code)) => *code,
        Some(Effect::LoseReply(code)) => {
            forward(module, None);
            *code
        }
        Some(Effect::Hang) => {
            note("held");
            while still_there(module, rule.as_ref()) {
                wait(LOOK_AGAIN);
            }
            forward(module, None)
        }
        Some(Effect::Delay(time)) => {
            note("held");
            wait(*time);
            forward(module, None)
        }
        Some(Effect::Late(time)) => {
            let code = forward(module, None);
            wait(*time);
            code
        }
        Some(Effect::Print) => {
            // Nobody is left to tell when that cannot be written.
            drop(std::io::stdout().write_all(b"the module has something to say\n"));
            drop(std::io::stderr().write_all(b"the module has something to say\n"));
            forward(module, None)
        }
        Some(Effect::Behind(meddling)) => {
            let alone = INSIDE.write();
            meddle(module, *meddling, call.session);
            drop(alone);
            forward(module, None)
        }
        Some(
            own @ (Effect::Swap(_)
            | Effect::Garble
            | Effect::Empty
            | Effect::Hide(_)
            | Effect::Origin(_)
            | Effect::Stranger),
        ) => forward(module, Some(own)),
    };
    note(&format!("{code:#x}"));
    code
}

fn decide(module: &Module, call: Call) -> Option<Rule> {
    if !call.counts {
        return None;
    }
    let rules = module.rules();
    let mut book = module.book.lock();
    book.decide(&rules, call.function, call.session)
}

fn still_there(module: &Module, rule: Option<&Rule>) -> bool {
    let rules = module.rules();
    rule.is_some_and(|rule| rules.iter().any(|other| other.text == rule.text))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a module that is slow blocks the thread that calls it"
)]
fn wait(time: Duration) {
    thread::sleep(time);
}

/// Does what another user of the module in this process may do at any time.
fn meddle(module: &Module, meddling: Meddling, session: Option<CK_SESSION_HANDLE>) {
    match meddling {
        Meddling::Logout => logout(module, session),
        Meddling::CloseAll => close_all(module, session),
        Meddling::Finalize => finalize(module),
        Meddling::Restart => {
            finalize(module);
            initialize(module);
        }
    }
}

fn logout(module: &Module, session: Option<CK_SESSION_HANDLE>) {
    if let (Some(function), Some(session)) = (module.real.C_Logout, session) {
        // SAFETY: takes a number only; a session that is not open is refused.
        unsafe { function(session) };
    }
}

fn close_all(module: &Module, session: Option<CK_SESSION_HANDLE>) {
    let slot = module.book.lock().slot(session);
    if let (Some(function), Some(slot)) = (module.real.C_CloseAllSessions, slot) {
        // SAFETY: takes a number only; a slot that is not there is refused.
        unsafe { function(slot) };
    }
}

fn finalize(module: &Module) {
    if let Some(function) = module.real.C_Finalize {
        // SAFETY: the argument is reserved and has to be null. The test that wrote the rule keeps
        // other threads out of the module meanwhile.
        unsafe { function(std::ptr::null_mut()) };
    }
}

fn initialize(module: &Module) {
    module.book.lock().show_all();
    let mut arguments = CK_C_INITIALIZE_ARGS {
        CreateMutex: None,
        DestroyMutex: None,
        LockMutex: None,
        UnlockMutex: None,
        flags: CKF_OS_LOCKING_OK,
        pReserved: std::ptr::null_mut(),
    };
    if let Some(function) = module.real.C_Initialize {
        // SAFETY: the arguments outlive the call, which copies them.
        unsafe { function((&raw mut arguments).cast()) };
    }
}
