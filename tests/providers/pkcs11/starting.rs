//! What a custodian makes of its token when it starts.

use std::fs;

use super::token::{PIN, Token};
use crate::suite::Installation as _;

/// What a refused start may leave: nothing.
fn names_but_the_token(token: &Token) -> Vec<String> {
    let of_token = [
        "fault.so",
        "kryoptic.conf",
        "pin",
        "rules",
        "softhsm2.conf",
        "tokens",
    ];
    let mut names = token.place.names();
    names.retain(|name| !of_token.contains(&name.as_str()));
    names
}

#[test]
fn the_log_of_the_first_start_on_an_empty_token_says_that_the_sentinel_is_made() {
    let token = Token::fresh();
    let mut server = token.serve(&[]);
    assert!(server.terminate().success());
    let log = server.take_log();
    let first = ["token found", "making its sentinel", "sentinel found"];
    for message in first {
        assert_eq!(log.matches(message).count(), 1, "{message}: {log}");
    }

    let mut server = token.serve(&[]);
    assert!(server.terminate().success());
    let log = server.take_log();
    assert!(log.contains("sentinel found"), "{log}");
    assert!(!log.contains("making its sentinel"), "{log}");
}

#[test]
fn a_wrong_pin_ends_the_start_with_status_2_and_nothing_is_created() {
    let token = Token::fresh();
    token.write_pin("not-the-pin");
    let refused = token.program().serve_in_vain(&token.place, token.flags());
    assert_eq!(refused.status, Some(2), "{refused:?}");
    let sentence = refused.sentence_after_the_log();
    assert!(
        sentence.starts_with("--pkcs11-pin-file: the token refuses the PIN"),
        "{sentence}"
    );
    assert!(sentence.contains("CKR_PIN_INCORRECT"), "{sentence}");
    assert!(!sentence.contains("not-the-pin"), "{sentence}");
    assert_eq!(names_but_the_token(&token), Vec::<String>::new());
}

/// A supervisor that starts whatever ends does not know of exit statuses.
#[test]
fn starts_with_a_wrong_pin_end_with_status_2_and_never_lock_the_token() {
    let token = Token::fresh();
    assert!(token.serve(&[]).terminate().success());
    token.write_pin("not-the-pin");
    for _ in 0..12 {
        let refused = token.program().serve_in_vain(&token.place, token.flags());
        assert_eq!(refused.status, Some(2), "{refused:?}");
        let sentence = refused.sentence_after_the_log();
        let known = [
            "--pkcs11-pin-file: the token refuses the PIN",
            "--pkcs11-pin-file: one more wrong PIN locks the token",
        ];
        let is_known = known.iter().any(|opening| sentence.starts_with(opening));
        assert!(is_known, "{sentence}");
    }
    token.write_pin(PIN);
    // Another tool proves that the right PIN is right.
    assert_eq!(token.count("Private Key", "plexsphere:sentinel"), 1);
    token.serve(&[]).generate("k1");
}

/// Each PIN that is offered and wrong costs one of a few tries.
#[test]
fn a_pin_that_an_editor_or_a_shell_has_spoilt_is_not_offered_from_wherever_it_comes() {
    let token = Token::fresh();
    for (spoilt, problem) in [
        (format!("\u{feff}{PIN}"), "a byte order mark"),
        (format!("{PIN} "), "ends with a blank"),
        (format!("{PIN}\n\n"), "more than one line"),
        (format!("{PIN}\u{1b}"), "a control character"),
    ] {
        let of_file = token.flags();
        let at = of_file
            .iter()
            .position(|flag| flag == "--pkcs11-pin-file")
            .unwrap();
        let mut of_flag = of_file.clone();
        of_flag.splice(at..at + 2, ["--pkcs11-pin".to_owned(), spoilt.clone()]);
        let mut of_environment = of_file.clone();
        of_environment.drain(at..at + 2);
        fs::write(token.place.file("pin"), &spoilt).unwrap();
        let program = token.program();
        let with_variable = token
            .program()
            .with_variable("PLEXSPHERE_SIGNER_PKCS11_PIN", &spoilt);
        for (program, line, opening) in [
            (&program, of_file, "--pkcs11-pin-file"),
            (&program, of_flag, "--pkcs11-pin"),
            (&with_variable, of_environment, "--pkcs11-pin"),
        ] {
            let refused = program.serve_in_vain(&token.place, line);
            assert_eq!(refused.status, Some(2), "{spoilt:?}: {refused:?}");
            let sentence = refused.sentence_after_the_log();
            // Every variable is held to be one line without control characters.
            let of_all = "PLEXSPHERE_SIGNER_PKCS11_PIN must be one line of text";
            let is_told = sentence.contains(problem) && sentence.contains(opening);
            assert!(is_told || sentence.starts_with(of_all), "{sentence}");
            assert!(!sentence.contains(PIN), "{sentence}");
        }
    }
    fs::write(token.place.file("pin"), format!("{PIN}\r\n")).unwrap();
    assert!(token.serve(&[]).terminate().success());
}

#[test]
fn a_token_that_is_not_there_yet_is_waited_for() {
    let token = Token::none();
    let mut server = token.spawn(&[]);
    server.wait_for_log("a provider that restarts", |line| {
        line.contains("provider restarts")
    });
    let unready = server.get("/readyz").expect_status(503).json();
    assert_eq!(
        unready["checks"]["providers"]["pkcs11"], "down",
        "{unready}"
    );
    token.make();
    server.wait_until_ready();
    server.generate("k1");
}

#[test]
fn a_token_whose_pin_is_not_set_yet_is_waited_for() {
    let token = Token::none();
    token.make_without_pin();
    let mut server = token.spawn(&[]);
    server.wait_for_log("a token without a PIN", |line| {
        line.contains("CKR_USER_PIN_NOT_INITIALIZED")
    });
    token.set_pin();
    server.wait_until_ready();
    server.generate("k1");
}
