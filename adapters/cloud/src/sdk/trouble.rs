//! What goes wrong with a key service, told apart for the operator.

use std::error::Error;
use std::time::Duration;

use signer_domain::ports::{Cause, KeyProviderError};

/// How long to wait when the service names no time.
const RETRY_SOON: Duration = Duration::from_secs(1);
/// How long to wait at the most, whatever the service says.
const RETRY_AT_THE_LATEST: Duration = Duration::from_mins(1);

/// Why a key service did not do what it was asked. The caller learns only that the provider is
/// unavailable; the log and the warnings of `/readyz` tell these apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// No connection could be made.
    Unreachable,
    /// There is a connection, and its certificate is not to be trusted.
    Untrusted,
    /// The service did not answer in time, or the connection broke before the answer was there.
    Silent,
    /// The service asks to be asked less often, and perhaps says for how long.
    Throttled(Option<Duration>),
    /// The service fails and says so (HTTP 5xx).
    Failing,
    /// There are no credentials, or the service does not accept them any more.
    CredentialsRefused,
    /// The credentials are good and do not permit this call.
    PermissionDenied,
    /// The service answers with something that its description does not have, or refuses a request
    /// that is right.
    Unexpected,
}

impl Trouble {
    /// As an error of the port, with what the service said for the log.
    pub fn because(self, source: Cause) -> KeyProviderError {
        let (context, source) = (self.context(), Some(source));
        match self {
            Self::CredentialsRefused | Self::PermissionDenied => {
                KeyProviderError::Misconfigured { context, source }
            }
            Self::Unreachable
            | Self::Untrusted
            | Self::Silent
            | Self::Throttled(_)
            | Self::Failing
            | Self::Unexpected => KeyProviderError::ProviderUnavailable {
                context,
                retry_after: self.retry_after(),
                outcome_unknown: self.leaves_doubt(),
                source,
            },
        }
    }

    /// What was being done, in the gerund.
    pub const fn context(self) -> &'static str {
        match self {
            Self::Unreachable => "connecting to the key service",
            Self::Untrusted => "checking the certificate of the key service",
            Self::Silent => "waiting for the key service to answer",
            Self::Throttled(_) => "keeping within the quota of the key service",
            Self::Failing => "waiting for the key service to recover",
            Self::CredentialsRefused => {
                "signing in to the key service: its credentials are missing, expired or refused"
            }
            Self::PermissionDenied => {
                "calling the key service: its permissions do not allow the call"
            }
            Self::Unexpected => "reading an unexpected answer of the key service",
        }
    }

    fn retry_after(self) -> Duration {
        match self {
            Self::Throttled(Some(hint)) => hint.clamp(RETRY_SOON, RETRY_AT_THE_LATEST),
            Self::Throttled(None)
            | Self::Unreachable
            | Self::Untrusted
            | Self::Silent
            | Self::Failing
            | Self::CredentialsRefused
            | Self::PermissionDenied
            | Self::Unexpected => RETRY_SOON,
        }
    }

    /// Whether the call may have taken effect all the same.
    pub const fn leaves_doubt(self) -> bool {
        match self {
            Self::Silent | Self::Failing | Self::Unexpected => true,
            Self::Unreachable
            | Self::Untrusted
            | Self::Throttled(_)
            | Self::CredentialsRefused
            | Self::PermissionDenied => false,
        }
    }
}

/// The same, of a call that may have had its effect at an earlier try all the same.
pub fn in_doubt(error: KeyProviderError) -> KeyProviderError {
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
                retry_after: RETRY_SOON,
                outcome_unknown: true,
                source,
            }
        }
        KeyProviderError::KeyNotFound
        | KeyProviderError::KeyRetired
        | KeyProviderError::RotationInProgress => error,
    }
}

