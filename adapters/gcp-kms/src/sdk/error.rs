//! From the errors of Google's libraries to those of the port.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use google_cloud_gax::error::CredentialsError;
use google_cloud_gax::error::rpc::{Code, Status, StatusDetails};
use google_cloud_kms_v1::Error;

use signer_cloud::{Trouble, in_doubt, told, told_that};
use signer_domain::ports::{Cause, KeyProviderError};

/// Descriptions come from the service and go to the log; more of them is of no use there.
const LONGEST_DESCRIPTION: usize = 300;

/// The reason that the service gives for refusing an algorithm at a protection level.
const NOT_AT_THIS_LEVEL: &str = "ALGORITHM_NOT_SUPPORTED_FOR_PROTECTION_LEVEL";
/// What the operator is told then.
pub(super) const LEVEL_NOT_OFFERED: &str = "making a key: Google offers no Ed25519 key at the configured protection level; use \
     --gcp-protection-level software, or another provider for keys in an HSM";

/// Why a call did not bring what it was made for.
#[derive(Debug)]
pub(super) enum Refusal {
    /// There is no such thing.
    NotFound,
    /// There is one of this name already.
    AlreadyThere,
    /// The state of the version does not allow the call.
    WrongState(Cause),
    /// The service does not take the request as it is.
    Invalid(Cause),
    /// The service offers no Ed25519 at the protection level that was asked for.
    LevelNotOffered(Cause),
    /// The service that issues access tokens cannot be asked.
    NoToken(Cause),
    /// Anything else.
    Trouble(Trouble, Cause),
    /// The call found no room, its deadline came first, or an earlier try of it may have had its effect.
    Final(KeyProviderError),
}

impl Refusal {
    /// Whether the same call may succeed in a moment.
    pub(super) const fn is_passing(&self) -> bool {
        match self {
            Self::Trouble(trouble, _) => match trouble {
                Trouble::Unreachable | Trouble::Silent | Trouble::Failing => true,
                Trouble::Untrusted
                | Trouble::Throttled(_)
                | Trouble::CredentialsRefused
                | Trouble::PermissionDenied
                | Trouble::Unexpected => false,
            },
            Self::NotFound
            | Self::AlreadyThere
            | Self::WrongState(_)
            | Self::Invalid(_)
            | Self::LevelNotOffered(_)
            | Self::NoToken(_)
            | Self::Final(_) => false,
        }
    }

    /// Whether the call may have taken effect all the same.
    pub(super) const fn leaves_doubt(&self) -> bool {
        match self {
            Self::Trouble(trouble, _) => trouble.leaves_doubt(),
            Self::Final(KeyProviderError::ProviderUnavailable {
                outcome_unknown, ..
            }) => *outcome_unknown,
            Self::Final(_)
            | Self::NotFound
            | Self::AlreadyThere
            | Self::WrongState(_)
            | Self::Invalid(_)
            | Self::LevelNotOffered(_)
            | Self::NoToken(_) => false,
        }
    }

    /// The same as the last of several tries, of which an earlier one may have had its effect. What the
    /// service says of the state of things is true all the same.
    pub(super) fn after_doubt(self) -> Self {
        match self {
            Self::Invalid(_)
            | Self::LevelNotOffered(_)
            | Self::NoToken(_)
            | Self::Trouble(..)
            | Self::Final(_) => Self::Final(in_doubt(self.into())),
            Self::NotFound | Self::AlreadyThere | Self::WrongState(_) => self,
        }
    }

    /// Whether the service did nothing because of who calls, so that nothing is done twice by a call
    /// that is repeated.
    pub(super) const fn is_of_credentials(&self) -> bool {
        matches!(
            self,
            Self::NoToken(_) | Self::Trouble(Trouble::CredentialsRefused, _)
        )
    }

    /// Whether a line that is made anew may help. The library never asks again for a token that was
    /// refused once, waits for one without end, goes on with one that was revoked, and reads the
    /// trusted certificates once.
    pub(super) const fn asks_for_renewal(&self) -> bool {
        self.is_of_credentials() || matches!(self, Self::Trouble(Trouble::Untrusted, _))
    }
}

impl From<Refusal> for KeyProviderError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound => Self::KeyNotFound,
            Refusal::AlreadyThere => {
                Trouble::Unexpected.because(told_that("the service has one of this name already"))
            }
            Refusal::WrongState(cause) | Refusal::Invalid(cause) => {
                Trouble::Unexpected.because(cause)
            }
            Refusal::LevelNotOffered(cause) => Self::Misconfigured {
                context: LEVEL_NOT_OFFERED,
                source: Some(cause),
            },
            Refusal::NoToken(cause) => Self::ProviderUnavailable {
                context: "signing in to the key service: who issues access tokens cannot be asked",
                retry_after: Duration::from_secs(1),
                outcome_unknown: false,
                source: Some(cause),
            },
            Refusal::Trouble(trouble, cause) => trouble.because(cause),
            Refusal::Final(error) => error,
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        if let Some(status) = error.status() {
            return Self::of_status(status, &error);
        }
        let credentials: Option<&CredentialsError> = find(&error);
        if let Some(credentials) = credentials {
            return Self::of_credentials(credentials);
        }
        if let Some(code) = error.http_status_code() {
            let said = format!("HTTP status {code} without a description");
            return Self::Trouble(of_http_status(code, &error), told_that(said));
        }
        // The library tells these apart by methods that it does not list in its documentation.
        let trouble = if error.is_connect() {
            of_connecting(&error)
        } else if error.is_timeout() || error.is_io() || error.is_transport() {
            Trouble::Silent
        } else {
            Trouble::Unexpected
        };
        Self::Trouble(trouble, brief(&error))
    }
}

