//! What an operator wants to know of a module and its token. Changes nothing that lasts.

mod census;

use std::sync::Arc;
use std::time::{Duration, Instant};

use cryptoki::slot::{Limit, Slot, TokenInfo};

use signer_domain::ports::KeyProviderError;
use signer_domain::{HandleId, PublicKey, RetiredKey};

use self::census::Census;
use super::desk::Desk;
use super::error::Fault;
use super::mechanisms::{self, NEEDED};
use super::module::{Entered, Pkcs11Module};
use super::pairs::{Pair, look};
use super::sentinel::{SeenSentinel, damaged};
use super::settings::{Pkcs11Settings, SlotChoice};
use super::stopwatch::{Stopwatch, Until};
use super::token::{Token, select};
use super::user_pin::UserPin;

/// How long an inspection may take.
const PATIENCE: Duration = Duration::from_mins(5);

/// A token as it describes itself.
#[derive(Debug, Clone)]
pub struct TokenDescription {
    /// The number of its slot, for now.
    pub slot: u64,
    /// Its label.
    pub label: String,
    /// Its serial number.
    pub serial: String,
    /// Who made it.
    pub manufacturer: String,
    /// Its model.
    pub model: String,
    /// How many sessions it takes at once, when it says so.
    pub most_sessions: Option<u64>,
    /// What it says of its PIN that an operator should know.
    pub pin_warning: Option<&'static str>,
}

/// A mechanism that a token offers.
#[derive(Debug, Clone)]
pub struct OfferedMechanism {
    /// Its name in the standard, or its number.
    pub name: String,
    /// Whether it signs.
    pub signs: bool,
    /// Whether it makes key pairs.
    pub generates_pairs: bool,
    /// Whether the custodian cannot do without it.
    pub is_needed: bool,
}

/// How one step of a check went.
#[derive(Debug)]
pub struct CheckStep {
    /// What was checked.
    pub name: &'static str,
    /// What was found, or why it failed.
    pub outcome: Result<String, KeyProviderError>,
}

/// What `check` found.
#[derive(Debug)]
pub struct CheckReport {
    /// The token, if it was found.
    pub token: Option<TokenDescription>,
    /// The public key of its sentinel, if it has one.
    pub sentinel: Option<PublicKey>,
    /// The keys that the registry calls retired and the token can still use; `None` when nobody asked, or
    /// the check did not get as far.
    pub still_usable: Option<Vec<HandleId>>,
    /// The steps that were taken; the last one may have failed.
    pub steps: Vec<CheckStep>,
}

/// Lists what a token offers.
///
/// # Errors
/// When the token cannot be found or asked.
pub fn mechanisms(
    module: &Pkcs11Module,
    slot: &SlotChoice,
) -> Result<(TokenDescription, Vec<OfferedMechanism>), KeyProviderError> {
    let list = || {
        let entered = initialised(module)?;
        let (slot, _) = select(&entered, slot, None)?;
        Ok((describe(&entered, slot)?, offered(&entered, slot)?))
    };
    list().map_err(|fault: Fault| fault.into_answer(false))
}

/// The step of a check that holds the token against the registry. A token that fails there serves all the
/// same.
pub const RETIRED_STEP: &str = "retired";

/// Checks step by step whether a token can serve, and whether it can still use any of the keys in
/// `retired`.
pub fn check(
    module: &Arc<Pkcs11Module>,
    settings: Pkcs11Settings,
    pin: UserPin,
    retired: Option<&[RetiredKey]>,
) -> CheckReport {
    let token = Token::new(Arc::clone(module), settings, pin);
    let mut report = CheckReport {
        token: None,
        sentinel: None,
        still_usable: None,
        steps: Vec::new(),
    };
    if let Err((name, fault)) = take_steps(&token, retired, &mut report) {
        let outcome = Err(fault.into_answer(false));
        report.steps.push(CheckStep { name, outcome });
    }
    report
}

impl CheckReport {
    /// Whether the token can serve.
    pub fn is_usable(&self) -> bool {
        let mut steps = self.steps.iter().filter(|step| step.name != RETIRED_STEP);
        steps.all(|step| step.outcome.is_ok())
    }

    fn hold_against_the_registry(&mut self, retired: usize, found: Vec<HandleId>) {
        let outcome = if found.is_empty() {
            Ok(format!(
                "the token can use none of the {retired} keys that the registry calls retired"
            ))
        } else {
            let handles: Vec<&str> = found.iter().map(HandleId::as_str).collect();
            let handles = handles.join(", ");
            Err(KeyProviderError::Misconfigured {
                context: "holding the token against the registry",
                source: Some(
                    format!("the token can still use these keys, which are retired: {handles}")
                        .into(),
                ),
            })
        };
        let name = RETIRED_STEP;
        self.steps.push(CheckStep { name, outcome });
        self.still_usable = Some(found);
    }

    fn pass(&mut self, name: &'static str, found: impl Into<String>) {
        let outcome = Ok(found.into());
        self.steps.push(CheckStep { name, outcome });
    }
}

