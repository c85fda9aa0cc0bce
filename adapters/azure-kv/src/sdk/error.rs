//! What the vault and its library say, as errors of the port. The one place that knows their codes.

use std::error::Error as _;
use std::time::Duration;

use azure_core::Error;
use azure_core::error::ErrorKind;
use azure_core::http::headers::HeaderName;
use azure_core::http::{RawResponse, StatusCode};
use serde::Deserialize;

use signer_cloud::{Trouble, in_doubt, leaves_doubt, told, told_that};
use signer_domain::ports::{Cause, KeyProviderError};

/// How long to wait for an identity service, or for a key that is being recovered.
const RETRY_SOON: Duration = Duration::from_secs(1);

/// Why the vault did not do what it was asked.
#[derive(Debug)]
pub(super) enum Refusal {
    /// There is no such key, or no such version of it.
    NotFound,
    /// The version is disabled.
    Disabled,
    /// The vault does not take the request: an unknown type or algorithm, or a wrong value.
    NotUnderstood(Cause),
    /// A deleted key has the name, and can still be recovered.
    NameIsDeleted(Cause),
    /// Something that often passes at once: a broken connection, a failure of the vault.
    Passing(KeyProviderError),
    /// Everything else.
    Other(KeyProviderError),
}

impl Refusal {
    /// Reads what the library says.
    pub(super) fn of(error: &Error) -> Self {
        let cause = told(error);
        match error.kind() {
            ErrorKind::HttpResponse {
                status,
                raw_response,
                ..
            } => of_answer(*status, raw_response.as_deref(), cause),
            ErrorKind::Credential => Self::Other(of_signing_in(error, cause)),
            ErrorKind::Connection => Self::Passing(of_connecting(error).because(cause)),
            ErrorKind::Io => Self::Passing(Trouble::Silent.because(cause)),
            ErrorKind::DataConversion | ErrorKind::Other => {
                Self::Other(Trouble::Unexpected.because(cause))
            }
        }
    }

    /// Whether the same request may well succeed a moment later. A vault that asks for quiet gets it.
    pub(super) const fn may_pass(&self) -> bool {
        match self {
            Self::Passing(_) => true,
            Self::NotFound
            | Self::Disabled
            | Self::NotUnderstood(_)
            | Self::NameIsDeleted(_)
            | Self::Other(_) => false,
        }
    }

    /// Whether the request may have had its effect all the same.
    pub(super) const fn leaves_doubt(&self) -> bool {
        match self {
            Self::Passing(error) | Self::Other(error) => leaves_doubt(error),
            Self::NotFound | Self::Disabled | Self::NotUnderstood(_) | Self::NameIsDeleted(_) => {
                false
            }
        }
    }

    /// The same, of a request that may have had its effect at an earlier try. Only that there is no
    /// such key says as much as before.
    pub(super) fn after_doubt(self) -> Self {
        match self {
            Self::NotFound | Self::Disabled => self,
            Self::NotUnderstood(_) | Self::NameIsDeleted(_) | Self::Passing(_) | Self::Other(_) => {
                Self::Other(in_doubt(self.plain()))
            }
        }
    }

    /// As an error of the port, where a request that is not understood is a defect of one side.
    pub(super) fn plain(self) -> KeyProviderError {
        match self {
            Self::NotFound => KeyProviderError::KeyNotFound,
            Self::Disabled => KeyProviderError::KeyRetired,
            Self::NotUnderstood(cause) => Trouble::Unexpected.because(cause),
            Self::NameIsDeleted(cause) => misconfigured(NAME_IS_DELETED, cause),
            Self::Passing(error) | Self::Other(error) => error,
        }
    }

    /// As an error of the port, where a request that is not understood is the operator's to cure.
    pub(super) fn or_refused_while(self, context: &'static str) -> KeyProviderError {
        match self {
            Self::NotUnderstood(cause) => misconfigured(context, cause),
            Self::NotFound
            | Self::Disabled
            | Self::NameIsDeleted(_)
            | Self::Passing(_)
            | Self::Other(_) => self.plain(),
        }
    }
}

impl From<KeyProviderError> for Refusal {
    fn from(error: KeyProviderError) -> Self {
        Self::Other(error)
    }
}

const NAME_IS_DELETED: &str =
    "making a key: the vault has a deleted key of the same name, to be recovered or purged first";

pub(super) fn misconfigured(context: &'static str, cause: Cause) -> KeyProviderError {
    KeyProviderError::Misconfigured {
        context,
        source: Some(cause),
    }
}

/// An answer that is right in form and wrong in content.
pub(super) fn unexpected(sentence: &'static str) -> KeyProviderError {
    Trouble::Unexpected.because(told_that(sentence))
}

/// An error that comes after a version was made: whatever it says, the version is there.
pub(super) fn after_making(error: KeyProviderError) -> KeyProviderError {
    match error {
        // The vault shows late what it has made.
        KeyProviderError::KeyNotFound => unexpected("a key that was made is not shown"),
        KeyProviderError::KeyRetired
        | KeyProviderError::RotationInProgress
        | KeyProviderError::ProviderUnavailable { .. }
        | KeyProviderError::Misconfigured { .. } => in_doubt(error),
    }
}

