//! The contract of [`KeyProvider`] as one suite of named cases.
//!
//! Every back end proves itself by this suite. A new one implements [`Fixture`] for a type that
//! stands for an empty back end, and has one line in a test of its own:
//!
//! ```text
//! signer_kit::conformance_suite!(software, SoftwareFixture);
//! ```
//!
//! The line makes a module with one test a case, `software::signs_deterministically` and so on. A
//! back end that can be cut off from its provider also implements [`Outages`], and its line
//! ends in `, with outages` for the cases on that.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "cases of a test suite fail by panicking"
)]

pub mod generating;
pub mod handles;
pub mod locating;
mod oracle;
pub mod outages;
pub mod reopening;
pub mod retiring;
pub mod signing;
pub mod standing;
mod subject;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use signer_domain::HandleId;
use signer_domain::ports::KeyProvider;

/// No case takes longer, unless a call hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// A back end made for one case.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// Makes a back end without keys.
    async fn fresh() -> Self
    where
        Self: Sized;

    /// Opens a provider on the back end. Opened again, it is the provider of another process.
    async fn open(&self) -> Arc<dyn KeyProvider>;

    /// A handle of the provider's own form that names no key it ever generated.
    fn absent_handle(&self) -> HandleId;

    /// What the provider makes of such a handle when it signs.
    fn absent_keys(&self) -> AbsentKeys {
        AbsentKeys::NotFound
    }

    /// Secrets that the provider was given, to be looked for where they must not show.
    fn secrets(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }
}

/// What a provider makes of a handle of its own form that it never generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AbsentKeys {
    /// There is no such key.
    NotFound,
    /// The key is derived from its names, so it is there for signing all the same.
    Derived,
}

/// A back end that can be cut off from its provider and joined again.
#[async_trait]
pub trait Outages: Fixture {
    /// Cuts the back end off: until [`end_outage`](Self::end_outage), no call reaches it.
    async fn begin_outage(&self);

    /// Joins it again.
    async fn end_outage(&self);
}

/// Runs one case on a fresh back end, on a runtime with several threads.
pub fn run<F: Fixture>(case: impl AsyncFnOnce(&F)) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .unwrap();
    let outcome = runtime.block_on(async {
        let whole_case = async { case(&F::fresh().await).await };
        tokio::time::timeout(PATIENCE, whole_case).await
    });
    assert!(outcome.is_ok(), "the case was not over after {PATIENCE:?}");
}

/// Makes the tests that hold one provider to the contract; see [`conformance`](crate::conformance).
#[macro_export]
macro_rules! conformance_suite {
    ($provider:ident, $fixture:ident) => {
        mod $provider {
            $crate::conformance_suite! { @contract $fixture }
        }
    };
    ($provider:ident, $fixture:ident, with outages) => {
        mod $provider {
            $crate::conformance_suite! { @contract $fixture }
            $crate::conformance_suite! { @outages $fixture }
        }
    };
    (@contract $fixture:ident) => {
        $crate::conformance_suite! { @cases $fixture
            generating {
                the_handle_opens_with_the_name_of_the_provider
                the_public_key_is_the_generated_one
                serves_the_platform_and_the_domains
                one_name_in_two_scopes_gives_two_keys
                look_alike_names_give_different_keys
                serves_the_longest_names
                generating_again_gives_the_same_pair
                concurrent_generates_of_many_names_give_as_many_pairs
            }
            signing {
                the_verifiers_accept_the_vectors_of_rfc_8032
                signs_what_independent_verifiers_accept
                signs_the_digest_as_a_plain_message
                signs_deterministically
                each_digest_has_its_own_signature
                signs_digests_of_any_bytes
                a_signature_verifies_under_its_own_key_only
                concurrent_signs_by_one_key_are_all_right
                concurrent_signs_by_many_keys_do_not_mix
            }
            handles {
                an_absent_key_is_not_found_unless_it_is_derived
                an_absent_key_cannot_be_retired
                the_handle_of_another_provider_is_not_found
                a_handle_it_cannot_read_is_not_found
            }
            retiring {
                a_retired_key_does_not_sign
                retiring_again_succeeds
                concurrent_retires_all_succeed
                retiring_one_key_leaves_the_others
                a_retired_name_is_not_generated_again
                the_public_half_of_a_retired_key_never_changes
                signs_that_race_a_retire_are_right_or_refused
                no_sign_that_starts_after_a_retire_succeeds
            }
            locating {
                locates_nothing_before_it_is_generated
                locates_what_was_generated
                locating_changes_nothing
            }
            reopening {
                a_reopened_provider_signs_with_the_same_key
                a_reopened_provider_shows_the_same_public_key
                generating_again_after_reopening_gives_the_same_pair
            }
            standing {
                its_capabilities_are_constant_and_sane
                passes_its_own_check
                an_expired_deadline_is_answered_at_once
                debug_shows_no_secret
            }
        }
    };
    (@outages $fixture:ident) => {
        $crate::conformance_suite! { @cases $fixture
            outages {
                an_outage_makes_every_call_unavailable
                an_outage_fails_the_check
                serves_again_after_an_outage
                a_generate_in_an_outage_is_safe_to_repeat
            }
        }
    };
    (@cases $fixture:ident $($group:ident { $($case:ident)* })*) => {
        $($(
            #[test]
            fn $case() {
                $crate::conformance::run::<super::$fixture>($crate::conformance::$group::$case);
            }
        )*)*
    };
}

#[cfg(test)]
mod tests {
    const GROUPS: [&str; 8] = [
        include_str!("conformance/generating.rs"),
        include_str!("conformance/handles.rs"),
        include_str!("conformance/locating.rs"),
        include_str!("conformance/outages.rs"),
        include_str!("conformance/reopening.rs"),
        include_str!("conformance/retiring.rs"),
        include_str!("conformance/signing.rs"),
        include_str!("conformance/standing.rs"),
    ];

    #[test]
    fn every_case_is_in_the_suite() {
        let suite: Vec<_> = include_str!("conformance.rs")
            .lines()
            .map(str::trim)
            .collect();
        let cases: Vec<_> = GROUPS
            .iter()
            .flat_map(|group| group.split("pub async fn ").skip(1))
            .filter_map(|case| case.split(['(', '<']).next())
            .collect();
        assert!(cases.len() >= 40, "{}", cases.len());
        for case in cases {
            let times = suite.iter().filter(|line| **line == case).count();
            assert_eq!(times, 1, "{case}");
        }
    }
}
