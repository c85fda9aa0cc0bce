//! A custodian that dies at a chosen step of a change, and again while it recovers: what is there
//! afterwards is the old state or the new one, and what was acknowledged stands.
//!
//! Steps are counted over all calls of the driven ports that can change or decide something, before and
//! after each of them, so that no step is left out when a change gains one.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a helper that fails is a test that fails, and a long test tells what it did"
)]

mod abandoned;
mod failing;
mod in_a_row;
mod inspection;
mod outages;
mod scenario;
mod signing;
mod trial;

use std::collections::BTreeSet;

use signer_kit::crash::Point;
use signer_test_support::{Server, Workplace, shipped, under_test};

use failing::Lasts;
use trial::Trial;

/// Tries every change at once; the points that struck, and how many deaths there were.
fn try_all(act: impl Fn(&mut Trial<'_>) + Sync) -> (BTreeSet<String>, usize) {
    let scenarios = scenario::all();
    let mut points = BTreeSet::new();
    let mut deaths = 0;
    std::thread::scope(|scope| {
        let trials: Vec<_> = scenarios
            .iter()
            .map(|scenario| {
                let act = &act;
                scope.spawn(move || {
                    let mut trial = Trial::new(scenario);
                    act(&mut trial);
                    println!("{}: {} deaths", scenario.name, trial.deaths);
                    (trial.points, trial.deaths)
                })
            })
            .collect();
        for trial in trials {
            let (of_trial, deaths_of_trial) = trial.join().unwrap();
            points.extend(of_trial);
            deaths += deaths_of_trial;
        }
    });
    println!("{deaths} deaths at {} points", points.len());
    (points, deaths)
}

#[test]
fn a_death_at_any_step_leaves_the_old_state_or_the_new_one() {
    let (points, deaths) = try_all(|trial| {
        trial.kill_while_making_the_key();
        trial.kill_at_every_step();
        trial.kill_while_cutting();
        trial.kill_at_the_end();
        trial.kill_while_rotating_the_record();
    });
    let counted = Point::all().filter(|point| point.call.counts());
    let counted: BTreeSet<String> = counted.map(|point| point.to_string()).collect();
    let spared: BTreeSet<_> = counted.difference(&points).map(String::as_str).collect();
    assert_eq!(spared, BTreeSet::new(), "points at which nobody died");
    assert!(deaths > 300, "only {deaths} deaths");
}

#[test]
fn a_failure_at_any_step_is_overcome_by_asking_again() {
    try_all(|trial| trial.fail_at_every_step(Lasts::Once));
}

#[test]
fn a_failure_that_lasts_leaves_the_old_state_or_the_new_one() {
    try_all(|trial| trial.fail_at_every_step(Lasts::Forever));
}

#[test]
fn a_death_anywhere_in_a_row_of_changes_never_keeps_the_next_start_from_its_registry() {
    let deaths = in_a_row::kill_at_every_step();
    println!("{deaths} deaths");
    assert!(deaths > 60, "only {deaths} deaths");
}

#[test]
fn the_command_that_is_shipped_obeys_no_crash_points() {
    let place = Workplace::with_seed();
    let program = shipped!().with_variable("SIGNER_UNDER_TEST_CRASH", "any:1+");
    let mut server = Server::start(&program, &place, &[]);
    server.generate("k1").expect_status(201);
    assert!(server.terminate().success());
}

#[test]
fn a_crash_point_that_is_misspelt_is_not_passed_over() {
    let place = Workplace::with_seed();
    let program =
        under_test!().with_variable("SIGNER_UNDER_TEST_CRASH", "registry.compleat.after:1");
    program.run(place.path(), ["--version"]).expect_status(64);
}
