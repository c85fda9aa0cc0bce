//! What the operator says about a token.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

use super::label::{LabelPrefix, Labels, LabelsTooShort};

/// What the operator says about a token.
#[derive(Debug, Clone)]
pub struct Pkcs11Settings {
    pub(super) slot: SlotChoice,
    pub(super) labels: Labels,
    pub(super) ec_params: EcParams,
    pub(super) sessions: NonZeroUsize,
    pub(super) call_timeout: Duration,
    pub(super) stuck_after: Duration,
}

impl Pkcs11Settings {
    /// The most bytes of a label, when nobody says otherwise.
    pub const LABEL_MAX: usize = 255;
    /// A signature takes milliseconds at the most, also over a network: the time that one is given,
    /// when nobody says otherwise.
    pub const CALL_TIMEOUT: Duration = Duration::from_secs(1);
    /// How long the module may be stuck before its process gives up, when nobody says otherwise. Most
    /// devices and networks that come back at all do so sooner, and self-tests come every ten seconds.
    pub const STUCK_AFTER: Duration = Duration::from_secs(30);

    /// The token at `slot`, whose objects open with `prefix`.
    ///
    /// # Errors
    /// When `label_max` is too small for any label.
    pub fn new(
        slot: SlotChoice,
        prefix: LabelPrefix,
        label_max: usize,
    ) -> Result<Self, LabelsTooShort> {
        Ok(Self {
            slot,
            labels: Labels::new(prefix, label_max)?,
            ec_params: EcParams::Oid,
            sessions: NonZeroUsize::MIN,
            call_timeout: Self::CALL_TIMEOUT,
            stuck_after: Self::STUCK_AFTER,
        })
    }

    /// The same, with another way to name the curve.
    #[must_use]
    pub fn with_ec_params(mut self, ec_params: EcParams) -> Self {
        self.ec_params = ec_params;
        self
    }

    /// The same, with this many sessions that sign.
    #[must_use]
    pub const fn with_sessions(mut self, sessions: NonZeroUsize) -> Self {
        self.sessions = sessions;
        self
    }

    /// The same, where a thread is left once it has been inside the module for this long for one
    /// signature.
    #[must_use]
    pub const fn with_call_timeout(mut self, call_timeout: Duration) -> Self {
        self.call_timeout = call_timeout;
        self
    }

    /// The same, where the module counts as stuck after this long.
    #[must_use]
    pub const fn with_stuck_after(mut self, stuck_after: Duration) -> Self {
        self.stuck_after = stuck_after;
        self
    }
}

/// Which token is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlotChoice {
    /// The token in the slot of this number, written as the number. Some modules number their slots
    /// anew at each start.
    Number(u64),
    /// The token of this label, written `label:NAME`.
    Label(String),
    /// The token of this serial number, written `serial:NNN`.
    Serial(String),
}

impl FromStr for SlotChoice {
    type Err = ParseSlotChoiceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.ends_with(char::is_whitespace) || text.contains(char::is_control) {
            return Err(ParseSlotChoiceError::Blank);
        }
        let named = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
        let choice = if let Some(label) = text.strip_prefix("label:") {
            named(label).map(Self::Label)
        } else if let Some(serial) = text.strip_prefix("serial:") {
            named(serial).map(Self::Serial)
        } else if let Some(hex) = text.strip_prefix("0x") {
            u64::from_str_radix(hex, 16).ok().map(Self::Number)
        } else {
            text.parse().ok().map(Self::Number)
        };
        choice.ok_or(ParseSlotChoiceError::Form)
    }
}

impl fmt::Display for SlotChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "slot {number}"),
            Self::Label(label) => write!(f, "label:{label}"),
            Self::Serial(serial) => write!(f, "serial:{serial}"),
        }
    }
}

/// The text does not say which token is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseSlotChoiceError {
    /// It is of none of the three forms.
    #[error("must be the number of a slot, label:NAME or serial:NUMBER of its token")]
    Form,
    /// No token is called so: names are padded with blanks.
    #[error("must neither end with a blank nor hold control characters: no token is called so")]
    Blank,
}

/// How the curve Ed25519 is named to the module when a pair is made. Modules differ in this, and a
/// wrong form gives no telling error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EcParams {
    /// The object identifier 1.3.101.112, written `oid`.
    Oid,
    /// The printable string `edwards25519`, written `name`.
    Name,
    /// These bytes, written `hex:` and their hex digits.
    Raw(Vec<u8>),
}

impl EcParams {
    /// The bytes of `CKA_EC_PARAMS`.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Oid => vec![0x06, 0x03, 0x2b, 0x65, 0x70],
            Self::Name => b"\x13\x0cedwards25519".to_vec(),
            Self::Raw(bytes) => bytes.clone(),
        }
    }
}

impl FromStr for EcParams {
    type Err = ParseEcParamsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "oid" => Ok(Self::Oid),
            "name" => Ok(Self::Name),
            _ => text
                .strip_prefix("hex:")
                .and_then(bytes_of)
                .map(Self::Raw)
                .ok_or(ParseEcParamsError),
        }
    }
}

/// The text does not name the curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be oid, name, or hex: and the hex digits of the DER encoding that the vendor wants")]
pub struct ParseEcParamsError;

/// The bytes that hex digits stand for; `None` when there are none, or other characters.
fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    if hex.is_empty() || !hex.len().is_multiple_of(2) {
        return None;
    }
    let digit = |digit: u8| {
        char::from(digit)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let (pairs, _) = hex.as_bytes().as_chunks::<2>();
    pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_a_number_a_label_or_a_serial_number() {
        for (text, choice) in [
            ("0", SlotChoice::Number(0)),
            ("0x1f", SlotChoice::Number(31)),
            ("label:signer", SlotChoice::Label("signer".to_owned())),
            ("label:a: b", SlotChoice::Label("a: b".to_owned())),
            ("serial:0042", SlotChoice::Serial("0042".to_owned())),
        ] {
            assert_eq!(text.parse(), Ok(choice));
        }
        for text in ["", "-1", "label:", "serial:", "slot0", "0xg"] {
            let refusal = text.parse::<SlotChoice>().unwrap_err();
            assert_eq!(refusal, ParseSlotChoiceError::Form);
        }
        for text in ["label:tok ", "label:tok\n", "serial:1\t", "0 ", "label:\0"] {
            let refusal = text.parse::<SlotChoice>().unwrap_err();
            assert_eq!(refusal, ParseSlotChoiceError::Blank);
        }
    }

    #[test]
    fn a_curve_is_named_by_oid_by_name_or_by_bytes() {
        assert_eq!("oid".parse(), Ok(EcParams::Oid));
        assert_eq!("name".parse(), Ok(EcParams::Name));
        let luna: EcParams = "hex:06092b06010401da470f01".parse().unwrap();
        assert_eq!(luna.to_bytes()[..3], [0x06, 0x09, 0x2b]);
        for text in ["", "OID", "hex:", "hex:0", "hex:0g", "1.3.101.112"] {
            assert_eq!(text.parse::<EcParams>(), Err(ParseEcParamsError), "{text}");
        }
    }
}
