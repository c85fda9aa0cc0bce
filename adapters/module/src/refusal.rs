//! Why a provider cannot be used, in one sentence for the operator.

use std::fmt;

/// What is wrong, and with what reason the process ends for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    reason: Reason,
    sentence: String,
}

/// What kind of thing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A setting, which the operator can put right.
    Usage,
    /// Something without a reason of its own.
    General,
    /// A back end that may come yet.
    Unavailable,
    /// A key that is where it must not be any more.
    Integrity,
}

impl Refusal {
    /// Refuses for `reason`, in the words of `sentence`.
    pub fn new(reason: Reason, sentence: impl fmt::Display) -> Self {
        Self {
            reason,
            sentence: sentence.to_string(),
        }
    }

    /// Refuses a setting.
    pub fn usage(sentence: impl fmt::Display) -> Self {
        Self::new(Reason::Usage, sentence)
    }

    /// Refuses for a reason without a name.
    pub fn general(sentence: impl fmt::Display) -> Self {
        Self::new(Reason::General, sentence)
    }

    /// The reason.
    pub const fn reason(&self) -> Reason {
        self.reason
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}
