//! What AWS KMS answers when it does not do what it is asked.

use std::error::Error;
use std::io;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_kms::config::http::HttpResponse;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};

use signer_cloud::{Trouble, leaves_doubt, told, told_that};
use signer_domain::ports::{Cause, KeyProviderError};

/// Why a call did not do what it was made for.
#[derive(Debug)]
pub(super) enum Refusal {
    /// There is no such key or alias, or none to be seen yet.
    NotFound,
    /// The key is disabled.
    Disabled,
    /// The key is in a state in which it does not do this: about to be deleted, or not made yet.
    InvalidState(Cause),
    /// The alias is there already.
    AlreadyExists,
    /// Where a list goes on is not known any more.
    InvalidMarker,
    /// The policy of this one key does not allow the call, whatever our own permissions are.
    DeniedByKey(Cause),
    /// The call did not succeed, and may at another time.
    Trouble(Trouble, Cause),
    /// What is to be told as it is.
    Final(KeyProviderError),
}

impl Refusal {
    /// Whether the same call may well succeed a moment later.
    pub(super) const fn is_passing(&self) -> bool {
        match self {
            Self::Trouble(trouble, _) => match trouble {
                Trouble::Unreachable
                | Trouble::Silent
                | Trouble::Throttled(_)
                | Trouble::Failing => true,
                Trouble::Untrusted
                | Trouble::CredentialsRefused
                | Trouble::PermissionDenied
                | Trouble::Unexpected => false,
            },
            Self::NotFound
            | Self::Disabled
            | Self::InvalidState(_)
            | Self::AlreadyExists
            | Self::InvalidMarker
            | Self::DeniedByKey(_)
            | Self::Final(_) => false,
        }
    }

    /// Whether the call may have had its effect all the same.
    pub(super) const fn leaves_doubt(&self) -> bool {
        match self {
            Self::Trouble(trouble, _) => trouble.leaves_doubt(),
            Self::Final(error) => leaves_doubt(error),
            Self::NotFound
            | Self::Disabled
            | Self::InvalidState(_)
            | Self::AlreadyExists
            | Self::InvalidMarker
            | Self::DeniedByKey(_) => false,
        }
    }

    /// How long the service asks to wait, if it does.
    pub(super) const fn hint(&self) -> Option<Duration> {
        match self {
            Self::Trouble(Trouble::Throttled(hint), _) => *hint,
            Self::Trouble(..)
            | Self::NotFound
            | Self::Disabled
            | Self::InvalidState(_)
            | Self::AlreadyExists
            | Self::InvalidMarker
            | Self::DeniedByKey(_)
            | Self::Final(_) => None,
        }
    }

    /// As an error of the port. What only some calls can make sense of is unexpected elsewhere.
    pub(super) fn told(self) -> KeyProviderError {
        match self {
            Self::NotFound => KeyProviderError::KeyNotFound,
            Self::Disabled => KeyProviderError::KeyRetired,
            Self::InvalidState(cause) => Trouble::Failing.because(cause),
            Self::AlreadyExists => {
                Trouble::Unexpected.because(told_that("the alias exists already"))
            }
            Self::InvalidMarker => {
                Trouble::Unexpected.because(told_that("the place in the list is not known"))
            }
            Self::DeniedByKey(cause) => Trouble::PermissionDenied.because(cause),
            Self::Trouble(trouble, cause) => trouble.because(cause),
            Self::Final(error) => error,
        }
    }
}

/// Tells what became of a call from what the library says.
pub(super) fn refusal<E>(error: &SdkError<E, HttpResponse>) -> Refusal
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(answer) => {
            let (said, response) = (answer.err(), answer.raw());
            let answer = ServiceAnswer {
                status: response.status().as_u16(),
                code: said.code().unwrap_or_default(),
                message: said.message().unwrap_or_default(),
                request_id: response.headers().get("x-amzn-requestid").unwrap_or("none"),
                hint: hint(response),
            };
            answer.refusal()
        }
        SdkError::TimeoutError(_) => Refusal::Trouble(Trouble::Silent, told(error)),
        SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) => {
            Refusal::Trouble(without_answer(error), told(error))
        }
        // An answer that is none of this service, or only the half of one; and what the library may
        // tell one day.
        _ => Refusal::Trouble(Trouble::Unexpected, told(error)),
    }
}

/// An answer that is a refusal.
struct ServiceAnswer<'a> {
    status: u16,
    code: &'a str,
    message: &'a str,
    request_id: &'a str,
    hint: Option<Duration>,
}