/// Whether the call may have had its effect.
pub const fn leaves_doubt(error: &KeyProviderError) -> bool {
    match error {
        KeyProviderError::ProviderUnavailable {
            outcome_unknown, ..
        } => *outcome_unknown,
        KeyProviderError::KeyNotFound
        | KeyProviderError::KeyRetired
        | KeyProviderError::RotationInProgress
        | KeyProviderError::Misconfigured { .. } => false,
    }
}

/// What an error of a library says, and what its causes say. Only their sentences: the `Debug` form of
/// such errors may show whole requests, and with them credentials.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Told(String);

/// The sentences of `error` and its causes as one cause.
pub fn told(error: &dyn Error) -> Cause {
    let mut sentences = vec![error.to_string()];
    let mut source = error.source();
    while let Some(cause) = source {
        let sentence = cause.to_string();
        // Many libraries repeat their cause in their own sentence.
        if sentences
            .last()
            .is_none_or(|last| !last.ends_with(&sentence))
        {
            sentences.push(sentence);
        }
        source = cause.source();
    }
    Box::new(Told(sentences.join(": ")))
}

/// A sentence of our own as a cause.
pub fn told_that(sentence: impl Into<String>) -> Cause {
    Box::new(Told(sentence.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Trouble; 9] = [
        Trouble::Unreachable,
        Trouble::Untrusted,
        Trouble::Silent,
        Trouble::Throttled(None),
        Trouble::Throttled(Some(Duration::from_secs(7))),
        Trouble::Failing,
        Trouble::CredentialsRefused,
        Trouble::PermissionDenied,
        Trouble::Unexpected,
    ];

    #[test]
    fn credentials_and_permissions_are_the_operators_to_cure_and_told_apart() {
        let sentence = |trouble: Trouble| trouble.because(told_that("no")).to_string();
        let (credentials, permissions) = (
            sentence(Trouble::CredentialsRefused),
            sentence(Trouble::PermissionDenied),
        );
        assert!(credentials.contains("credentials"), "{credentials}");
        assert!(permissions.contains("permissions"), "{permissions}");
        for trouble in ALL {
            let is_misconfigured = matches!(
                trouble.because(told_that("no")),
                KeyProviderError::Misconfigured { .. }
            );
            let is_the_operators = matches!(
                trouble,
                Trouble::CredentialsRefused | Trouble::PermissionDenied
            );
            assert_eq!(is_misconfigured, is_the_operators, "{trouble:?}");
        }
    }

    #[test]
    fn passes_the_hint_of_the_service_on_within_reason() {
        let wait = |hint: Option<u64>| match Trouble::Throttled(hint.map(Duration::from_secs))
            .because(told_that("slow down"))
        {
            KeyProviderError::ProviderUnavailable { retry_after, .. } => retry_after.as_secs(),
            other => panic!("{other:?}"),
        };
        let waits = [None, Some(0), Some(7), Some(86_400)].map(wait);
        assert_eq!(waits, [1, 1, 7, 60]);
    }

    #[test]
    fn an_error_after_the_effect_leaves_doubt_whatever_it_is() {
        for trouble in [
            Trouble::PermissionDenied,
            Trouble::Unreachable,
            Trouble::Silent,
        ] {
            let error = in_doubt(trouble.because(told_that("no")));
            assert!(leaves_doubt(&error), "{error:?}");
        }
    }

    #[test]
    fn tells_all_causes_once_and_nothing_of_their_inside() {
        #[derive(thiserror::Error)]
        #[error("the call failed: {source}")]
        struct Outer {
            source: Inner,
            request: &'static str,
        }
        #[derive(Debug, thiserror::Error)]
        #[error("certificate expired")]
        struct Inner;
        impl std::fmt::Debug for Outer {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("Outer { request: \"authorization: hidden\" }")
            }
        }
        let told = told(&Outer {
            source: Inner,
            request: "authorization: hidden",
        });
        assert_eq!(told.to_string(), "the call failed: certificate expired");
        assert!(!format!("{told:?}").contains("hidden"));
    }
}
