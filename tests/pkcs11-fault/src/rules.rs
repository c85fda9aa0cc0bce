//! The rules of a test: which call fails, and how.
//!
//! One rule a line, the words in any order after the function; `#` opens a comment line:
//!
//! ```text
//! C_Sign at=3 rv=CKR_DEVICE_ERROR             the third call fails and does not reach the module
//! C_GenerateKeyPair at=1 after=CKR_DEVICE_ERROR   the call is made, its reply lost
//! C_Sign session=2 hang                       until the rule is gone; then the call is made
//! C_Sign every=10 delay=200                   each tenth call is made 200 ms late
//! C_Sign label=plexsphere:platform:k1 hang    only signatures by the key of that label
//! C_SignInit swap=previous                    another key than the one that was asked for
//! C_SignInit swap=5:9                         object 9 where object 5 was asked for
//! C_Sign garble                               the signature comes back with one bit wrong
//! C_FindObjects empty                         the search finds nothing
//! C_DestroyObject hide=CKR_GENERAL_ERROR       the object stays, and is hidden until C_Initialize
//! C_GetAttributeValue origin=denied           no key was made in the token; also withheld
//! C_GetTokenInfo stranger                     the token has another serial number
//! C_GetInfo print                             first a line on standard output and error
//! C_SignInit at=1 behind=logout               first C_Logout; also close-all, finalize, restart
//! ```
//!
//! A rule without `at`, `from` or `every` fires at each call that it matches. Its counter starts
//! when the rule is first seen, and anew when the line went away for one gated call and came back.
//! Of several rules that fire at one call, the first in the file acts; all of them have counted.

#[cfg(test)]
mod tests;

use std::time::Duration;

use cryptoki_sys::{CK_OBJECT_HANDLE, CK_RV};

use crate::codes;

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    /// The line itself, by which the counter of the rule is kept.
    pub(crate) text: String,
    /// The function it is about.
    pub(crate) function: String,
    /// Which of its calls.
    pub(crate) turn: Turn,
    /// Only calls on the session that was opened as this one since the module was loaded.
    pub(crate) session: Option<u64>,
    /// Only calls with the key of this label.
    pub(crate) label: Option<String>,
    /// What happens to the call.
    pub(crate) effect: Effect,
}

/// Which of the calls that match a rule it fires at. Counted from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Each.
    Always,
    /// This one only.
    At(u64),
    /// This one and all that follow.
    From(u64),
    /// Each that is a multiple.
    Every(u64),
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The real call is not made; this is the answer.
    Refuse(CK_RV),
    /// The real call is made, and this is the answer.
    LoseReply(CK_RV),
    /// The call waits until the rule is gone, and is then made.
    Hang,
    /// The call waits and is then made.
    Delay(Duration),
    /// Makes the call, and tells its answer that much later.
    Late(Duration),
    /// Something happens behind the caller's back, and the call is then made.
    Behind(Meddling),
    /// `C_SignInit` gets another key.
    Swap(Swap),
    /// `C_Sign` gives a signature with one bit wrong.
    Garble,
    /// `C_FindObjects` finds nothing.
    Empty,
    /// The module prints a line on standard output and one on standard error, and the call is made.
    Print,
    /// `C_DestroyObject` answers this, and the object is there but not shown until `C_Initialize`.
    Hide(CK_RV),
    /// `C_GetAttributeValue` answers differently where a key comes from.
    Origin(Origin),
    /// `C_GetTokenInfo` tells of a token with another serial number.
    Stranger,
}

/// What a module says of where its keys come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// That none was made in the token.
    Denied,
    /// Nothing.
    Withheld,
}

/// What another user of the same module may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meddling {
    /// `C_Logout`, which logs every session of the process out.
    Logout,
    /// `C_CloseAllSessions` on the slot of the session.
    CloseAll,
    /// `C_Finalize`.
    Finalize,
    /// `C_Finalize` and `C_Initialize`.
    Restart,
}

/// Which key takes the place of the one that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Swap {
    /// The latest other key that the process signed with.
    Previous,
    /// Object `to` where `from` was asked for.
    Handle {
        /// The handle of the caller.
        from: CK_OBJECT_HANDLE,
        /// The handle that the real module gets.
        to: CK_OBJECT_HANDLE,
    },
}

impl Turn {
    /// Whether a rule fires at the call with this number.
    pub(crate) const fn fires(self, number: u64) -> bool {
        match self {
            Self::Always => true,
            Self::At(turn) => number == turn,
            Self::From(turn) => number >= turn,
            Self::Every(turn) => number.is_multiple_of(turn),
        }
    }
}