fn take_steps(
    token: &Token,
    retired: Option<&[RetiredKey]>,
    report: &mut CheckReport,
) -> Result<(), (&'static str, Fault)> {
    let at = |name: &'static str| move |fault| (name, fault);
    let stopwatch = Stopwatch::default();
    let until = Until::new(Instant::now() + PATIENCE, &stopwatch);
    let entered = initialised(&token.module).map_err(at("module"))?;
    let library = entered
        .get_library_info()
        .map_err(Fault::refused("asking the module who it is"))
        .map_err(at("module"))?;
    report.pass(
        "module",
        format!(
            "{} {} by {}",
            library.library_description().trim_end(),
            library.library_version(),
            library.manufacturer_id().trim_end()
        ),
    );

    let (slot, identity) = select(&entered, &token.settings.slot, None).map_err(at("token"))?;
    report.token = Some(describe(&entered, slot).map_err(at("token"))?);
    report.pass("token", identity.to_string());

    mechanisms::require(&entered, slot).map_err(at("mechanisms"))?;
    report.pass("mechanisms", mechanisms::NEEDED_MECHANISMS.join(", "));

    let standing = token.standing(&entered, until).map_err(at("login"))?;
    report.pass("login", "as user");

    let session = entered
        .open_rw_session_no_drop(standing.slot)
        .map_err(Fault::refused("opening a session"))
        .map_err(at("session"))?;
    let desk = Desk {
        token,
        module: &entered,
        standing,
        session: &session,
        until,
    };
    let outcome = look_inside(&desk, retired, report);
    drop(session.close());
    outcome
}

fn look_inside(
    desk: &Desk<'_>,
    retired: Option<&[RetiredKey]>,
    report: &mut CheckReport,
) -> Result<(), (&'static str, Fault)> {
    let census = Census::take(desk).map_err(|fault| ("keys", fault))?;
    let label = desk.token.settings.labels.of_sentinel();
    let sentinel = desk
        .see_sentinel(&label, None)
        .map_err(|fault| ("sentinel", fault))?;
    match sentinel {
        Some(SeenSentinel { key, pairs }) => {
            desk.probe(&key).map_err(|fault| ("sentinel", fault))?;
            report.sentinel = Some(key.public_key);
            let others = if pairs > 1 {
                format!("; {pairs} pairs bear that name, which does no harm")
            } else {
                String::new()
            };
            let found = format!("{label} signs, and its signature verifies{others}");
            report.pass("sentinel", found);
        }
        None if census.is_empty() => {
            report.pass(
                "sentinel",
                "none yet; it is made when the custodian first starts",
            );
            desk.try_out().map_err(|fault| ("trial", fault))?;
            report.pass(
                "trial",
                "a pair of this session signs, and its signature verifies",
            );
        }
        None => return Err(("sentinel", damaged(&label))),
    }
    if let Some(retired) = retired {
        let found = still_usable(desk, &census, retired).map_err(|fault| (RETIRED_STEP, fault))?;
        report.hold_against_the_registry(retired.len(), found);
    }
    report.pass("keys", census.to_string());
    census.require_unique().map_err(|fault| ("keys", fault))
}

/// The retired keys whose private half is there. Another pair under the label of one is none of ours.
fn still_usable(
    desk: &Desk<'_>,
    census: &Census,
    retired: &[RetiredKey],
) -> Result<Vec<HandleId>, Fault> {
    let mut found = Vec::new();
    for RetiredKey { handle, public_key } in retired {
        let Some(label) = desk.token.settings.labels.in_handle(handle) else {
            continue;
        };
        if census.has_private(&label)
            && let Pair::Live(key, _) = look(desk, &label, Some(*public_key))?
            && key.public_key == *public_key
        {
            found.push(handle.clone());
        }
    }
    Ok(found)
}

/// Enters a module that nobody else uses in this process.
fn initialised(module: &Pkcs11Module) -> Result<Entered<'_>, Fault> {
    let stopwatch = Stopwatch::default();
    let until = Until::new(Instant::now() + PATIENCE, &stopwatch);
    module.initialise(0, until)?;
    module
        .enter(until)
        .ok_or(Fault::doubtful("waiting for the module"))
}

fn describe(module: &Entered<'_>, slot: Slot) -> Result<TokenDescription, Fault> {
    let info = module
        .get_token_info(slot)
        .map_err(Fault::refused("reading what the token calls itself"))?;
    let text = |padded: &str| padded.trim_end().to_owned();
    Ok(TokenDescription {
        slot: slot.id(),
        label: text(info.label()),
        serial: text(info.serial_number()),
        manufacturer: text(info.manufacturer_id()),
        model: text(info.model()),
        most_sessions: match info.max_session_count() {
            Limit::Max(count) => Some(count),
            Limit::Infinite | Limit::Unavailable => None,
        },
        pin_warning: pin_warning(&info),
    })
}

fn pin_warning(info: &TokenInfo) -> Option<&'static str> {
    if info.user_pin_locked() {
        Some("the PIN is locked")
    } else if info.user_pin_final_try() {
        Some("the next wrong PIN locks it")
    } else if info.user_pin_count_low() {
        Some("a wrong PIN was offered")
    } else if info.user_pin_to_be_changed() {
        Some("the PIN must be changed")
    } else {
        None
    }
}

fn offered(module: &Entered<'_>, slot: Slot) -> Result<Vec<OfferedMechanism>, Fault> {
    let list = module
        .get_mechanism_list(slot)
        .map_err(Fault::refused("listing the mechanisms of the token"))?;
    let describe = |mechanism| {
        // Some modules list what they do not describe.
        let info = module.get_mechanism_info(slot, mechanism).ok();
        OfferedMechanism {
            name: mechanism.to_string(),
            signs: info.is_some_and(|info| info.sign()),
            generates_pairs: info.is_some_and(|info| info.generate_key_pair()),
            is_needed: NEEDED.contains(&mechanism),
        }
    };
    Ok(list.into_iter().map(describe).collect())
}

impl Desk<'_> {
    /// Signs with a pair that lives no longer than this session.
    fn try_out(&self) -> Result<(), Fault> {
        let (public, private) = self.generate_for_session()?;
        let outcome = self.live(private, public).and_then(|key| self.probe(&key));
        self.forget_trial(public, private);
        outcome
    }
}
