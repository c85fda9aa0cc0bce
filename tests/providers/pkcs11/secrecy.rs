//! The PIN, looked for in everything that leaves the custodian.

use std::fs;

use signer_test_support::{Canary, Finished, Server, path_of, sign_request};

use super::token::{PIN, Token};

const HANDLE: &str = "pkcs11:plexsphere:platform:k1";

fn streams(name: &str, finished: Finished) -> [(String, Vec<u8>); 2] {
    [
        (format!("the output of {name}"), finished.stdout),
        (
            format!("the messages of {name}"),
            finished.stderr.into_bytes(),
        ),
    ]
}

#[test]
fn the_pin_is_in_nothing_that_leaves_the_custodian() {
    let canary = Canary::new("the PIN", PIN.as_bytes());
    let token = Token::behind_faults();
    let pin_file = fs::read(token.place.file("pin")).unwrap();
    assert!(canary.is_in(&pin_file), "what is looked for can be found");
    let mut server = token.serve(&["--log-level", "trace"]);
    server.generate("k1");
    let mut places = Vec::new();

    let digest = sign_request(&[7; 64]);
    let sign = format!("{}/sign", path_of(HANDLE));
    let mut answer = |wanted: u16, what: &str| {
        let answer = server.post(&sign, &digest);
        assert_eq!(answer.status, wanted, "{what}: {answer:?}");
        places.push((format!("an answer when {what}"), answer.body));
    };
    answer(200, "all is well");
    // From a new login up to a module that is initialised anew.
    for rules in [
        "C_SignInit at=1 rv=CKR_USER_NOT_LOGGED_IN\n",
        "C_SignInit at=1 rv=CKR_SESSION_HANDLE_INVALID\n",
        "C_SignInit at=1 rv=CKR_CRYPTOKI_NOT_INITIALIZED\n",
    ] {
        token.rules(rules);
        answer(200, rules);
    }
    token.rules("C_SignInit rv=CKR_DEVICE_REMOVED\nC_Login rv=CKR_PIN_LOCKED\n");
    answer(503, "the token refuses everything");
    let missing = server.post(&format!("{}/sign", path_of("pkcs11:nobody")), &digest);
    places.push((format!("an answer with {}", missing.status), missing.body));

    for path in ["/metrics", "/livez", "/readyz", "/openapi.json", "/v1/keys"] {
        places.push((path.to_owned(), server.get(path).body));
    }
    for name in ["cmdline", "environ"] {
        let path = format!("/proc/{}/{name}", server.pid().as_raw_nonzero());
        places.push((path.clone(), fs::read(path).unwrap()));
    }
    assert!(server.terminate().success());
    let log = server.take_log();
    assert!(
        log.contains("module initialised"),
        "the log tells of logins: {log}"
    );
    places.push(("the log".to_owned(), log.into_bytes()));
    let output = server.take_output().into_bytes();
    places.push(("standard output".to_owned(), output));
    token.rules("");

    for command in ["mechanisms", "check"] {
        let mut line = vec!["pkcs11".to_owned(), command.to_owned()];
        line.extend(token.token_flags());
        line.extend(["-o", "json"].map(str::to_owned));
        let finished = token.program().run(token.place.path(), line);
        places.extend(streams(command, finished.expect_status(0)));
    }
    let kept = ["pin", "fault.so"];
    let names = token.place.names().into_iter();
    for name in names.filter(|name| !kept.contains(&name.as_str())) {
        if token.place.file(&name).is_file() {
            let bytes = fs::read(token.place.file(&name)).unwrap();
            places.push((name, bytes));
        }
    }
    assert!(places.iter().any(|(name, _)| name == "audit.jsonl"));
    for (name, bytes) in &places {
        canary.assert_absent(name, bytes);
    }
}

#[test]
fn a_pin_that_is_typed_is_a_warning_and_still_in_no_log() {
    let token = Token::fresh();
    let mut server = token.serve(&["--log-level", "trace"]);
    assert!(server.terminate().success());
    let log = server.take_log();
    assert!(!log.contains("WARN"), "{log}");

    let mut flags = token.serve_flags();
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
