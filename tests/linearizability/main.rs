//! Four clients at once generate, sign, retire and rotate the same few keys. However their calls meet,
//! what they are told has to be what some order of the calls, one after the other, would have told
//! them.
//!
//! `SIGNER_TEST_HISTORIES` and `SIGNER_TEST_SEED` make a run longer, or another one.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::use_debug,
    clippy::indexing_slicing,
    reason = "a helper that fails is a test that fails, and a long test tells what it did"
)]

mod checker;
mod clients;
mod defects;
mod house;
mod meetings;
mod model;
mod report;

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_rt::System;
use parking_lot::Mutex;
use signer_domain::Scope;
use signer_test_support::{Random, setting};
use tokio::runtime::Runtime;

use clients::{Subject, Talk, talk};
use defects::{HastyRetirement, LateCurrent, TwoMakers};
use house::{House, Weather};

const SEED: u64 = 0x5eed_0011;
const HISTORIES: usize = 1000;
/// So many histories share a custody; each has a scope of its own, and scopes know nothing of each
/// other.
const PER_HOUSE: usize = 50;
/// So many of them happen at once, so that waiting costs no time.
const AT_ONCE: usize = 5;
/// A defect has to be found within this many histories.
const ENOUGH: usize = 200;

/// What the histories of a run came to.
#[derive(Debug, Default)]
struct Tally {
    histories: usize,
    calls: usize,
    /// Calls that were asked while another one of their scope was under way.
    overlapping: usize,
    longest_check: Duration,
    /// The first history that no order explains.
    refusal: Option<String>,
}

impl Tally {
    fn add(&mut self, seed: u64, talk: &Talk) {
        let history = &talk.history;
        self.histories += 1;
        self.calls += history.len();
        let is_met = |call: &clients::Spoken| {
            let meets = |other: &clients::Spoken| {
                other.asked < call.asked && other.answered.is_none_or(|end| end > call.asked)
            };
            history.iter().any(meets)
        };
        self.overlapping += history.iter().filter(|call| is_met(call)).count();
        let started = Instant::now();
        if let Err(refusal) = checker::check(&model::Scope::default(), history) {
            self.refusal
                .get_or_insert_with(|| report::render(seed, history, &refusal));
        }
        self.longest_check = self.longest_check.max(started.elapsed());
    }
}

/// Lets histories happen until there are enough or one is wrong. Custodies with a defect keep it.
fn run(
    weather: Weather,
    histories: usize,
    defect: impl Fn(Arc<dyn Subject>) -> Arc<dyn Subject>,
) -> Tally {
    let seed = setting("SIGNER_TEST_SEED", SEED);
    let runtime = Runtime::new().unwrap();
    let mut random = Random::new(seed);
    let mut tally = Tally::default();
    while tally.histories < histories && tally.refusal.is_none() {
        let (house_seed, mut seeds) = (random.number(), random.fork());
        System::new().block_on(async {
            let house = House::open(house::points(weather, house_seed)).await;
            let custody: Arc<dyn Subject> =
                Arc::<signer_actors::ActorCustody>::clone(&house.custody);
            let subject = defect(custody);
            for batch in 0..PER_HOUSE / AT_ONCE {
                let seeds: Vec<u64> = (0..AT_ONCE).map(|_| seeds.number()).collect();
                let talks = seeds.iter().zip(0..).map(|(seed, number)| {
                    let scope = scope(batch * AT_ONCE + number);
                    runtime.spawn(talk(Arc::clone(&subject), scope, *seed))
                });
                let talks: Vec<_> = talks.collect();
                for (seed, talk) in seeds.into_iter().zip(talks) {
                    tally.add(seed, &talk.await.unwrap());
                }
            }
        });
    }
    println!(
        "seed {seed:#x}, {weather:?}: {} histories, {} calls of which {} met another one; \
         longest check {:?}",
        tally.histories, tally.calls, tally.overlapping, tally.longest_check
    );
    tally
}

/// A scope of its own for each history.
fn scope(number: usize) -> Scope {
    Scope::parse(&format!("domain:00000000-0000-4000-8000-{number:012x}")).unwrap()
}

fn run_as_it_is(weather: Weather, histories: usize) {
    let histories = setting("SIGNER_TEST_HISTORIES", histories);
    let tally = run(weather, histories, |custody| custody);
    if let Some(refusal) = tally.refusal {
        panic!("{refusal}");
    }
    assert!(tally.histories >= histories);
    assert!(
        tally.overlapping * 2 > tally.calls,
        "hardly any calls met: {tally:?}"
    );
}

#[test]
fn concurrent_histories_are_explained_by_some_order_of_their_calls() {
    run_as_it_is(Weather::Slow, HISTORIES);
}

#[test]
fn histories_in_which_calls_of_the_back_ends_fail_are_explained_as_well() {
    run_as_it_is(Weather::Stormy, HISTORIES / 4);
}

fn assert_is_found(defect: impl Fn(Arc<dyn Subject>) -> Arc<dyn Subject>) {
    let tally = run(Weather::Slow, ENOUGH, defect);
    let refusal = tally
        .refusal
        .unwrap_or_else(|| panic!("the defect was not found"));
    println!("found in history {}:\n{refusal}", tally.histories);
    assert!(refusal.contains("no order explains"), "{refusal}");
}

#[test]
fn a_current_mark_that_moves_late_is_found() {
    assert_is_found(|inner| {
        let remembered = Mutex::default();
        Arc::new(LateCurrent { inner, remembered })
    });
}

#[test]
fn a_retirement_that_is_acknowledged_before_it_happens_is_found() {
    assert_is_found(|inner| Arc::new(HastyRetirement { inner }));
}

#[test]
fn a_key_that_two_callers_are_told_to_have_made_is_found() {
    assert_is_found(|inner| Arc::new(TwoMakers { inner }));
}
