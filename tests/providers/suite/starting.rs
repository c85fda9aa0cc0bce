//! What a custodian makes of its back end and of its settings when it starts.

use super::{Disruption, Installation, wait_for_warning};

pub(crate) fn a_back_end_that_is_not_there_yet_is_waited_for<I: Installation>() {
    let it = I::new();
    it.begin(Disruption::Away);
    let mut server = it.spawn(&[]);
    wait_for_warning(&server, I::AWAY);
    server.get("/livez").expect_status(200);
    it.end();
    server.wait_until_ready();
    server.make("k1");
}

pub(crate) fn every_setting_that_cannot_be_right_ends_the_start_with_status_2_and_nothing_is_created<
    I: Installation,
>() {
    let it = I::new();
    let before = it.place().names();
    for (flag, value, told) in I::WRONG_SETTINGS {
        let mut flags = it.flags();
        match (flags.iter().position(|word| word == flag), value) {
            (Some(at), Some(value)) => (*value).clone_into(&mut flags[at + 1]),
            (Some(at), None) => drop(flags.drain(at..at + 2)),
            (None, value) => flags.extend([*flag, value.unwrap()].map(str::to_owned)),
        }
        let refused = it.program().serve_in_vain(it.place(), flags);
        let refused = refused.expect_status(2);
        let sentence = refused.sentence();
        let expected = value.map_or_else(
            || format!("{flag} {told}"),
            |value| match I::TOLD_WITHOUT_QUOTES {
                Some(bare) if bare == *flag => format!("{flag} {value}: {told}"),
                _ => format!("{flag} {value:?}: {told}"),
            },
        );
        assert_eq!(sentence, expected);
    }
    assert_eq!(it.place().names(), before);
}
