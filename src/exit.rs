//! What the exit status of the process says.

use std::process::ExitCode;

/// The reasons to end, as a script tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Ok,
    /// Failed for a reason that none of the others names.
    General,
    /// The command line, the configuration or the input is at fault.
    Usage,
    /// There is no such key, or no such rotation.
    NotFound,
    /// A rotation is in progress, or the key is blocked.
    Conflict,
    /// The peer may not do this.
    Denied,
    /// Not now; worth trying again.
    Unavailable,
    /// A signature does not verify.
    Integrity,
    /// The key is retired.
    Retired,
    /// Nothing but a new process can help, so that the supervisor should start one. It is the number
    /// of an internal error among those that supervisors know, and no command of a client ends with it.
    Stuck,
}

impl Exit {
    /// The number the process ends with.
    pub(crate) const fn status(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::General => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Conflict => 4,
            Self::Denied => 5,
            Self::Unavailable => 6,
            Self::Integrity => 7,
            Self::Retired => 8,
            Self::Stuck => 70,
        }
    }

    /// The reason behind the `code` of a problem document.
    ///
    /// A code of a newer server is a general failure rather than a guess.
    pub(crate) fn of_problem(code: &str) -> Self {
        match code {
            "invalid_request"
            | "scope_not_permitted"
            | "payload_too_large"
            | "unsupported_media_type" => Self::Usage,
            "key_not_found" | "rotation_not_found" | "not_found" => Self::NotFound,
            "rotation_in_progress" | "key_blocked" => Self::Conflict,
            "denied" => Self::Denied,
            "overloaded"
            | "provider_unavailable"
            | "registry_unavailable"
            | "audit_unavailable"
            | "draining"
            | "request_timeout"
            | "deadline_exceeded" => Self::Unavailable,
            "signature_check_failed" => Self::Integrity,
            "key_retired" => Self::Retired,
            _ => Self::General,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.status())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_code_has_its_documented_status() {
        for (code, status) in [
            ("internal", 1),
            ("method_not_allowed", 1),
            ("a_code_of_tomorrow", 1),
            ("invalid_request", 2),
            ("scope_not_permitted", 2),
            ("payload_too_large", 2),
            ("unsupported_media_type", 2),
            ("key_not_found", 3),
            ("rotation_not_found", 3),
            ("not_found", 3),
            ("rotation_in_progress", 4),
            ("key_blocked", 4),
            ("denied", 5),
            ("overloaded", 6),
            ("provider_unavailable", 6),
            ("registry_unavailable", 6),
            ("audit_unavailable", 6),
            ("draining", 6),
            ("request_timeout", 6),
            ("deadline_exceeded", 6),
            ("signature_check_failed", 7),
            ("key_retired", 8),
        ] {
            assert_eq!(Exit::of_problem(code).status(), status, "{code}");
        }
        assert_eq!(Exit::Ok.status(), 0);
        assert_eq!(Exit::Stuck.status(), 70);
    }
}
