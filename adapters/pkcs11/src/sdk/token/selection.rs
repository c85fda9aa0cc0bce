//! Which of the tokens that a module shows is ours.

use std::fmt;

use cryptoki::slot::{Slot, TokenInfo};

use crate::sdk::error::Fault;
use crate::sdk::module::Entered;
use crate::sdk::settings::SlotChoice;

/// How many tokens are named where the one that was meant is not there.
const MOST_SHOWN: usize = 5;

/// What a token calls itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    label: String,
    serial: String,
}

impl Identity {
    /// Asks the token in a slot.
    pub(super) fn of(module: &Entered<'_>, slot: Slot) -> Result<Self, Fault> {
        module
            .get_token_info(slot)
            .map(|info| Self::from_info(&info))
            .map_err(Fault::refused("reading what the token calls itself"))
    }

    fn from_info(info: &TokenInfo) -> Self {
        Self {
            label: info.label().trim_end().to_owned(),
            serial: info.serial_number().trim_end().to_owned(),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "label:{} serial:{}", self.label, self.serial)
    }
}

/// Finds the token: the one that was `met` before, wherever it is now, else the one that is chosen.
pub(crate) fn select(
    module: &Entered<'_>,
    choice: &SlotChoice,
    met: Option<&Identity>,
) -> Result<(Slot, Identity), Fault> {
    let slots = module
        .get_slots_with_token()
        .map_err(Fault::refused("listing the slots"))?;
    let (mut fitting, mut others) = (Vec::new(), Vec::new());
    for slot in slots {
        // A slot that cannot be read is not the one, as far as can be told.
        let Ok(info) = module.get_token_info(slot) else {
            continue;
        };
        let identity = Identity::from_info(&info);
        let fits = match met {
            Some(met) => identity == *met,
            None => is_chosen(choice, slot, &identity),
        };
        if fits && info.token_initialized() {
            fitting.push((slot, identity));
        } else if info.token_initialized() {
            others.push(format!("slot {slot} {identity}"));
        }
    }
    let wanted = || match met {
        // It need not be called by what was chosen, and another one may be.
        Some(met) => format!("the token of before ({met})"),
        None => choice.to_string(),
    };
    if fitting.len() > 1 {
        return Err(Fault::misconfigured(
            "looking for the token",
            format!(
                "more than one token fits {}; choose one by serial:NUMBER",
                wanted()
            ),
        ));
    }
    fitting.pop().ok_or_else(|| {
        let (wanted, others) = (wanted(), shown(&others));
        Fault::Doubtful {
            context: "looking for the token",
            source: Some(format!("{wanted} is not there; the module shows {others}").into()),
        }
    })
}

/// Names the tokens that are there, the first few of them.
fn shown(tokens: &[String]) -> String {
    match tokens.split_at_checked(MOST_SHOWN) {
        Some((first, rest)) if !rest.is_empty() => {
            format!("{} and {} more", first.join(", "), rest.len())
        }
        _ if tokens.is_empty() => "no token".to_owned(),
        _ => tokens.join(", "),
    }
}

fn is_chosen(choice: &SlotChoice, slot: Slot, identity: &Identity) -> bool {
    match choice {
        SlotChoice::Number(number) => slot.id() == *number,
        SlotChoice::Label(label) => identity.label == *label,
        SlotChoice::Serial(serial) => identity.serial == *serial,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_tokens_that_are_there_but_no_endless_list_of_them() {
        let tokens = |count: usize| -> Vec<String> { (0..count).map(|n| n.to_string()).collect() };
        assert_eq!(shown(&tokens(0)), "no token");
        assert_eq!(shown(&tokens(2)), "0, 1");
        assert_eq!(shown(&tokens(5)), "0, 1, 2, 3, 4");
        assert_eq!(shown(&tokens(7)), "0, 1, 2, 3, 4 and 2 more");
    }
}