impl Refusal {
    /// The canonical codes that the service uses, and one default for the others.
    fn of_status(status: &Status, error: &Error) -> Self {
        let cause = brief(error);
        let trouble = match status.code {
            Code::NotFound => return Self::NotFound,
            Code::AlreadyExists => return Self::AlreadyThere,
            Code::FailedPrecondition => return Self::WrongState(cause),
            Code::InvalidArgument if has_reason(status, NOT_AT_THIS_LEVEL) => {
                return Self::LevelNotOffered(cause);
            }
            Code::InvalidArgument => return Self::Invalid(cause),
            Code::Unauthenticated => Trouble::CredentialsRefused,
            Code::PermissionDenied => Trouble::PermissionDenied,
            Code::ResourceExhausted => Trouble::Throttled(hint(error)),
            Code::DeadlineExceeded => Trouble::Silent,
            Code::Unavailable | Code::Internal | Code::Aborted | Code::Cancelled => {
                Trouble::Failing
            }
            Code::Unknown => error
                .http_status_code()
                .map_or(Trouble::Unexpected, |code| of_http_status(code, error)),
            _ => Trouble::Unexpected,
        };
        Self::Trouble(trouble, cause)
    }

    /// Why there is no token.
    pub(super) fn of_credentials(error: &CredentialsError) -> Self {
        let cause = told_of_sign_in(error);
        if error.is_transient() {
            Self::NoToken(cause)
        } else {
            Self::Trouble(Trouble::CredentialsRefused, cause)
        }
    }

    /// Why no client could be made. The sentences about a file that is not of its form may quote what
    /// the file holds, so they are not told.
    pub(super) fn of_file(error: &google_cloud_auth::build_errors::Error) -> Self {
        let cause = if error.is_loading() {
            brief(error)
        } else if error.is_not_supported() {
            told_that("the library does not support credentials of this kind")
        } else {
            told_that("the credentials file is not of its form")
        };
        Self::Trouble(Trouble::CredentialsRefused, cause)
    }

    /// Why no client could be made although there are credentials.
    pub(super) fn of_building(error: &reqwest::Error) -> Self {
        Self::Trouble(Trouble::Unexpected, brief(error))
    }
}

/// What a proxy or a load balancer means that answers in the place of the service.
fn of_http_status(code: u16, error: &Error) -> Trouble {
    match code {
        401 | 407 => Trouble::CredentialsRefused,
        403 => Trouble::PermissionDenied,
        429 => Trouble::Throttled(hint(error)),
        408 | 500.. => Trouble::Failing,
        _ => Trouble::Unexpected,
    }
}

fn of_connecting(error: &Error) -> Trouble {
    match find::<rustls::Error>(error) {
        Some(_) => Trouble::Untrusted,
        None => Trouble::Unreachable,
    }
}

fn has_reason(status: &Status, reason: &str) -> bool {
    let mut details = status.details.iter();
    details.any(|detail| matches!(detail, StatusDetails::ErrorInfo(info) if info.reason == reason))
}

/// How long to wait, as the service says in its answer or in its header.
fn hint(error: &Error) -> Option<Duration> {
    let details = error.status().map(|status| status.details.as_slice());
    let of_details = details.unwrap_or_default().iter().find_map(|detail| {
        let StatusDetails::RetryInfo(info) = detail else {
            return None;
        };
        info.retry_delay?.try_into().ok()
    });
    of_details.or_else(|| {
        let seconds = error.http_headers()?.get("retry-after")?.to_str().ok()?;
        seconds.parse().ok().map(Duration::from_secs)
    })
}

/// The first cause of this type, also one that an I/O error is made of.
fn find<E: StdError + 'static>(error: &dyn StdError) -> Option<&E> {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref() {
            return Some(found);
        }
        // An I/O error names as its cause not the error that it is made of but that one's cause.
        let made_of = cause
            .downcast_ref::<io::Error>()
            .and_then(|cause| cause.get_ref())
            .map(|inner| -> &(dyn StdError + 'static) { inner });
        next = made_of.or_else(|| cause.source());
        if let Some(found) = made_of.and_then(|inner| inner.downcast_ref()) {
            return Some(found);
        }
    }
    None
}

/// What an error says, and not too much of it.
fn brief(error: &dyn StdError) -> Cause {
    told_that(shortened(&told(error).to_string()))
}

fn shortened(sentence: &str) -> String {
    let mut text: String = sentence.chars().take(LONGEST_DESCRIPTION).collect();
    if text.len() < sentence.len() {
        text.push_str(" ...");
    }
    text
}

/// What an error says of signing in. The answer of who issues tokens is quoted by the library; it may
/// repeat what it was sent, so nothing but its error code is told.
fn told_of_sign_in(error: &CredentialsError) -> Cause {
    const QUOTED: &str = ", body=<";
    let sentence = told(error).to_string();
    let Some((before, quoted)) = sentence.split_once(QUOTED) else {
        return told_that(shortened(&sentence));
    };
    match error_code_in(quoted) {
        Some(code) => told_that(format!("{}: {code}", shortened(before))),
        None => told_that(shortened(before)),
    }
}

/// The value of `error` (RFC 6749 §5.2) in what is quoted, when it is a word.
fn error_code_in(quoted: &str) -> Option<String> {
    let mut documents = serde_json::Deserializer::from_str(quoted).into_iter();
    let document: serde_json::Value = documents.next()?.ok()?;
    let code = document.get("error")?.as_str()?;
    let is_word = code
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    (is_word && code.len() <= 40).then(|| code.to_owned())
}

#[cfg(test)]
mod tests;
