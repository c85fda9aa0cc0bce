//! The PIN, looked for in everything that leaves the custodian.

use signer_test_support::{Canary, Server, Traces};

use super::token::{PIN, Token};
use crate::suite::Installation as _;

#[test]
fn the_pin_is_in_nothing_that_a_command_about_tokens_says() {
    let token = Token::new();
    let mut server = token.serve(&[]);
    server.make("k1");
    assert!(server.terminate().success());
    let mut traces = Traces::default();
    for command in ["mechanisms", "check"] {
        let finished = token.run(command, &["-o", "json"]).expect_status(0);
        traces.note_run(command, finished);
    }
    // Nor in what it leaves behind.
    let log = traces.end(token.serve(&[]), &token.place, Token::KEPT);
    assert!(!log.is_empty());
    traces.assert_without(&Canary::new("the PIN", PIN.as_bytes()));
}

#[test]
fn a_pin_that_is_typed_is_a_warning_and_still_in_no_log() {
    let token = Token::fresh();
    let mut server = token.serve(&["--log-level", "trace"]);
    assert!(server.terminate().success());
    let log = server.take_log();
    assert!(!log.contains("WARN"), "{log}");

    let mut flags = token.flags();
    let file = flags
        .iter()
        .position(|flag| flag == "--pkcs11-pin-file")
        .unwrap();
    flags[file] = "--pkcs11-pin".to_owned();
    flags[file + 1] = PIN.to_owned();
    let mut server = Server::start_with(&token.program(), &token.place, flags);
    assert!(server.terminate().success());
    let log = server.take_log();
    assert!(log.contains("PIN given on the command line"), "{log}");
    assert!(!log.contains(PIN), "{log}");
}
