//! What the codes of a module mean for a caller, and what the adapter does about them.
//!
//! The only place that knows `CK_RV`. What a module said goes to the log, never to a caller.

#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use cryptoki::context::Function;
use cryptoki::error::{Error, RvError};

use signer_domain::ports::{Cause, KeyProviderError};

/// How long a caller should wait when nobody knows better.
const RETRY_SOON: Duration = Duration::from_secs(1);
/// How long a caller should wait until a token may have room again.
const RETRY_ROOM: Duration = Duration::from_secs(5);

/// Why one attempt at the token failed. The text is for the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The module refused a call.
    #[error("{context}: {}", ModuleSaid(.source))]
    Refused {
        /// What was being done, in the gerund.
        context: &'static str,
        /// What the module said.
        source: Error,
    },
    /// The session is not logged in, although the token was.
    #[error("the session is not logged in any more")]
    LoggedOut,
    /// Nothing was tried: what did not help the last time is not repeated before this pause is over.
    #[error("{context}: not tried again yet")]
    TooEarly {
        /// What failed the last time, in the gerund.
        context: &'static str,
        /// How long to wait from now on.
        pause: Duration,
        /// Why it failed.
        source: Option<Cause>,
    },
    /// The token does not show what it must hold, so nothing that it shows can be relied on.
    #[error("{context}{}", because(.source.as_ref()))]
    Doubtful {
        /// What was being done, in the gerund.
        context: &'static str,
        /// What it shows instead.
        source: Option<Cause>,
    },
    /// An object that was to be destroyed is not seen, and may only be hidden as long as this epoch of the
    /// module lasts.
    #[error("an object that was to be destroyed is not seen, and may only be hidden")]
    Concealed {
        /// The epoch.
        module_epoch: u64,
    },
    /// The token signed, but not with the key that was meant.
    #[error("the token signed with another key")]
    WrongSignature,
    /// No fault at all: the answer to the call is an error of the port.
    #[error("{}", in_full(.0))]
    Answer(KeyProviderError),
}

/// What to do about a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Try again on a session of its own, and initialise the module anew if that does not do.
    TryAgain,
    /// Leave the token alone for a while: it has no room.
    Wait,
    /// Never offer this PIN again.
    LatchPin,
    /// Ask for the operator.
    Operator,
}

impl Fault {
    /// Names what was being done when the module refused a call.
    pub(super) fn refused(context: &'static str) -> impl FnOnce(Error) -> Self {
        move |source| Self::Refused { context, source }
    }

    /// The token does not show what it must hold.
    pub(super) const fn doubtful(context: &'static str) -> Self {
        Self::Doubtful {
            context,
            source: None,
        }
    }

    /// An error that only an operator can cure.
    pub(super) fn misconfigured(context: &'static str, source: impl Into<Cause>) -> Self {
        Self::Answer(KeyProviderError::Misconfigured {
            context,
            source: Some(source.into()),
        })
    }

    /// Whether the token has refused a login.
    pub(super) const fn is_of_login(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                source: Error::Pkcs11(_, Function::Login),
                ..
            }
        )
    }

    /// Says that what failed so is not tried again before a pause is over: the operator is told of the
    /// cause and not of the pause.
    pub(super) fn not_before(self, pause: Duration) -> Self {
        let (context, source) = match self {
            Self::Refused { context, source } => (context, Some(said(&source))),
            Self::TooEarly {
                context, source, ..
            }
            | Self::Doubtful { context, source } => (context, source),
            Self::LoggedOut => ("logging in to the token", None),
            Self::Concealed { .. } => ("proving that a private key is gone", None),
            Self::WrongSignature => ("verifying what the token signed", None),
            Self::Answer(_) => return self,
        };
        Self::TooEarly {
            context,
            pause,
            source,
        }
    }

    pub(super) fn remedy(&self) -> Remedy {
        match self {
            Self::Refused { source, .. } => remedy(source),
            Self::LoggedOut
            | Self::Doubtful { .. }
            | Self::Concealed { .. }
            | Self::WrongSignature => Remedy::TryAgain,
            Self::TooEarly { .. } => Remedy::Wait,
            Self::Answer(_) => Remedy::Operator,
        }
    }

    /// What the caller is told when nothing helped. `touched` says that something may have been
    /// changed all the same.
    pub(super) fn into_answer(self, touched: bool) -> KeyProviderError {
        let remedy = self.remedy();
        let unavailable = |context, source| KeyProviderError::ProviderUnavailable {
            context,
            retry_after: match remedy {
                Remedy::Wait => RETRY_ROOM,
                Remedy::TryAgain | Remedy::LatchPin | Remedy::Operator => RETRY_SOON,
            },
            outcome_unknown: touched,
            source,
        };
        match self {
            Self::Refused { context, source } => match remedy {
                Remedy::TryAgain | Remedy::Wait => unavailable(context, Some(said(&source))),
                Remedy::LatchPin | Remedy::Operator => KeyProviderError::Misconfigured {
                    context,
                    source: Some(said(&source)),
                },
            },
            Self::LoggedOut => unavailable("logging in to the token", None),
            Self::TooEarly {
                context,
                pause,
                source,
            } => KeyProviderError::ProviderUnavailable {
                context,
                retry_after: pause,
                outcome_unknown: touched,
                source,
            },
            Self::Doubtful { context, source } => unavailable(context, source),
            Self::Concealed { .. } => unavailable("proving that a private key is gone", None),
            Self::WrongSignature => unavailable("verifying what the token signed", None),
            Self::Answer(error) => error,
        }
    }
}

