//! How a request ended, in the words of the record.

use signer_domain::ports::AuditOutcome;

use crate::answer::Answer;
use crate::refusal::Refusal;
use crate::wire::ProblemCode;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) outcome: AuditOutcome,
    pub(super) http_status: u16,
    pub(super) code: Option<&'static str>,
}

impl Ending {
    /// The caller left before there was an answer.
    pub(super) const CLIENT_GONE: Self = Self {
        outcome: AuditOutcome::ClientGone,
        http_status: 499,
        code: None,
    };

    pub(super) fn of(outcome: &Result<Answer, Refusal>) -> Self {
        match outcome {
            Ok(answer) => Self {
                outcome: if answer.is_success() {
                    AuditOutcome::Ok
                } else {
                    AuditOutcome::Error
                },
                http_status: answer.status().as_u16(),
                code: None,
            },
            Err(refusal) => Self::of_refusal(refusal),
        }
    }

    pub(super) fn of_refusal(refusal: &Refusal) -> Self {
        Self {
            outcome: refusal.code.audit_outcome(),
            http_status: refusal.code.status().as_u16(),
            code: Some(refusal.code.as_str()),
        }
    }
}

/// What a request that ends with this problem led to.
pub(crate) const fn outcome_of(code: ProblemCode) -> AuditOutcome {
    code.audit_outcome()
}

impl ProblemCode {
    /// What a request that ends with this problem led to.
    const fn audit_outcome(self) -> AuditOutcome {
        match self {
            Self::Denied => AuditOutcome::Denied,
            Self::InvalidRequest
            | Self::ScopeNotPermitted
            | Self::KeyNotFound
            | Self::NotFound
            | Self::MethodNotAllowed
            | Self::RequestTimeout
            | Self::PayloadTooLarge
            | Self::UnsupportedMediaType
            | Self::RotationInProgress
            | Self::RotationNotFound
            | Self::KeyRetired
            | Self::KeyBlocked => AuditOutcome::Invalid,
            Self::Overloaded
            | Self::ProviderUnavailable
            | Self::RegistryUnavailable
            | Self::AuditUnavailable
            | Self::Draining
            | Self::DeadlineExceeded => AuditOutcome::Unavailable,
            Self::Internal | Self::SignatureCheckFailed => AuditOutcome::Error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_agrees_with_the_status() {
        for code in ProblemCode::ALL {
            let status = code.status().as_u16();
            let expected = match code.audit_outcome() {
                AuditOutcome::Denied => status == 403,
                AuditOutcome::Invalid => (400..=415).contains(&status) && status != 403,
                AuditOutcome::Unavailable => [429, 503, 504].contains(&status),
                AuditOutcome::Error => status == 500,
                AuditOutcome::Ok | AuditOutcome::ClientGone => false,
            };
            assert!(expected, "{}", code.as_str());
        }
    }
}
