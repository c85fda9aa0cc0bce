//! Why a PIN is not offered any more, and how that is known before it locks the token.
//!
//! Many tokens lock a PIN after a few wrong ones, and whoever starts a custodian again and again does not
//! know of that. A token may say how near it is; one that says nothing gets the PIN at each start.

use std::fmt;

use cryptoki::slot::{Slot, TokenInfo};

use super::Token;
use crate::sdk::error::Fault;
use crate::sdk::module::Entered;

/// Why the PIN is not offered any more. The text is one sentence for the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinRefusal {
    /// The token has refused it.
    Refused,
    /// The token takes no PIN at all.
    Locked,
    /// The token would lock itself if this one were wrong.
    LastTry,
}

impl fmt::Display for PinRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "the token has refused the PIN, and it is not offered again",
            Self::Locked => {
                "the token has locked the PIN, and it is not offered; have the security officer set \
                 it anew, and start again"
            }
            Self::LastTry => {
                "one more wrong PIN locks the token, so this one is not offered; prove the right one \
                 once with another tool, as in pkcs11-tool --login --list-objects, which clears \
                 that mark, and start again"
            }
        })
    }
}

impl std::error::Error for PinRefusal {}

impl Token {
    /// Demands that the PIN may be offered, as far as is remembered.
    pub(super) fn require_usable_pin(&self) -> Result<(), Fault> {
        match self.pin_refusal() {
            None => Ok(()),
            Some(refusal) => Err(not_offered(refusal)),
        }
    }

    /// Demands that the PIN may be offered, as far as the token says.
    pub(super) fn require_another_try(
        &self,
        module: &Entered<'_>,
        slot: Slot,
    ) -> Result<(), Fault> {
        let info = module
            .get_token_info(slot)
            .map_err(Fault::refused("asking the token how many PINs it takes"))?;
        if let Some(refusal) = refusal_in(&info) {
            tracing::error!("{refusal}");
            *self.pin_refusal.lock() = Some(refusal);
            return Err(not_offered(refusal));
        }
        if info.user_pin_count_low() {
            tracing::warn!("token has met wrong PINs since the last right one; offering ours");
        }
        Ok(())
    }
}

fn refusal_in(info: &TokenInfo) -> Option<PinRefusal> {
    if info.user_pin_locked() {
        Some(PinRefusal::Locked)
    } else if info.user_pin_final_try() {
        Some(PinRefusal::LastTry)
    } else {
        None
    }
}

fn not_offered(refusal: PinRefusal) -> Fault {
    Fault::misconfigured("logging in to the token", refusal)
}