impl ServiceAnswer<'_> {
    fn refusal(&self) -> Refusal {
        match self.code {
            "NotFoundException" | "InvalidArnException" => Refusal::NotFound,
            "DisabledException" => Refusal::Disabled,
            "KMSInvalidStateException" => Refusal::InvalidState(self.told()),
            "AlreadyExistsException" => Refusal::AlreadyExists,
            "InvalidMarkerException" => Refusal::InvalidMarker,
            "AccessDeniedException" if self.message.contains("resource-based policy") => {
                Refusal::DeniedByKey(self.told())
            }
            _ => match self.trouble() {
                // What is said of a signature may repeat the request, and with it a session token.
                trouble @ Trouble::CredentialsRefused => {
                    Refusal::Trouble(trouble, self.told_briefly())
                }
                trouble => Refusal::Trouble(trouble, self.told()),
            },
        }
    }

    /// Codes of the service, then the ones that all services of AWS share, then the status.
    fn trouble(&self) -> Trouble {
        match self.code {
            "ThrottlingException"
            | "Throttling"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "LimitExceededException" => Trouble::Throttled(self.hint),
            "AccessDeniedException" | "AccessDenied" | "UnauthorizedOperation" => {
                Trouble::PermissionDenied
            }
            "ExpiredTokenException"
            | "ExpiredToken"
            | "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "InvalidAccessKeyId"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "IncompleteSignature"
            | "IncompleteSignatureException"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "RequestExpired"
            | "NotAuthorized"
            | "OptInRequired" => Trouble::CredentialsRefused,
            "KMSInternalException"
            | "DependencyTimeoutException"
            | "KeyUnavailableException"
            | "InternalFailure"
            | "InternalServerError"
            | "ServiceUnavailable"
            | "ServiceUnavailableException" => Trouble::Failing,
            _ => match self.status {
                429 => Trouble::Throttled(self.hint),
                401 => Trouble::CredentialsRefused,
                403 => Trouble::PermissionDenied,
                500.. => Trouble::Failing,
                _ => Trouble::Unexpected,
            },
        }
    }

    fn told(&self) -> Cause {
        let Self {
            status,
            code,
            message,
            request_id,
            ..
        } = self;
        told_that(format!("{status} {code}: {message} (request {request_id})"))
    }

    fn told_briefly(&self) -> Cause {
        let Self {
            status,
            code,
            request_id,
            ..
        } = self;
        told_that(format!("{status} {code} (request {request_id})"))
    }
}

/// How long the service asks to wait.
fn hint(response: &HttpResponse) -> Option<Duration> {
    let number = |name| response.headers().get(name)?.trim().parse().ok();
    let milliseconds = number("x-amz-retry-after").map(Duration::from_millis);
    milliseconds.or_else(|| number("retry-after").map(Duration::from_secs))
}

/// Why there is no answer.
fn without_answer(error: &(dyn Error + 'static)) -> Trouble {
    let mut cause = Some(error);
    while let Some(current) = cause {
        if let Some(known) = known_cause(current) {
            return known;
        }
        cause = next_cause(current);
    }
    Trouble::Silent
}

/// What is behind an error. An input or output error does not count what it wraps among its sources, and
/// such errors wrap each other.
fn next_cause<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>() {
        Some(failure) => {
            let inner = failure.get_ref()?;
            Some(inner)
        }
        None => error.source(),
    }
}

fn known_cause(cause: &(dyn Error + 'static)) -> Option<Trouble> {
    if cause.is::<CredentialsError>() {
        return Some(Trouble::CredentialsRefused);
    }
    match cause.downcast_ref::<rustls::Error>() {
        // A certificate is checked before anything of the request is sent.
        Some(rustls::Error::InvalidCertificate(_)) => return Some(Trouble::Untrusted),
        // Anything else may as well end a connection in the middle of an answer.
        Some(_) => return Some(Trouble::Silent),
        None => {}
    }
    let failure = cause.downcast_ref::<io::Error>();
    if failure.is_some_and(|failure| could_not_connect(failure.kind())) {
        return Some(Trouble::Unreachable);
    }
    // The types behind these sentences belong to crates that nobody else here needs.
    let sentence = cause.to_string();
    let unreachable = ["dns error", "failed to resolve", "HTTP connect timeout"];
    let is_unreachable = unreachable.iter().any(|part| sentence.contains(part));
    is_unreachable.then_some(Trouble::Unreachable)
}

/// Whether this can only happen before a request is sent.
const fn could_not_connect(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::AddrNotAvailable
    )
}

#[cfg(test)]
mod tests;
