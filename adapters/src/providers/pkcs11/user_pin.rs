//! The PIN that opens a token.

use std::fmt;

use cryptoki::types::AuthPin;
use zeroize::Zeroizing;

/// The PIN of the user of a token. It is wiped when it is dropped, and never shown.
pub struct UserPin(Zeroizing<String>);

impl UserPin {
    /// Takes a PIN. Its bytes stay where they are and are wiped there.
    ///
    /// # Errors
    /// When there is nothing in it, or a NUL, which no module takes.
    pub fn new(pin: Zeroizing<String>) -> Result<Self, UnusablePin> {
        if pin.is_empty() || pin.contains('\0') {
            return Err(UnusablePin);
        }
        Ok(Self(pin))
    }

    /// Takes a copy of a PIN.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn from_text(pin: &str) -> Result<Self, UnusablePin> {
        Self::new(Zeroizing::new(pin.to_owned()))
    }

    /// A copy for one login, which wipes itself too.
    pub(super) fn expose_for_login(&self) -> AuthPin {
        AuthPin::from(self.0.as_str())
    }
}

#[cfg(test)]
impl UserPin {
    /// Whether this is the PIN `text`.
    pub(super) fn is(&self, text: &str) -> bool {
        *self.0 == text
    }
}

impl fmt::Debug for UserPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserPin").finish_non_exhaustive()
    }
}

/// The text cannot be a PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("holds no PIN: it must be text of at least one character without NUL")]
pub struct UnusablePin;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_digit() {
        let pin = UserPin::new(Zeroizing::new("throw-away-4711".to_owned())).unwrap();
        let shown = format!("{pin:?} {pin:#?} {:?}", pin.expose_for_login());
        assert!(
            shown.starts_with("UserPin { .. } UserPin { .. }"),
            "{shown}"
        );
        assert!(!shown.contains("4711"));
    }

    #[test]
    fn nothing_and_a_nul_are_no_pin() {
        for text in ["", "12\0"] {
            let pin = UserPin::new(Zeroizing::new(text.to_owned()));
            assert_eq!(pin.err(), Some(UnusablePin));
        }
    }
}