/// Reads what the vault answers. Only the vault itself can tell that it has no such key: a gateway that
/// knows no such page answers 404 as well.
fn of_answer(status: StatusCode, answer: Option<&RawResponse>, cause: Cause) -> Refusal {
    let code = answer.map(innermost_code).unwrap_or_default();
    let trouble = match status {
        StatusCode::NotFound if code == "KeyNotFound" => return Refusal::NotFound,
        StatusCode::BadRequest => return Refusal::NotUnderstood(cause),
        StatusCode::Forbidden if code == "KeyDisabled" => return Refusal::Disabled,
        StatusCode::Conflict => return of_conflict(&code, cause),
        StatusCode::Forbidden => Trouble::PermissionDenied,
        StatusCode::Unauthorized => Trouble::CredentialsRefused,
        StatusCode::TooManyRequests => Trouble::Throttled(answer.and_then(hint)),
        StatusCode::RequestTimeout => return Refusal::Passing(Trouble::Silent.because(cause)),
        status if status.is_server_error() => {
            return Refusal::Passing(Trouble::Failing.because(cause));
        }
        _ => Trouble::Unexpected,
    };
    Refusal::Other(trouble.because(cause))
}

/// Two conflicts pass by themselves: a key that is being deleted or recovered. A key that is deleted
/// and can be recovered keeps its name.
fn of_conflict(code: &str, cause: Cause) -> Refusal {
    match code {
        "ObjectIsBeingDeleted" | "ObjectIsBeingRecovered" => {
            Refusal::Other(KeyProviderError::ProviderUnavailable {
                context: "waiting for a key that is being deleted or recovered",
                retry_after: RETRY_SOON,
                outcome_unknown: false,
                source: Some(cause),
            })
        }
        _ => Refusal::NameIsDeleted(cause),
    }
}

/// Reads why there is no token. The identity service is another one than the vault, so its failures
/// are told as its own.
fn of_signing_in(error: &Error, cause: Cause) -> KeyProviderError {
    let unavailable = |context, cause| KeyProviderError::ProviderUnavailable {
        context,
        retry_after: RETRY_SOON,
        outcome_unknown: false,
        source: Some(cause),
    };
    match reason_of(error).map(Error::kind) {
        Some(ErrorKind::Connection) => unavailable(
            "signing in to the key service: its identity service cannot be reached",
            cause,
        ),
        Some(ErrorKind::Io) => unavailable(
            "signing in to the key service: its identity service does not answer",
            cause,
        ),
        Some(ErrorKind::HttpResponse { status, .. })
            if status.is_server_error() || *status == StatusCode::TooManyRequests =>
        {
            unavailable(
                "signing in to the key service: its identity service fails",
                cause,
            )
        }
        Some(
            ErrorKind::HttpResponse { .. }
            | ErrorKind::DataConversion
            | ErrorKind::Credential
            | ErrorKind::Other,
        )
        | None => Trouble::CredentialsRefused.because(cause),
    }
}

/// What is behind the wrapping that says that there is no token.
pub(super) fn reason_of(error: &Error) -> Option<&Error> {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(inner) = cause.downcast_ref::<Error>()
            && *inner.kind() != ErrorKind::Credential
        {
            return Some(inner);
        }
        source = cause.source();
    }
    None
}

/// Whether the connection broke on the certificate of the other side.
fn of_connecting(error: &Error) -> Trouble {
    let mut cause = beneath(error);
    while let Some(error) = cause {
        if let Some(rustls::Error::InvalidCertificate(_)) = error.downcast_ref() {
            return Trouble::Untrusted;
        }
        cause = beneath(error);
    }
    Trouble::Unreachable
}

/// The cause of an error. An error of input and output passes over the error it wraps.
fn beneath<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a (dyn std::error::Error + 'static)> {
    let io = error.downcast_ref::<std::io::Error>();
    match io.and_then(std::io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

/// The error document of a vault:
/// `{"error":{"code":"Forbidden","message":"..","innererror":{"code":"KeyDisabled"}}}`.
#[derive(Deserialize)]
struct Document {
    error: Detail,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(default)]
    code: String,
    #[serde(default, alias = "innerError")]
    innererror: Option<Box<Self>>,
}

/// The most exact code in an error document, or nothing. A key that is disabled and a permission that
/// is missing differ in it alone.
fn innermost_code(answer: &RawResponse) -> String {
    let Ok(document) = serde_json::from_slice::<Document>(answer.body()) else {
        return String::new();
    };
    let mut detail = document.error;
    while let Some(inner) = detail.innererror.take() {
        detail = *inner;
    }
    detail.code
}

/// How long the vault asks to be left alone, if it says so.
fn hint(answer: &RawResponse) -> Option<Duration> {
    let seconds = answer
        .headers()
        .get_optional_str(&HeaderName::from_static("retry-after"))?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests;
