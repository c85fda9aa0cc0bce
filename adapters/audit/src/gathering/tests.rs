//! The rule on its own, and with callers of a model.

use proptest::prelude::{any, proptest};

use super::*;

const FLUSH: Duration = Duration::from_micros(300);

/// What is waited for after a write of `written` entries during which `waiting` came.
fn after(written: usize, waiting: usize) -> (Gathering, Plan) {
    let mut gathering = Gathering::default();
    gathering.wrote(written, FLUSH);
    let plan = gathering.plan(waiting);
    (gathering, plan)
}

#[test]
fn nothing_is_waited_for_before_anything_is_known() {
    assert_eq!(Gathering::default().plan(0).entries, 1);
}

#[test]
fn up_to_three_callers_are_never_kept_waiting() {
    for (written, waiting) in [(1, 0), (1, 1), (1, 2), (2, 1), (3, 0)] {
        assert_eq!(after(written, waiting).1.entries, 1, "{written}, {waiting}");
    }
}

#[test]
fn half_of_a_crowd_is_waited_for_wherever_its_entries_are() {
    for (written, waiting) in [(32, 0), (16, 16), (1, 31), (0, 32)] {
        assert_eq!(after(written, waiting).1.entries, 16);
    }
}

#[test]
fn a_crowd_is_remembered_while_a_part_of_it_is_out_of_sight() {
    let (mut gathering, _) = after(16, 16);
    gathering.wrote(16, FLUSH);
    assert!(gathering.plan(2).entries >= 15);
}

#[test]
fn callers_who_have_left_are_waited_for_a_few_times_only() {
    let (mut gathering, mut plan) = after(16, 16);
    assert_eq!(plan.entries, 16);
    let mut waits = 0;
    while plan.entries > 1 {
        gathering.wrote(1, FLUSH);
        plan = gathering.plan(0);
        waits += 1;
    }
    assert!(waits <= 5, "{waits} waits");
}

#[test]
fn callers_who_are_never_seen_again_fade() {
    let (mut gathering, _) = after(32, 0);
    let writes = (1..10_000).find(|_| {
        gathering.wrote(gathering.half(), FLUSH);
        gathering.plan(0).entries <= 8
    });
    let writes = writes.unwrap();
    assert!((500..1_000).contains(&writes), "{writes} writes");
}

#[test]
fn what_was_written_long_ago_is_not_counted_with_what_comes_now() {
    let (mut gathering, _) = after(4, 0);
    // Nothing came in the meantime.
    gathering.plan(0);
    assert_eq!(gathering.plan(4).entries, 2);
}

proptest! {
    #[test]
    fn never_more_than_half_of_those_seen_at_once_is_waited_for_nor_longer_than_a_moment(
        writes in proptest::collection::vec((any::<u16>(), any::<u16>(), any::<u32>()), 1..50),
    ) {
        let mut gathering = Gathering::default();
        let mut most = 0;
        for (written, waiting, took) in writes {
            let took = Duration::from_micros(took.into());
            gathering.wrote(written.into(), took);
            let seen = usize::from(written) + usize::from(waiting);
            most = most.max(seen);
            let plan = gathering.plan(waiting.into());
            assert!(plan.entries >= (seen / 2).max(1));
            assert!(plan.entries <= most.max(2 * usize::from(written)).max(2) / 2);
            assert!(plan.patience <= LONGEST && plan.patience <= took * MOST_FLUSHES);
        }
    }

    #[test]
    fn a_crowd_that_waits_for_one_write_parts_and_one_half_signs_while_the_other_is_written(
        callers in 12_u64..=64,
        percent in 30_u64..=90,
    ) {
        let half = callers / 2;
        let run = Run::of(callers, half * SIGN * percent / 100);
        assert!(run.busy >= 90, "{run:?}");
        assert!((half * 4 / 5..=half + 2).contains(&run.batch), "{run:?}");
    }
}

/// How long a signature takes, in microseconds.
const SIGN: u64 = 20;

/// A run of callers who come again as soon as they are told, and sign one after the other. At the
/// beginning all of them have signed.
#[derive(Debug)]
struct Run {
    /// Entries of a write, on average.
    batch: u64,
    /// For how many hundredths of the time somebody signed.
    busy: u64,
}

impl Run {
    fn of(callers: u64, flush: u64) -> Self {
        let mut gathering = Gathering::default();
        let mut plan = gathering.plan(0);
        let mut waiting = callers;
        let (mut written, mut writes, mut signed) = (0, 0, 0);
        // Until when the disk is busy, and since when it has not been.
        let (mut until, mut since) = (None, 0);
        let ticks = 60 * callers;
        for now in (0..ticks).map(|tick| tick * SIGN) {
            if until.is_some_and(|end| end <= now) {
                (until, since) = (None, now);
                gathering.wrote(count(written), Duration::from_micros(flush));
                written = 0;
                plan = gathering.plan(count(waiting));
            }
            let is_enough = count(waiting) >= plan.entries;
            let is_late = Duration::from_micros(now - since) >= plan.patience;
            if until.is_none() && waiting > 0 && (is_enough || is_late) {
                (written, waiting, writes) = (waiting, 0, writes + 1);
                until = Some(now + flush);
            }
            if waiting + written < callers {
                waiting += 1;
                signed += 1;
            }
        }
        Self {
            batch: signed / writes,
            busy: signed * 100 / ticks,
        }
    }
}

fn count(callers: u64) -> usize {
    usize::try_from(callers).unwrap()
}
