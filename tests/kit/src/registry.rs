//! The contract of [`KeyRegistry`] as one suite of named cases.
//!
//! Every store proves itself by this suite. A new one implements [`RegistryFixture`] for a type that
//! stands for an empty store, and has one line in a test of its own:
//!
//! ```text
//! signer_kit::registry_suite!(sqlite, SqliteFixture);
//! ```
//!
//! The line makes a module with one test a case, `sqlite::changes::reserves_a_free_name` and so on.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "cases of a test suite fail by panicking"
)]
#![expect(missing_docs, reason = "the name of a case says what it holds")]

pub mod changes;
pub mod closings;
pub mod concurrency;
mod memory;
pub mod model;
pub mod questions;
pub mod retirements;
pub mod rotations;
pub mod support;

use async_trait::async_trait;
use signer_domain::ports::KeyRegistry;

pub use self::memory::{MemoryFixture, MemoryRegistry};

/// A store made for one case.
#[async_trait]
pub trait RegistryFixture: Send + Sync + Sized {
    /// The registry that is opened on the store.
    type Registry: KeyRegistry + 'static;

    /// Makes a store without keys.
    async fn fresh() -> Self;

    /// Opens a registry on the store. The one before was dropped.
    async fn open(&self) -> Self::Registry;

    /// Ends the use of a registry in an orderly way, and opens the next one on the store.
    async fn open_again(&self, registry: Self::Registry) -> Self::Registry;
}

/// Runs one case, on a runtime with one thread.
pub fn run(case: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap().block_on(case);
}

