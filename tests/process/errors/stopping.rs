//! A custodian on its way out.

use rustix::process::Signal;
use signer_test_support::Workplace;

use super::contract::expect_problem;
use super::scripted::{self, start_to_sign, wait_until_busy_with};

#[test]
fn what_is_still_unanswered_after_the_drain_timeout_is_draining() {
    let place = Workplace::with_seed();
    let mut server = scripted::start(&place, &["--drain-timeout", "300ms"]);
    server.generate("sign-hangs");
    let mut hanging = [(); 3].map(|()| start_to_sign(&server, "sign-hangs"));
    wait_until_busy_with(&server, 3);
    server.signal(Signal::TERM);
    for connection in &mut hanging {
        let answer = connection.receive().unwrap();
        expect_problem(&answer, "draining");
        assert_eq!(answer.header("connection"), Some("close"));
    }
    assert!(server.wait().success());
}
