//! Changes that follow each other, none of which a checkpoint of the record covers yet when the custodian
//! dies. So the next start holds the registry against every entry.

use signer_test_support::{Workplace, pause};

use super::inspection::inspect;
use super::scenario::{Act, State};
use super::trial::{AFTERMATH, Answer, Place, acknowledged};

/// What is asked, and what is there then.
fn row() -> Vec<(Act, State)> {
    let alone = |k1| State::of(&[("k1", k1)], None);
    let rotating = |k1| State::of(&[("k1", k1), ("k2", "active*")], Some(("k1", "k2")));
    vec![
        (Act::Generate("k1"), alone("active*")),
        (Act::Block("k1"), alone("blocked*")),
        (Act::Unblock("k1"), alone("active*")),
        (Act::Block("k1"), alone("blocked*")),
        (Act::Unblock("k1"), alone("active*")),
        (Act::Open("k2"), rotating("rotating")),
        (Act::Block("k1"), rotating("blocked")),
        (Act::Unblock("k1"), rotating("rotating")),
        (
            Act::Close("k1", "k2"),
            State::of(&[("k1", "retired"), ("k2", "active*")], None),
        ),
    ]
}

/// Kills at the first step of the row, the second, and so on; tells how often.
pub(crate) fn kill_at_every_step() -> usize {
    for step in 1.. {
        let place = Place::at(Workplace::with_seed());
        let mut server = place.spawn(&format!("any:{step}"));
        let mut stands = State::default();
        let mut may_stand = None;
        let mut last = Answer::Cut;
        if server.ready_or_ended().is_none() {
            let mut connection = server.connect();
            for (act, state) in row() {
                let Ok(answer) = act.ask(&mut connection) else {
                    may_stand = Some(state);
                    break;
                };
                assert!(
                    matches!(answer.status, 200 | 201),
                    "{act:?}: {}",
                    answer.text()
                );
                last = acknowledged(&answer);
                stands = state;
            }
            if may_stand.is_none() {
                pause(AFTERMATH);
                if server.ended().is_none() {
                    return step - 1;
                }
            }
        }
        server.wait();
        let mut server = place.start();
        let state = inspect(&mut server.connect());
        assert!(
            state == stands || Some(&state) == may_stand.as_ref(),
            "step {step}: {state:?}"
        );
        server.kill();
        place.verify_record(&last);
    }
    panic!("out of steps")
}