/// Makes the tests that hold one store to the contract; see [`registry`](crate::registry).
#[macro_export]
macro_rules! registry_suite {
    ($engine:ident, $fixture:ident) => {
        mod $engine {
            $crate::registry_suite! { @cases $fixture
                changes {
                    reserves_a_free_name
                    a_second_reservation_finds_the_first_with_its_provider
                    reserving_the_name_of_a_key_finds_the_key_in_whatever_state
                    one_key_id_names_one_key_in_each_scope
                    the_first_key_completed_in_a_scope_is_active_and_current
                    the_mark_goes_to_the_first_completed_not_to_the_first_reserved
                    completing_again_with_the_same_pair_returns_the_record_as_it_stands
                    completing_with_another_pair_is_a_conflict_and_changes_nothing
                    completing_what_is_not_reserved_is_a_conflict
                    an_older_reservation_of_the_name_does_not_abandon_the_newer
                    an_older_reservation_of_the_name_does_not_complete_the_newer
                    no_reservation_is_taken_for_another_after_a_restart
                    completing_with_a_provider_that_was_not_asked_is_a_conflict
                    a_handle_belongs_to_one_name
                    abandoning_frees_the_name_and_one_call_of_many_has_done_it
                    abandoning_leaves_keys_and_the_reservations_of_others_alone
                    a_retired_key_is_not_current_and_knows_since_when
                    retiring_again_returns_the_record_as_it_stands
                    retiring_by_another_version_or_an_unknown_record_is_a_conflict
                    a_clock_that_went_back_does_not_keep_a_key_from_being_retired
                    the_next_key_after_a_retired_current_one_becomes_current
                    keeps_instants_to_the_microsecond
                }
                questions {
                    each_listing_has_an_order_of_its_own
                    finds_registered_keys_only
                    tells_handles_apart_byte_for_byte
                    finds_some_key_of_a_provider_that_may_sign
                    a_key_is_found_by_its_handle_and_as_the_current_one_of_its_scope
                    a_scope_without_a_registered_key_is_unknown
                    a_scope_keeps_its_current_key_until_that_key_is_retired
                    shows_reservations_oldest_first
                    lists_in_the_order_of_becoming_active_without_reservations
                    pages_through_all_keys_once
                    a_key_that_is_added_or_retired_between_pages_moves_no_other
                    a_key_reserved_before_and_completed_after_the_page_is_still_shown
                    lists_by_scope_and_by_state
                    a_cursor_past_the_end_finds_nothing
                    answers_a_check_while_it_works
                }
                retirements {
                    a_retirement_that_was_begun_is_shown_and_the_key_is_blocked
                    beginning_again_changes_nothing
                    a_retired_key_is_past_beginning
                    the_retirement_of_what_is_no_key_is_a_conflict
                    no_mark_that_is_taken_away_ends_what_was_begun
                    the_retirement_of_the_new_key_of_an_open_rotation_is_not_begun
                    a_key_whose_retirement_was_begun_may_be_superseded_and_the_note_stands
                    closing_a_rotation_settles_what_was_begun_and_leaves_the_provider_to_be_told
                    shows_begun_retirements_in_the_order_of_their_keys
                }
                rotations {
                    a_reserved_rotation_is_none_yet_and_changes_no_key
                    a_second_reservation_finds_the_first_and_another_one_finds_the_scope_taken
                    nobody_generates_in_a_scope_that_is_being_rotated
                    an_opened_rotation_has_two_keys_in_use_and_the_new_one_is_current
                    opening_again_with_the_same_pair_returns_the_rotation_as_it_stands
                    opening_with_another_pair_or_by_another_reservation_is_a_conflict
                    a_reservation_serves_the_purpose_it_was_made_for
                    an_old_key_that_was_retired_before_the_opening_stays_retired
                    a_key_completed_during_a_rotation_does_not_take_the_mark_from_the_new_one
                    abandoning_a_reserved_rotation_frees_the_name_and_the_scope
                    abandoning_what_was_opened_has_no_effect
                    a_scope_that_lost_its_key_while_a_rotation_came_to_nothing_takes_the_next_one
                    a_scope_without_a_current_key_is_not_rotated
                    a_name_that_no_rotation_made_is_taken_also_while_another_rotation_is_open
                }
                closings {
                    closing_retires_the_old_key_and_leaves_its_provider_to_be_told
                    closing_what_is_no_rotation_is_a_conflict
                    a_scope_is_rotated_again_once_its_rotation_is_closed
                    the_new_key_of_a_rotation_is_not_retired_until_it_is_closed
                    the_old_key_may_be_retired_early_and_closing_then_only_closes
                    a_confirmed_retirement_is_not_shown_again
                    retiring_a_key_that_a_rotation_has_retired_confirms_it
                    shows_unconfirmed_retirements_oldest_first
                    shows_the_open_rotations_of_all_scopes_those_due_first
                    keeps_the_instants_of_a_rotation_to_the_microsecond
                    a_clock_that_went_back_does_not_keep_a_rotation_from_being_closed
                }
            }
            $crate::registry_suite! { @on_threads_of_their_own $fixture
                concurrency {
                    of_32_reservations_of_one_name_one_wins
                    of_32_keys_completed_in_one_scope_one_is_current
                    of_32_pairs_for_one_reservation_one_is_registered
                    of_32_rotations_of_one_scope_one_wins
                    a_rotation_and_32_generated_keys_do_not_meet_in_one_scope
                    of_32_pairs_for_one_rotation_one_takes_the_place
                    of_32_closings_of_one_rotation_all_see_the_same_one
                    of_32_beginnings_of_one_retirement_one_makes_the_note
                    retirements_begun_while_a_rotation_opens_and_closes_note_what_may_be_retired
                    of_32_retirements_of_one_key_all_see_the_same_one
                    what_is_answered_after_a_change_was_given_up_stays_true
                }
                model {
                    every_history_agrees_with_the_model
                }
            }
        }
    };
    (@cases $fixture:ident $($group:ident { $($case:ident)* })*) => {
        $(mod $group {
            $(
                #[test]
                fn $case() {
                    type Fixture = super::super::$fixture;
                    $crate::registry::run($crate::registry::$group::$case::<Fixture>());
                }
            )*
        })*
    };
    (@on_threads_of_their_own $fixture:ident $($group:ident { $($case:ident)* })*) => {
        $(mod $group {
            $(
                #[test]
                fn $case() {
                    $crate::registry::$group::$case::<super::super::$fixture>();
                }
            )*
        })*
    };
}

#[cfg(test)]
mod tests {
    use super::MemoryFixture;

    const GROUPS: [&str; 7] = [
        include_str!("registry/changes.rs"),
        include_str!("registry/closings.rs"),
        include_str!("registry/concurrency.rs"),
        include_str!("registry/model.rs"),
        include_str!("registry/questions.rs"),
        include_str!("registry/retirements.rs"),
        include_str!("registry/rotations.rs"),
    ];

    #[test]
    fn every_case_is_in_the_suite() {
        let suite: Vec<_> = include_str!("registry.rs").lines().map(str::trim).collect();
        let cases: Vec<_> = GROUPS
            .iter()
            .flat_map(|group| group.split("\npub ").skip(1))
            .filter_map(|case| case.split_once("fn ")?.1.split(['(', '<']).next())
            .collect();
        assert!(cases.len() >= 80, "{}", cases.len());
        for case in cases {
            let times = suite.iter().filter(|line| **line == case).count();
            assert_eq!(times, 1, "{case}");
        }
    }

    crate::registry_suite!(memory, MemoryFixture);
}
