//! Why a request is not done, before it is put into words for the caller.

use std::borrow::Cow;
use std::time::Duration;

use signer_domain::ports::CustodyError;

use crate::wire::ProblemCode;

/// Tells callers who were turned away by a passing condition of unknown length when to come back.
const SOON: Duration = Duration::from_secs(1);

/// Why a request is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: ProblemCode,
    pub(crate) detail: Cow<'static, str>,
    pub(crate) hint: Hint,
}

/// What else the caller is told, in a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hint {
    /// Nothing.
    None,
    /// When to try again.
    RetryAfter(Duration),
    /// Which methods there are.
    Allow(&'static str),
}

impl Refusal {
    pub(crate) const fn new(code: ProblemCode, detail: &'static str) -> Self {
        Self {
            code,
            detail: Cow::Borrowed(detail),
            hint: Hint::None,
        }
    }

    const fn for_now(code: ProblemCode, detail: &'static str, retry_after: Duration) -> Self {
        Self {
            code,
            detail: Cow::Borrowed(detail),
            hint: Hint::RetryAfter(retry_after),
        }
    }

    /// The request breaks the contract; `detail` says where and why.
    pub(crate) fn invalid(detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code: ProblemCode::InvalidRequest,
            detail: detail.into(),
            hint: Hint::None,
        }
    }

    /// The caller may not do this. Says the same whether or not the key exists.
    pub(crate) const fn denied() -> Self {
        Self::new(ProblemCode::Denied, "signing: peer identity denied")
    }

    pub(crate) const fn unknown_path() -> Self {
        Self::new(ProblemCode::NotFound, "there is no such path")
    }

    pub(crate) const fn other_method(allow: &'static str) -> Self {
        Self {
            code: ProblemCode::MethodNotAllowed,
            detail: Cow::Borrowed("this path has other methods, named in the Allow header"),
            hint: Hint::Allow(allow),
        }
    }

    /// The HTTP parser cannot make sense of a head.
    pub(crate) const fn unreadable_head() -> Self {
        Self::new(
            ProblemCode::InvalidRequest,
            "head: is not well-formed HTTP/1.1",
        )
    }

    /// The HTTP parser has no room for a head.
    pub(crate) const fn endless_head() -> Self {
        Self::new(
            ProblemCode::InvalidRequest,
            "head: must have at most 96 fields and be at most 131072 bytes long",
        )
    }

    /// The head did not arrive in time.
    pub(crate) const fn slow_head() -> Self {
        Self::new(
            ProblemCode::RequestTimeout,
            "the head did not arrive in time",
        )
    }

    pub(crate) const fn broken_body() -> Self {
        Self::new(
            ProblemCode::InvalidRequest,
            "body: broke off or is framed wrongly",
        )
    }

    /// Whether it is told at once or never: the HTTP parser hangs up on a body that it cannot make
    /// sense of.
    pub(crate) fn is_urgent(&self) -> bool {
        *self == Self::broken_body()
    }

    /// The body did not arrive in time.
    pub(crate) const fn slow_body() -> Self {
        Self::new(
            ProblemCode::RequestTimeout,
            "the body did not arrive in time",
        )
    }

    /// The request cannot be recorded. Tells nothing of what it led to.
    pub(crate) const fn audit_unavailable() -> Self {
        Self::for_now(
            ProblemCode::AuditUnavailable,
            "signing: audit log unavailable",
            SOON,
        )
    }

    /// Callers hold as much memory as they may.
    pub(crate) const fn no_memory() -> Self {
        Self::for_now(
            ProblemCode::Overloaded,
            "signing: too much memory in use; try again later",
            SOON,
        )
    }

    /// There are as many connections as there may be.
    pub(crate) const fn no_place() -> Self {
        Self::for_now(
            ProblemCode::Overloaded,
            "signing: too many connections; try again later",
            SOON,
        )
    }

    pub(crate) const fn draining() -> Self {
        Self::for_now(ProblemCode::Draining, "signing: draining", SOON)
    }

    pub(crate) const fn deadline_exceeded() -> Self {
        Self::new(ProblemCode::DeadlineExceeded, "signing: deadline exceeded")
    }

    pub(crate) const fn internal() -> Self {
        Self::new(
            ProblemCode::Internal,
            "the custodian failed; its log says more under this request id",
        )
    }
}

impl From<CustodyError> for Refusal {
    fn from(error: CustodyError) -> Self {
        use ProblemCode as Code;
        match error {
            CustodyError::ScopeNotPermitted(reason) => Self {
                code: Code::ScopeNotPermitted,
                detail: reason.to_string().into(),
                hint: Hint::None,
            },
            CustodyError::KeyNotFound => Self::new(Code::KeyNotFound, "signing: key not found"),
            CustodyError::KeyRetired => Self::new(Code::KeyRetired, "signing: key retired"),
            CustodyError::KeyBlocked => Self::new(Code::KeyBlocked, "signing: key blocked"),
            CustodyError::RotationInProgress => {
                Self::new(Code::RotationInProgress, "signing: rotation in progress")
            }
            CustodyError::RotationNotFound => {
                Self::new(Code::RotationNotFound, "signing: no rotation open")
            }
            CustodyError::NameTaken => {
                Self::invalid("new_key_id: names another key of this scope; choose a new name")
            }
            CustodyError::ProviderUnavailable {
                retry_after,
                outcome_unknown: _,
            } => Self::for_now(
                Code::ProviderUnavailable,
                "signing: key provider unavailable",
                retry_after,
            ),
            CustodyError::RegistryUnavailable { retry_after } => Self::for_now(
                Code::RegistryUnavailable,
                "signing: key registry unavailable",
                retry_after,
            ),
            CustodyError::AuditUnavailable => Self::audit_unavailable(),
            CustodyError::Overloaded { retry_after } => {
                Self::for_now(Code::Overloaded, "signing: handle queue full", retry_after)
            }
            CustodyError::DeadlineExceeded => Self::deadline_exceeded(),
            CustodyError::SignatureCheckFailed => Self::new(
                Code::SignatureCheckFailed,
                "the signature did not verify and was not released",
            ),
            CustodyError::Internal => Self::internal(),
        }
    }
}
