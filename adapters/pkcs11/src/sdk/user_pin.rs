//! The PIN that opens a token.

use std::fmt;

use cryptoki::types::AuthPin;
use zeroize::Zeroizing;

/// The PIN of the user of a token. It is wiped when it is dropped, and never shown.
pub struct UserPin(Zeroizing<String>);

impl UserPin {
    /// Takes a PIN without the end of its line, wherever it was written. Its bytes stay where they are and
    /// are wiped there. A wrong PIN costs one of a few tries, so what is hardly one is refused.
    ///
    /// # Errors
    /// When it is none, or holds what an editor or a shell has put there.
    pub fn new(mut pin: Zeroizing<String>) -> Result<Self, UnusablePin> {
        let line = pin.strip_suffix('\n').unwrap_or(&pin);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let length = line.len();
        pin.truncate(length);
        if pin.is_empty() {
            Err(UnusablePin::Empty)
        } else if pin.contains(['\n', '\r']) {
            Err(UnusablePin::Lines)
        } else if pin.contains('\u{feff}') {
            Err(UnusablePin::ByteOrderMark)
        } else if pin.contains(char::is_control) {
            Err(UnusablePin::ControlCharacter)
        } else if pin.ends_with(char::is_whitespace) {
            Err(UnusablePin::BlankAtTheEnd)
        } else {
            Ok(Self(pin))
        }
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
pub enum UnusablePin {
    /// There is nothing.
    #[error("holds no PIN: it must be text of at least one character")]
    Empty,
    /// There are several lines.
    #[error("holds more than one line; a PIN is one line of text")]
    Lines,
    /// An editor has marked the text as Unicode.
    #[error("holds a byte order mark, which is no part of a PIN; save it as UTF-8 without one")]
    ByteOrderMark,
    /// There is a control character, NUL included.
    #[error("holds a control character, which is no part of a PIN; write the PIN as plain text")]
    ControlCharacter,
    /// It ends with a blank.
    #[error("ends with a blank, which is no part of a PIN; take it away")]
    BlankAtTheEnd,
}

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
    fn one_end_of_a_line_is_left_out_and_no_more() {
        for text in ["throw away", "throw away\n", "throw away\r\n"] {
            assert!(
                UserPin::from_text(text).unwrap().is("throw away"),
                "{text:?}"
            );
        }
        for (text, refusal) in [
            ("", UnusablePin::Empty),
            ("\n", UnusablePin::Empty),
            ("12\n\n", UnusablePin::Lines),
            ("12\n34", UnusablePin::Lines),
            ("\u{feff}12", UnusablePin::ByteOrderMark),
            ("12\0", UnusablePin::ControlCharacter),
            ("1\t2", UnusablePin::ControlCharacter),
            ("12\u{85}", UnusablePin::ControlCharacter),
            ("12 ", UnusablePin::BlankAtTheEnd),
            ("12 \n", UnusablePin::BlankAtTheEnd),
            ("12\u{a0}", UnusablePin::BlankAtTheEnd),
            (" ", UnusablePin::BlankAtTheEnd),
        ] {
            assert_eq!(UserPin::from_text(text).err(), Some(refusal), "{text:?}");
        }
    }
}