/// The call ended without an answer, for want of time or of room.
pub(super) fn unavailable(context: &'static str, outcome_unknown: bool) -> KeyProviderError {
    KeyProviderError::ProviderUnavailable {
        context,
        retry_after: RETRY_SOON,
        outcome_unknown,
        source: None,
    }
}

/// The same failure, of a call that may have taken effect all the same, whatever the token said.
pub(super) fn with_unknown_outcome(error: KeyProviderError) -> KeyProviderError {
    match error {
        KeyProviderError::ProviderUnavailable {
            context,
            retry_after,
            source,
            ..
        } => KeyProviderError::ProviderUnavailable {
            context,
            retry_after,
            outcome_unknown: true,
            source,
        },
        KeyProviderError::Misconfigured { context, source } => {
            KeyProviderError::ProviderUnavailable {
                context,
                retry_after: RETRY_ROOM,
                outcome_unknown: true,
                source,
            }
        }
        answer @ (KeyProviderError::KeyNotFound
        | KeyProviderError::KeyRetired
        | KeyProviderError::RotationInProgress) => answer,
    }
}

fn said(error: &Error) -> Cause {
    ModuleSaid(error).to_string().into()
}

fn in_full(error: &KeyProviderError) -> String {
    format!("{error}{}", because(std::error::Error::source(error)))
}

fn because(source: Option<impl fmt::Display>) -> String {
    source.map_or_else(String::new, |source| format!(": {source}"))
}

/// What the module said, in the words of the standard.
struct ModuleSaid<'a>(&'a Error);

impl fmt::Display for ModuleSaid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Error::Pkcs11(code, function) => {
                // The names that the binding gives them differ from the standard's in spelling alone.
                let function = function.to_string();
                let function = function.trim_start_matches("Function::");
                write!(f, "C_{function} answered {}", name_of(*code))
            }
            other => other.fmt(f),
        }
    }
}

/// The name of a code in the standard, or its number.
fn name_of(code: RvError) -> String {
    match code {
        RvError::VendorDefined(number) => format!("CKR_VENDOR_DEFINED {number:#x}"),
        RvError::UnknownErrorCode(number) => format!("{number:#x}"),
        known => {
            let mut name = "CKR".to_owned();
            for letter in format!("{known:?}").chars() {
                if letter.is_ascii_uppercase() {
                    name.push('_');
                }
                name.push(letter.to_ascii_uppercase());
            }
            name
        }
    }
}

fn remedy(error: &Error) -> Remedy {
    match error {
        Error::Pkcs11(code, _) => remedy_for(*code),
        Error::LibraryLoading(_)
        | Error::MissingSymbol(_)
        | Error::NullFunctionPointer
        | Error::NotSupported
        | Error::PinNotSet => Remedy::Operator,
        // The module answered with something that is of no sense.
        _ => Remedy::TryAgain,
    }
}

/// The codes that are handled by name. Everything else, vendors' own codes included, is tried again:
/// signing is idempotent, and generating looks before it tries again.
fn remedy_for(code: RvError) -> Remedy {
    match code {
        RvError::SessionCount | RvError::HostMemory | RvError::DeviceMemory => Remedy::Wait,
        RvError::PinIncorrect
        | RvError::PinInvalid
        | RvError::PinLenRange
        | RvError::PinExpired
        | RvError::PinLocked => Remedy::LatchPin,
        RvError::MechanismInvalid
        | RvError::MechanismParamInvalid
        | RvError::CurveNotSupported
        | RvError::DomainParamsInvalid
        | RvError::TemplateIncomplete
        | RvError::TemplateInconsistent
        | RvError::AttributeReadOnly
        | RvError::AttributeSensitive
        | RvError::AttributeTypeInvalid
        | RvError::AttributeValueInvalid
        | RvError::KeyTypeInconsistent
        | RvError::KeyFunctionNotPermitted
        | RvError::KeySizeRange
        | RvError::ActionProhibited
        | RvError::DataInvalid
        | RvError::DataLenRange
        | RvError::TokenWriteProtected
        | RvError::SessionReadOnly
        | RvError::CantLock
        | RvError::NeedToCreateThreads
        | RvError::FunctionRejected
        | RvError::FunctionNotSupported => Remedy::Operator,
        _ => Remedy::TryAgain,
    }
}
