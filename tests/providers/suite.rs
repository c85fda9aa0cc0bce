//! The stories that every provider tells alike. One that is new gets them all by one line,
//! `process_suite!(Fixture)`, and writes down as types what its back end does.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper that fails is a test that fails"
)]

pub(crate) mod failing;
pub(crate) mod keeping;
pub(crate) mod making;
pub(crate) mod moving;
pub(crate) mod secrecy;
pub(crate) mod service;
pub(crate) mod signing;
pub(crate) mod starting;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use signer_test_support::{
    Canary, Program, PublishedKey, Server, Traces, Workplace, eventually, shipped, under_test,
};

/// What goes wrong with any back end, until it [ends](Installation::end).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disruption {
    /// Nobody is there to be asked.
    Away,
    /// Signatures come this much later, and perhaps everything does.
    Slow(Duration),
    /// The next key is made, and the answer that says so is lost.
    LostKey,
    /// The next signature is asked for, and nothing is ever answered.
    SilentSigning,
    /// No key can be retired.
    NoRetiring,
}

/// A flag with a value that cannot be right, or with none at all, and what is said of it.
pub(crate) type WrongSetting = (&'static str, Option<&'static str>, &'static str);

/// What must be seen nowhere.
pub(crate) enum Secret {
    /// In no form, and no part of it.
    InAnyForm(Canary),
    /// Not as it stands; its words may be anywhere.
    AsText(String),
}

/// A back end of its own, and the custodian that keeps its keys there.
pub(crate) trait Installation: Sized {
    /// The name of the provider.
    const NAME: &'static str;
    /// What opens every handle.
    const HANDLES: &'static str;
    /// What readiness says while the back end is away.
    const AWAY: &'static str;
    /// Settings that cannot be right.
    const WRONG_SETTINGS: &'static [WrongSetting];
    /// The flag of a file of which the path is told as it stands. Every other value is told in quotes.
    const TOLD_WITHOUT_QUOTES: Option<&'static str> = None;
    /// The files beside the state of the custodian in which secrets are kept.
    const KEPT: &'static [&'static str];
    /// What the log of [`provoke`](Self::provoke) tells, so that it could have told more.
    const LOGGED: &'static str;

    /// What is answered when the answer of the back end is lost that a key was made: nobody knows (503), or
    /// the key, which was looked up at once (201).
    const LOST_KEY_ANSWER: u16 = 503;
    /// How many keys were made once that key signs.
    const LOST_KEY_MAKES: usize = 1;

    /// A back end without keys, and good credentials.
    fn new() -> Self;

    /// Where everything of the custodian is.
    fn place(&self) -> &Workplace;

    /// The program, in an environment that leads to the back end.
    fn equip(&self, program: Program) -> Program;

    /// The flags of the provider.
    fn provider_flags(&self) -> Vec<String>;

    /// The flags that let a custodian ask as often as a test does.
    fn unhurried() -> &'static [&'static str] {
        &[]
    }

    /// The handles of all keys that can sign, as the back end tells them behind the custodian's back.
    fn usable(&self) -> Vec<String>;

    /// How many keys there ever were.
    fn made(&self) -> usize;

    /// Lets something go wrong.
    fn begin(&self, disruption: Disruption);

    /// Lets everything be well again.
    fn end(&self);

    /// A custodian as talkative as can be, once it is ready. Notes what it said before.
    fn serve_indiscreetly(&self, _traces: &mut Traces) -> Server {
        self.serve(&["--log-level", "trace"])
    }

    /// Has the back end repeat secrets where it can, with a key that signs, and notes what is answered.
    fn provoke(&self, server: &Server, key: &PublishedKey, traces: &mut Traces);

    /// The secrets, once they were used.
    fn secrets(&self) -> Vec<Secret>;

    /// The program as it is shipped.
    fn program(&self) -> Program {
        self.equip(shipped!())
    }

    /// The program with crash points, which dies at the one that `point` names.
    fn program_that_dies_at(&self, point: &str) -> Program {
        self.equip(under_test!())
            .with_variable("SIGNER_UNDER_TEST_CRASH", point)
    }

    /// The flags of a custodian that keeps its keys in the back end and everything else beside it.
    fn flags(&self) -> Vec<String> {
        [self.place().place_flags(), self.provider_flags()].concat()
    }

    /// A custodian that was started.
    fn spawn_as(&self, program: &Program, more: &[&str]) -> Server {
        let mut flags = self.flags();
        flags.extend(more.iter().map(|&flag| flag.to_owned()));
        Server::spawn(program, self.place(), flags)
    }

    /// The same, of the program as it is shipped.
    fn spawn(&self, more: &[&str]) -> Server {
        self.spawn_as(&self.program(), more)
    }

    /// A custodian that is ready.
    fn serve(&self, more: &[&str]) -> Server {
        let mut server = self.spawn(more);
        server.wait_until_ready();
        server
    }

    /// A custodian that is ready, with the software provider first and this one second.
    fn serve_beside_software(&self) -> Server {
        let server = self.start_beside_software();
        let ready = format!("\"{}\":\"ready\"", Self::NAME);
        wait_for_readiness(&server, 200, &ready);
        server
    }

    /// The same, whether or not this one is ready.
    fn start_beside_software(&self) -> Server {
        let flags = [self.software_flags(), self.provider_flags()].concat();
        Server::start_with(&self.program(), self.place(), flags)
    }

    /// The flags of a custodian with the software provider, which finds its seed.
    fn software_flags(&self) -> Vec<String> {
        let seed = self.place().seed_file();
        if !seed.exists() {
            fs::write(&seed, [7; 32]).unwrap();
            fs::set_permissions(&seed, Permissions::from_mode(0o600)).unwrap();
        }
        self.place().software_flags()
    }
}

