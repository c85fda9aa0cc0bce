//! Errors on the wire (RFC 9457).

use std::borrow::Cow;

use actix_http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::texts;

/// An error, as `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:plexsphere:signer:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(value_type = texts::ProblemType)]
    pub problem_type: String,
    /// A short summary of the kind of error.
    #[schema(value_type = String)]
    pub title: Cow<'static, str>,
    /// The HTTP status code.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What went wrong this time.
    #[schema(value_type = String)]
    pub detail: Cow<'static, str>,
    /// The kind of error, for programs.
    pub code: ProblemCode,
    /// Whether the same request may succeed later. Every call is safe to repeat.
    pub retryable: bool,
    /// The `X-Request-Id` of the answer.
    #[schema(value_type = texts::RequestId)]
    pub request_id: String,
}

impl Problem {
    /// The problem of kind `code`, in answer to the request `request_id`.
    pub fn new(code: ProblemCode, detail: Cow<'static, str>, request_id: &str) -> Self {
        Self {
            problem_type: format!("urn:plexsphere:signer:problem:{}", code.as_str()),
            title: Cow::Borrowed(code.title()),
            status: code.status().as_u16(),
            detail,
            code,
            retryable: code.is_retryable(),
            request_id: request_id.to_owned(),
        }
    }
}

/// Gives each code its name, status and title in one line.
macro_rules! problem_codes {
    ($($(#[$doc:meta])* $code:ident = $name:literal, $status:ident, $title:literal;)+) => {
        /// The kinds of error, by cause.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum ProblemCode {
            $($(#[$doc])* $code,)+
        }

        impl ProblemCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$code),+];

            /// The name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$code => $name,)+ }
            }

            /// The status that goes with it.
            pub(crate) const fn status(self) -> StatusCode {
                match self { $(Self::$code => StatusCode::$status,)+ }
            }

            /// A short summary.
            const fn title(self) -> &'static str {
                match self { $(Self::$code => $title,)+ }
            }
        }
    };
}

problem_codes! {
    /// The request breaks the contract.
    InvalidRequest = "invalid_request", BAD_REQUEST, "Invalid request";
    /// The deployment profile does not serve the scope.
    ScopeNotPermitted = "scope_not_permitted", BAD_REQUEST, "Scope not permitted";
    /// The caller may not do this.
    Denied = "denied", FORBIDDEN, "Denied";
    /// There is no such key.
    KeyNotFound = "key_not_found", NOT_FOUND, "Key not found";
    /// There is no such call.
    NotFound = "not_found", NOT_FOUND, "Not found";
    /// The call exists, with another method.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "Method not allowed";
    /// The request did not arrive in time.
    RequestTimeout = "request_timeout", REQUEST_TIMEOUT, "Request timeout";
    /// The request's body is too large.
    PayloadTooLarge = "payload_too_large", PAYLOAD_TOO_LARGE, "Payload too large";
    /// The request's body is not plain JSON.
    UnsupportedMediaType =
        "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "Unsupported media type";
    /// The keys of the scope are being rotated.
    RotationInProgress = "rotation_in_progress", CONFLICT, "Rotation in progress";
    /// No such rotation.
    RotationNotFound = "rotation_not_found", NOT_FOUND, "Rotation not found";
    /// The key signs no more.
    KeyRetired = "key_retired", GONE, "Key retired";
    /// The key signs no more until it is unblocked.
    KeyBlocked = "key_blocked", CONFLICT, "Key blocked";
    /// Too many requests wait.
    Overloaded = "overloaded", TOO_MANY_REQUESTS, "Overloaded";
    /// A defect of the custodian.
    Internal = "internal", INTERNAL_SERVER_ERROR, "Internal error";
    /// The signature did not verify and was not released.
    SignatureCheckFailed =
        "signature_check_failed", INTERNAL_SERVER_ERROR, "Signature check failed";
    /// The provider of the key cannot serve now.
    ProviderUnavailable =
        "provider_unavailable", SERVICE_UNAVAILABLE, "Key provider unavailable";
    /// The registry cannot serve now.
    RegistryUnavailable =
        "registry_unavailable", SERVICE_UNAVAILABLE, "Key registry unavailable";
    /// The request could not be recorded, so nothing of its answer is released.
    AuditUnavailable = "audit_unavailable", SERVICE_UNAVAILABLE, "Audit log unavailable";
    /// The process is stopping.
    Draining = "draining", SERVICE_UNAVAILABLE, "Draining";
    /// The answer did not come in time.
    DeadlineExceeded = "deadline_exceeded", GATEWAY_TIMEOUT, "Deadline exceeded";
}

impl ProblemCode {
    /// Whether the same request may succeed later: the answer depends on the moment, not on what was
    /// asked.
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::RequestTimeout
            | Self::Overloaded
            | Self::ProviderUnavailable
            | Self::RegistryUnavailable
            | Self::AuditUnavailable
            | Self::Draining
            | Self::DeadlineExceeded => true,
            Self::InvalidRequest
            | Self::ScopeNotPermitted
            | Self::Denied
            | Self::KeyNotFound
            | Self::NotFound
            | Self::MethodNotAllowed
            | Self::PayloadTooLarge
            | Self::UnsupportedMediaType
            | Self::RotationInProgress
            | Self::RotationNotFound
            | Self::KeyRetired
            | Self::KeyBlocked
            | Self::Internal
            | Self::SignatureCheckFailed => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_spelt_alike_in_json_and_in_metrics() {
        for code in ProblemCode::ALL {
            let json = serde_json::to_string(code).unwrap();
            assert_eq!(json, format!("\"{}\"", code.as_str()));
        }
    }
}
