//! The log at every step of writing, failing, rotating, dying, starting and being tampered with, in random
//! order. What verification says is held against a checker of the test.

mod checker;
mod disk;
mod tamper;
mod world;

use std::panic::{self, AssertUnwindSafe};
use std::thread;

use world::World;

/// How many sequences a run takes, unless `SIGNER_TEST_AUDIT_SEQUENCES` says otherwise. `scripts/test` takes
/// more of them once.
const SEQUENCES: u64 = 200;

fn from_environment(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap())
}

/// One life of a log, chosen by `seed`.
fn live(world: &mut World) {
    world.start();
    let steps = 4 + world.dice.roll(24);
    for _ in 0..steps {
        world.step();
    }
    if world.dice.roll(2) == 0 {
        world.stop();
    }
    if world.is_live() {
        world.look();
    } else {
        world.look();
        world.tamper();
    }
}

#[test]
fn verification_is_right_whatever_happens_to_a_log() {
    let sequences = from_environment("SIGNER_TEST_AUDIT_SEQUENCES", SEQUENCES);
    let first = from_environment("SIGNER_TEST_SEED", 0);
    let workers = thread::available_parallelism().map_or(2, |count| count.get().min(8));
    thread::scope(|scope| {
        for worker in 0..workers {
            let step = workers;
            scope.spawn(move || {
                let seeds =
                    (first + u64::try_from(worker).unwrap()..first + sequences).step_by(step);
                for seed in seeds {
                    let mut world = World::new(seed);
                    let lived = panic::catch_unwind(AssertUnwindSafe(|| live(&mut world)));
                    assert!(lived.is_ok(), "SIGNER_TEST_SEED={seed}: {:#?}", world.told);
                }
            });
        }
    });
}

#[test]
fn a_disk_that_is_full_at_any_byte_and_a_rotation_then_leave_an_intact_log() {
    for room in 0..1_200 {
        let mut world = World::new(room);
        world.start_on_a_sound_disk().unwrap();
        world.write();
        world.fill_up(usize::try_from(room).unwrap());
        world.write();
        world.rename();
        world.hang_up();
        world.look();
        world.relent();
        world.write();
        world.look();
        world.stop();
        world.look();
    }
}

#[test]
fn a_death_at_any_moment_of_a_life_leaves_a_log_that_is_intact_and_goes_on() {
    for moment in 0.. {
        let mut world = World::new(moment);
        world.die_after(usize::try_from(moment).unwrap());
        world.start_as_it_is();
        for _ in 0..2 {
            world.write();
            world.rename();
            world.hang_up();
            world.write();
        }
        world.stop();
        world.look();
        let survived = !world.died();
        world.start_or_put_back();
        world.write();
        world.look();
        world.stop();
        world.look();
        if survived {
            break;
        }
    }
}
