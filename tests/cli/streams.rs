//! Commands whose standard streams are closed, full, or of the wrong kind: nothing that was asked for is
//! lost, and nothing else is signed, with a status of success.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::fs;
use std::io::pipe;
use std::process::{Command, Output, Stdio};

use signer_test_support::{K1_HANDLE, Server, Workplace, shipped};

/// A custodian with a key that signs for the platform, and a file to be signed.
fn custodian() -> (Workplace, Server) {
    let place = Workplace::with_seed();
    let server = Server::start(&shipped!(), &place, &[]);
    server.generate("k1");
    fs::write(place.file("release"), "to be released\n").unwrap();
    (place, server)
}

/// Has a shell run the program with the streams that `words` redirect.
fn shell(place: &Workplace, server: &Server, words: &str) -> Output {
    let through_a_shell = format!("exec \"$0\" {words}");
    Command::new("sh")
        .args(["-c", &through_a_shell])
        .arg(shipped!().path())
        .current_dir(place.path())
        .env("PLEXSPHERE_SIGNER_SOCKET", server.socket())
        .output()
        .unwrap()
}

const SIGN: &str = "sign --scope platform";

#[test]
fn an_input_that_is_closed_is_not_signed_as_an_empty_one() {
    let (place, server) = custodian();
    for streams in ["<&-", "</dev/null", "0>written", "<.", "<&- >out 2>err"] {
        for command in [
            format!("{SIGN} -"),
            "audit reconcile - audit.jsonl".to_owned(),
        ] {
            let run = shell(&place, &server, &format!("{command} {streams}"));
            assert_eq!(run.status.code(), Some(2), "{command} {streams}: {run:?}");
            assert_eq!(run.stdout, b"", "{command} {streams}");
        }
    }
    assert_eq!(fs::read(place.file("out")).unwrap(), b"");
    let run = shell(&place, &server, &format!("{SIGN} - <release"));
    assert!(run.status.success(), "{run:?}");
    let run = shell(&place, &server, &format!("{SIGN} /dev/null"));
    assert!(run.status.success(), "{run:?}");
}

#[test]
fn an_output_that_is_lost_is_a_failure_with_a_sentence() {
    let (place, server) = custodian();
    let shown = format!("keys public-key '{K1_HANDLE}'");
    let commands = [
        format!("{SIGN} release"),
        format!("{SIGN} release -o json"),
        shown.clone(),
        format!("{shown} -o table"),
        format!("keys show '{K1_HANDLE}'"),
        "keys list".to_owned(),
        "keys list -o json".to_owned(),
        "openapi".to_owned(),
        "completion bash".to_owned(),
        "audit tail audit.jsonl".to_owned(),
        "--version".to_owned(),
        "--help".to_owned(),
        "sign --help".to_owned(),
    ];
    for command in &commands {
        for streams in [">&-", "<&- >&-", ">/dev/full", "1<release"] {
            expect_failure(&shell(&place, &server, &format!("{command} {streams}")));
        }
        let nobody_is_told = shell(&place, &server, &format!("{command} <&- >&- 2>&-"));
        assert!(!nobody_is_told.status.success(), "{command}");
        for streams in [">/dev/null", "2>&-", "<&-"] {
            let run = shell(&place, &server, &format!("{command} {streams}"));
            assert!(run.status.success(), "{command} {streams}: {run:?}");
        }
    }
}

#[test]
fn a_change_or_a_check_without_an_output_answers_by_its_status() {
    let (place, server) = custodian();
    let retire = format!("keys retire '{K1_HANDLE}'");
    for command in [
        "keys generate --scope platform --key-id k2",
        "rotations open --scope platform --new-key-id k3",
        "audit verify audit.jsonl",
        &retire,
    ] {
        for streams in [">&-", "1<>/dev/null", ">/dev/null"] {
            let run = shell(&place, &server, &format!("{command} {streams}"));
            assert!(run.status.success(), "{command} {streams}: {run:?}");
        }
        expect_failure(&shell(&place, &server, &format!("{command} >/dev/full")));
    }
    let shown = shell(&place, &server, "keys list -o json");
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("k3") && shown.contains("retired"), "{shown}");
}

#[test]
fn a_probe_that_has_no_output_answers_by_its_status() {
    let (place, server) = custodian();
    for streams in [">&-", ">/dev/null", "<&- >&- 2>&-"] {
        let run = shell(&place, &server, &format!("probe livez {streams}"));
        assert!(run.status.success(), "{streams}: {run:?}");
    }
    for streams in [">/dev/full", "1<release"] {
        expect_failure(&shell(&place, &server, &format!("probe livez {streams}")));
    }
}

#[test]
fn a_reader_that_went_away_before_anything_was_written_is_told() {
    let (place, server) = custodian();
    for command in [
        &["sign", "--scope", "platform", "release"][..],
        &["keys", "public-key", K1_HANDLE],
        &["keys", "list"],
        &["openapi"],
    ] {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let mut run = server.client().command(place.path(), command);
        let run = run.stdout(writer).stderr(Stdio::piped());
        let ended = run.spawn().unwrap().wait_with_output().unwrap();
        expect_failure(&ended);
    }
}

#[track_caller]
fn expect_failure(run: &Output) {
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(matches!(run.status.code(), Some(1 | 2)), "{run:?}");
    assert!(said.starts_with("error: standard output"), "{run:?}");
    assert_eq!(said.lines().count(), 1, "{run:?}");
}