/// Reads a whole file.
///
/// # Errors
///
/// One sentence about the first line that is not a rule.
pub(crate) fn parse(text: &str, functions: &[&str]) -> Result<Vec<Rule>, String> {
    let mut rules: Vec<Rule> = Vec::new();
    let lines = text.lines().map(str::trim);
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let rule = parse_rule(line, functions).map_err(|fault| format!("{fault} in {line:?}"))?;
        if rules.iter().any(|earlier| earlier.text == rule.text) {
            return Err(format!("the same rule twice, {line:?}"));
        }
        rules.push(rule);
    }
    Ok(rules)
}

fn parse_rule(line: &str, functions: &[&str]) -> Result<Rule, String> {
    let mut words = line.split_whitespace();
    let function = words.next().unwrap_or_default();
    if !functions.contains(&function) {
        return Err(format!("{function:?} is no function that rules apply to"));
    }
    let (mut turn, mut session, mut label, mut effect) = (None, None, None, None);
    for word in words {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        match name {
            "at" => once(&mut turn, Turn::At(ordinal(word, value)?), word)?,
            "from" => once(&mut turn, Turn::From(ordinal(word, value)?), word)?,
            "every" => once(&mut turn, Turn::Every(ordinal(word, value)?), word)?,
            "session" => once(&mut session, ordinal(word, value)?, word)?,
            "label" if !value.is_empty() => once(&mut label, value.to_owned(), word)?,
            _ => once(&mut effect, parse_effect(word, name, value)?, word)?,
        }
    }
    let effect = effect.ok_or("nothing to happen")?;
    if label.is_some() && !["C_SignInit", "C_Sign"].contains(&function) {
        return Err(format!("{function} has no key to know by a label"));
    }
    if only_for(&effect).is_some_and(|only| only != function) {
        return Err(format!("an effect that {function} cannot have"));
    }
    Ok(Rule {
        text: line.to_owned(),
        function: function.to_owned(),
        turn: turn.unwrap_or(Turn::Always),
        session,
        label,
        effect,
    })
}

fn parse_effect(word: &str, name: &str, value: &str) -> Result<Effect, String> {
    let effect = match (name, value) {
        ("hang", "") => Some(Effect::Hang),
        ("garble", "") => Some(Effect::Garble),
        ("print", "") => Some(Effect::Print),
        ("empty", "") => Some(Effect::Empty),
        ("stranger", "") => Some(Effect::Stranger),
        ("rv", code) => codes::parse(code).map(Effect::Refuse),
        ("hide", code) => codes::parse(code).map(Effect::Hide),
        ("after", code) => codes::parse(code).map(Effect::LoseReply),
        ("delay", number) => number
            .parse()
            .ok()
            .map(|milliseconds| Effect::Delay(Duration::from_millis(milliseconds))),
        ("late", number) => number
            .parse()
            .ok()
            .map(|milliseconds| Effect::Late(Duration::from_millis(milliseconds))),
        ("behind", what) => meddling(what).map(Effect::Behind),
        ("swap", which) => swap(which).map(Effect::Swap),
        ("origin", "denied") => Some(Effect::Origin(Origin::Denied)),
        ("origin", "withheld") => Some(Effect::Origin(Origin::Withheld)),
        _ => None,
    };
    effect.ok_or_else(|| format!("{word:?} is not understood"))
}

fn meddling(text: &str) -> Option<Meddling> {
    match text {
        "logout" => Some(Meddling::Logout),
        "close-all" => Some(Meddling::CloseAll),
        "finalize" => Some(Meddling::Finalize),
        "restart" => Some(Meddling::Restart),
        _ => None,
    }
}

fn swap(text: &str) -> Option<Swap> {
    if text == "previous" {
        return Some(Swap::Previous);
    }
    let (from, to) = text.split_once(':')?;
    Some(Swap::Handle {
        from: from.parse().ok()?,
        to: to.parse().ok()?,
    })
}

/// The one function that an effect is for, unless it is for all.
const fn only_for(effect: &Effect) -> Option<&'static str> {
    match effect {
        Effect::Swap(_) => Some("C_SignInit"),
        Effect::Garble => Some("C_Sign"),
        Effect::Empty => Some("C_FindObjects"),
        Effect::Hide(_) => Some("C_DestroyObject"),
        Effect::Origin(_) => Some("C_GetAttributeValue"),
        Effect::Stranger => Some("C_GetTokenInfo"),
        Effect::Refuse(_)
        | Effect::LoseReply(_)
        | Effect::Hang
        | Effect::Delay(_)
        | Effect::Late(_)
        | Effect::Print
        | Effect::Behind(_) => None,
    }
}

/// A number from one.
fn ordinal(word: &str, value: &str) -> Result<u64, String> {
    match value.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("{word:?} wants a number from 1")),
    }
}

fn once<T>(slot: &mut Option<T>, value: T, word: &str) -> Result<(), String> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("{word:?} after another word of its kind")),
    }
}