/// Waits until `/readyz` has this status and this in its text, also while nobody can be asked yet.
pub(crate) fn wait_for_readiness(server: &Server, status: u16, told: &str) -> String {
    eventually(&format!("{status} with {told:?}"), || {
        let answer = server.try_get("/readyz")?;
        let text = answer.text().to_owned();
        (answer.status == status && text.contains(told)).then_some(text)
    })
}

/// Waits for a custodian that is not ready and says why.
pub(crate) fn wait_for_warning(server: &Server, told: &str) -> String {
    wait_for_readiness(server, 503, told)
}

/// A test of each story for one provider. A back end of which some cannot be told says why.
macro_rules! process_suite {
    ($fixture:ty $(, no_service: $no_service:literal)? $(, no_signing: $no_signing:literal)?) => {
        crate::suite::process_suite! { @told $fixture, keeping:
            a_key_signs_what_openssl_verifies
            keys_and_retirements_outlive_the_process_and_its_registry
            no_sign_that_is_asked_for_after_the_answer_of_the_retire_is_served
        }
        crate::suite::process_suite! { @told $fixture, making:
            a_death_between_the_key_and_its_record_leaves_one_key
            a_death_after_a_lost_answer_leaves_one_key
            an_answer_that_is_lost_is_asked_for_again_and_makes_no_second_key
        }
        crate::suite::process_suite! { @told $fixture, failing:
            a_back_end_that_is_gone_turns_readiness_off_and_comes_back_without_a_restart
            a_back_end_that_hangs_keeps_nobody_past_the_deadline
            a_retirement_that_was_not_done_is_not_answered_and_is_finished_by_the_next_start
            one_provider_that_is_down_leaves_the_other_at_work
        }
        crate::suite::process_suite! { @told $fixture, starting:
            a_back_end_that_is_not_there_yet_is_waited_for
            every_setting_that_cannot_be_right_ends_the_start_with_status_2_and_nothing_is_created
        }
        crate::suite::process_suite! { @told $fixture, moving:
            a_scope_moves_and_its_old_key_never_signs_again
            a_scope_moves_under_load_and_no_request_fails
            a_scope_that_has_moved_can_move_back
        }
        crate::suite::process_suite! { @told $fixture, secrecy:
            no_secret_is_in_anything_that_leaves_the_custodian
        }
        crate::suite::process_suite! { @unless [$($no_service)?] $fixture, service:
            credentials_that_are_refused_at_the_start_are_told_and_taken_up_when_they_are_good
            a_permission_that_is_missing_is_told_by_readiness
            readiness_tells_what_is_wrong_and_when_it_is_over
            a_storm_of_refusals_is_passed_on_with_its_hint_and_ends_with_the_storm
            a_certificate_that_nobody_vouches_for_is_told_and_gets_no_token_until_somebody_does
            a_hundred_signatures_by_one_key_overlap
        }
        crate::suite::process_suite! { @unless [$($no_signing)?] $fixture, signing:
            no_signature_but_the_right_one_is_ever_released
        }
    };
    (@unless [] $fixture:ty, $about:ident: $($story:ident)*) => {
        crate::suite::process_suite! { @told $fixture, $about: $($story)* }
    };
    (@unless [$reason:literal] $($rest:tt)*) => {};
    (@told $fixture:ty, $about:ident: $($story:ident)*) => {
        $(
            #[test]
            fn $story() {
                crate::suite::$about::$story::<$fixture>();
            }
        )*
    };
}

pub(crate) use process_suite;
