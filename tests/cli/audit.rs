//! The audit log as an operator meets it: `serve --audit-log` and the `audit` commands.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use signer_test_support::{Finished, STRANGER, Server, Workplace, eventually, shipped};

const NEXT_TO_THE_REGISTRY: [&str; 5] = [
    "audit.jsonl",
    "audit.jsonl.checkpoint",
    "audit.jsonl.checkpoint-key",
    "audit.jsonl.checkpoint-key.pub",
    "audit.jsonl.lock",
];

fn audit(place: &Workplace, line: &[&str]) -> Finished {
    shipped!().run(place.path(), ["audit"].iter().chain(line))
}

fn registry(place: &Workplace) -> String {
    format!("sqlite:{}", place.registry().display())
}

/// Adds one entry and a checkpoint without a custodian.
fn accept_registry(place: &Workplace) -> Finished {
    let url = registry(place);
    audit(
        place,
        &[
            "accept-registry",
            "--audit-log",
            "audit.jsonl",
            "--registry",
            &url,
        ],
    )
}

/// A place with a registry and a log of three entries.
fn recorded() -> Workplace {
    let place = Workplace::with_seed();
    served(&place, |_| {});
    for _ in 0..3 {
        accept_registry(&place).expect_status(0);
    }
    place
}

/// Starts a custodian, does something with it, and stops it in order.
fn served(place: &Workplace, act: impl FnOnce(&Server)) {
    let mut server = Server::start(&shipped!(), place, &[]);
    act(&server);
    assert!(server.terminate().success());
}

fn refused_start(place: &Workplace) -> Finished {
    let before = place.names();
    let refused = shipped!()
        .serve_in_vain(place, place.software_flags())
        .expect_status(2);
    let added: Vec<String> = place
        .names()
        .into_iter()
        .filter(|name| !before.contains(name) && !name.contains("signer.sock"))
        .collect();
    assert_eq!(added, Vec::<String>::new());
    refused
}

fn lines(place: &Workplace) -> Vec<String> {
    let text = fs::read_to_string(place.file("audit.jsonl")).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn write_lines(path: &Path, lines: &[String]) {
    fs::write(path, lines.join("\n") + "\n").unwrap();
}

#[test]
fn the_log_stands_beside_the_registry_and_is_intact() {
    let place = recorded();
    let names = place.names();
    for name in NEXT_TO_THE_REGISTRY {
        assert!(names.iter().any(|found| found == name), "{name}: {names:?}");
    }
    let verified = audit(&place, &["verify", "audit.jsonl"]).expect_status(0);
    assert_eq!(
        verified.text(),
        "intact: 3 entries, 1 to 3; signed up to 3\n"
    );
    served(&place, |_| {});
    audit(&place, &["verify", "audit.jsonl"]).expect_status(0);
}

#[test]
fn a_broken_log_ends_with_7_and_the_number_of_the_first_bad_entry() {
    let place = recorded();
    let sound = lines(&place);
    let file = place.file("audit.jsonl");
    let broken = |sentence: &str| {
        let finished = audit(&place, &["verify", "audit.jsonl"]).expect_status(7);
        assert!(finished.sentence().starts_with(sentence), "{finished:?}");
    };
    let mut forged = sound.clone();
    forged[1] = forged[1].replacen("accept_registry", "accept_registri", 1);
    write_lines(&file, &forged);
    broken("entry 2 does not have the hash of its content (line 2 of ");
    write_lines(&file, &[sound[0].clone(), sound[2].clone()]);
    broken("entry 2 is missing, 3 stands in its place");
    write_lines(&file, &sound[1..]);
    broken("entry 1 is missing: ");
    write_lines(&file, &sound[..2]);
    broken("entry 3 is missing: the log ends before it, while a checkpoint signed entry 3");
    fs::rename(place.file("audit.jsonl.checkpoint"), place.file("away")).unwrap();
    broken("no checkpoint is there, although a custodian signs one before the first entry: ");
    let unsigned = audit(&place, &["verify", "audit.jsonl", "--no-checkpoint"]).expect_status(0);
    assert_eq!(
        unsigned.text(),
        "intact: 2 entries, 1 to 2; compared with no checkpoint\n"
    );
    let named = ["verify", "audit.jsonl", "--checkpoint", "away"];
    audit(&place, &named).expect_status(7);
    let key = fs::read_to_string(place.file("audit.jsonl.checkpoint-key.pub")).unwrap();
    audit(
        &place,
        &[&named[..], &["--checkpoint-key", key.trim()]].concat(),
    )
    .expect_status(7);
    write_lines(&file, &sound);
    audit(
        &place,
        &[&named[..], &["--checkpoint-key", key.trim()]].concat(),
    )
    .expect_status(0);
}

#[test]
fn a_verdict_can_be_had_as_json() {
    let place = recorded();
    let verdict = |status| {
        let finished =
            audit(&place, &["verify", "-o", "json", "audit.jsonl"]).expect_status(status);
        let stdout = String::from_utf8(finished.stdout).unwrap();
        serde_json::from_str::<serde_json::Value>(&stdout).unwrap()
    };
    let intact = serde_json::json!({
        "intact": true, "entries": 3, "first": 1, "last": 3, "signed": 3
    });
    assert_eq!(verdict(0), intact);
    let sound = lines(&place);
    write_lines(&place.file("audit.jsonl"), &sound[..2]);
    let broken = serde_json::json!({
        "intact": false,
        "seq": 3,
        "reason": "entry 3 is missing: the log ends before it, while a checkpoint signed entry 3"
    });
    assert_eq!(verdict(7), broken);
    fs::remove_file(place.file("audit.jsonl.checkpoint")).unwrap();
    assert_eq!(verdict(7)["seq"], serde_json::Value::Null);
    fs::write(place.file("audit.jsonl"), "").unwrap();
    let line = ["verify", "-o", "json", "audit.jsonl", "--no-checkpoint"];
    let finished = audit(&place, &line).expect_status(0);
    let empty = serde_json::json!({
        "intact": true, "entries": 0, "first": null, "last": null, "signed": null
    });
    let stdout = String::from_utf8(finished.stdout).unwrap();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&stdout).unwrap(),
        empty
    );
}

/// However the checkpoints are done away with, the log is not called intact, and the next start neither
/// signs it nor changes it.
#[test]
fn a_log_whose_checkpoints_are_gone_is_neither_intact_nor_continued() {
    for (how, status) in [("removed", 7), ("emptied", 7), ("long", 7), ("lone", 2)] {
        let place = recorded();
        let checkpoints = place.file("audit.jsonl.checkpoint");
        let notes = fs::read(&checkpoints).unwrap();
        match how {
            "removed" => fs::remove_file(&checkpoints).unwrap(),
            "emptied" => fs::write(&checkpoints, "").unwrap(),
            "long" => {
                let long = vec![b'x'; 5 * 1024 * 1024];
                fs::write(&checkpoints, [&long[..], b"\n", &notes].concat()).unwrap();
            }
            _ => {
                fs::remove_file(&checkpoints).unwrap();
                for suffix in ["", ".pub"] {
                    let key = place.file(&format!("audit.jsonl.checkpoint-key{suffix}"));
                    fs::remove_file(key).unwrap();
                }
            }
        }
        let said = audit(&place, &["verify", "audit.jsonl"]).expect_status(status);
        assert!(
            said.sentence().contains("--no-checkpoint") || how == "long",
            "{said:?}"
        );
        fs::write(place.file("seen"), "").unwrap();
        audit(&place, &["reconcile", "seen", "--log", "audit.jsonl"]).expect_status(status);
        audit(&place, &["verify", "audit.jsonl", "--no-checkpoint"]).expect_status(0);
        let before = lines(&place);
        if how != "long" {
            let refused = refused_start(&place);
            assert!(
                refused.sentence().contains("holds no checkpoint"),
                "{refused:?}"
            );
        }
        assert_eq!(lines(&place), before, "{how}");
    }
}

#[test]
fn a_verifier_key_that_is_not_as_it_was_written_is_refused() {
    let place = recorded();
    let key = place.file("audit.jsonl.checkpoint-key.pub");
    let text = fs::read_to_string(&key).unwrap();
    for other in [text.trim(), &text[..20], &text.replace('\n', "\u{b}"), ""] {
        fs::write(&key, other).unwrap();
        audit(&place, &["verify", "audit.jsonl"]).expect_status(2);
    }
    fs::write(place.file("pasted"), text.trim()).unwrap();
    let named = ["verify", "audit.jsonl", "--checkpoint-key", "pasted"];
    audit(&place, &named).expect_status(0);
}

#[test]
fn what_cannot_be_read_ends_with_2() {
    let place = recorded();
    for line in [
        &["verify"][..],
        &["verify", "none.jsonl"],
        &["verify", "audit.jsonl", "--checkpoint", "none"],
        &["verify", "audit.jsonl", "--checkpoint-key", "none"],
        &[
            "verify",
            "audit.jsonl",
            "--no-checkpoint",
            "--checkpoint",
            "audit.jsonl.checkpoint",
        ],
        &["tail", "none.jsonl"],
        &["reconcile", "none", "--log", "audit.jsonl"],
        &["reconcile", "audit.jsonl", "--log", "audit.jsonl"],
        &["reconcile", "audit.jsonl"],
        &[
            "accept-registry",
            "--audit-log",
            "none.jsonl",
            "--registry",
            "sqlite:x.db",
        ],
        &["accept-cut", "--audit-log", "audit.jsonl"],
        &["accept-cut", "--audit-log", "none.jsonl"],
    ] {
        let before = place.names();
        audit(&place, line).expect_status(2);
        assert_eq!(place.names(), before, "{line:?}");
    }
}

#[test]
fn a_log_that_is_not_there_is_told_before_its_checkpoints_are_missed() {
    let place = recorded();
    fs::create_dir(place.file("kept")).unwrap();
    fs::write(place.file("seen"), "").unwrap();
    for (log, told) in [
        ("none.jsonl", "No such file or directory"),
        ("-", "No such file or directory"),
        ("kept", "not a regular file"),
        ("/dev/null", "not a regular file"),
    ] {
        let reconcile = ["reconcile", "seen", "--log", log];
        for line in [
            &["verify", log][..],
            &["verify", log, "audit.jsonl"],
            &reconcile,
        ] {
            let said = audit(&place, line).expect_status(2);
            let sentence = said.sentence();
            let is_about_the_log = sentence.starts_with(&format!("{log} cannot be read: "));
            assert!(is_about_the_log && sentence.contains(told), "{sentence}");
        }
    }
    for log in ["none.jsonl", "none", "kept/audit.jsonl"] {
        let said = audit(&place, &["accept-cut", "--audit-log", log]).expect_status(2);
        let told = "there is no such log; name the one of the custodian";
        assert_eq!(said.sentence(), format!("--audit-log {log}: {told}"));
    }
}

/// Somebody who may write beside the log must not hold up who verifies it.
#[test]
fn a_pipe_in_the_place_of_a_file_holds_up_nobody() {
    let place = recorded();
    fs::write(place.file("seen"), "").unwrap();
    let within_time = shipped!().behind(&["timeout", "10"]);
    for (name, lines) in [
        (
            "audit.jsonl",
            &[
                &["verify", "audit.jsonl"][..],
                &["tail", "audit.jsonl"],
                &["reconcile", "seen", "--log", "audit.jsonl"],
            ][..],
        ),
        ("audit.jsonl.checkpoint", &[&["verify", "audit.jsonl"]]),
        (
            "audit.jsonl.checkpoint-key.pub",
            &[&["verify", "audit.jsonl"]],
        ),
    ] {
        let file = place.file(name);
        fs::rename(&file, place.file("away")).unwrap();
        make_pipe(&file);
        for line in lines {
            let line = ["audit"].iter().chain(*line);
            let said = within_time.run(place.path(), line).expect_status(2);
            assert!(said.sentence().contains("not a regular file"), "{said:?}");
        }
        fs::rename(place.file("away"), &file).unwrap();
    }
    let lock = place.file("audit.jsonl.lock");
    fs::remove_file(&lock).unwrap();
    make_pipe(&lock);
    let line = ["audit", "verify", "audit.jsonl"];
    within_time.run(place.path(), line).expect_status(0);
}

fn make_pipe(path: &Path) {
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        path,
        rustix::fs::Mode::from_raw_mode(0o600),
    )
    .unwrap();
}

/// As a shell hands over what another program unpacks.
#[test]
fn a_log_and_its_checkpoints_may_come_through_a_pipe_of_the_shell() {
    let place = recorded();
    let beside = [
        "verify",
        "--checkpoint-key",
        "audit.jsonl.checkpoint-key.pub",
    ];
    let log = ["--checkpoint", "audit.jsonl.checkpoint", "/dev/stdin"];
    let checkpoints = ["--checkpoint", "/dev/stdin", "audit.jsonl"];
    for (piped, line) in [
        ("audit.jsonl", log),
        ("audit.jsonl.checkpoint", checkpoints),
    ] {
        let line = ["audit"].iter().chain(&beside).chain(&line);
        let input = fs::read(place.file(piped)).unwrap();
        let verified = shipped!().run_with_input(place.path(), line, &input);
        let intact = "intact: 3 entries, 1 to 3; signed up to 3\n";
        assert_eq!(verified.expect_status(0).text(), intact, "{piped}");
    }
}

#[test]
fn tail_shows_the_last_entries_as_a_table_or_as_they_stand() {
    let place = recorded();
    let table = audit(&place, &["tail", "-n", "2", "audit.jsonl"]).expect_status(0);
    let rows: Vec<&str> = table.text().lines().collect();
    assert_eq!(rows.len(), 3, "{rows:?}");
    assert!(rows[0].trim_start().starts_with("SEQ  TIME"), "{rows:?}");
    assert!(rows[1].trim_start().starts_with("2  20"), "{rows:?}");
    assert!(rows[2].contains("accept_registry  ok"), "{rows:?}");
    let json = audit(&place, &["tail", "-o", "json", "audit.jsonl"]).expect_status(0);
    assert_eq!(json.text().lines().collect::<Vec<_>>(), lines(&place));
}

#[test]
fn tail_shows_how_many_refusals_an_entry_stands_for() {
    let place = Workplace::with_seed();
    place.open_to_everyone();
    let mut server = Server::start(&shipped!(), &place, &["--socket-mode", "0666"]);
    // The first sixteen have entries of their own.
    for _ in 0..19 {
        let answer = server.ask_as(STRANGER, "GET", "/v1/keys", None);
        assert_eq!(answer.status, 403);
    }
    assert!(server.terminate().success());
    let table = audit(&place, &["tail", "-n", "2", "audit.jsonl"]).expect_status(0);
    let rows: Vec<Vec<&str>> = table
        .text()
        .lines()
        .map(|row| row.split_whitespace().collect())
        .collect();
    let at = rows[0].iter().position(|it| *it == "COUNT").unwrap();
    assert_eq!((rows[1][at], rows[2][at]), ("-", "3"), "{rows:?}");
}

#[test]
fn reconcile_prints_the_signatures_that_the_log_does_not_hold() {
    let place = recorded();
    let unknown = "ab".repeat(32);
    fs::write(place.file("seen"), format!("{unknown}\n\n")).unwrap();
    let line = ["reconcile", "seen", "--log", "audit.jsonl"];
    let finished = audit(&place, &line).expect_status(7);
    assert_eq!(finished.text(), format!("{unknown}\n"));
    assert_eq!(finished.sentence(), "1 of 1 signatures are not in the log");
    fs::write(place.file("seen"), "\n").unwrap();
    audit(&place, &line).expect_status(0);
}

#[test]
fn reconcile_tells_of_entries_that_the_named_files_do_not_hold() {
    let place = recorded();
    fs::rename(place.file("audit.jsonl"), place.file("old.jsonl")).unwrap();
    let unknown = "ab".repeat(32);
    fs::write(place.file("seen"), &unknown).unwrap();
    let missing = |logs: &[&str]| {
        let line = [&["reconcile", "seen", "--log"], logs].concat();
        let finished = audit(&place, &line).expect_status(7);
        finished.sentence().to_owned()
    };
    let hint = "1 of 1 signatures are not in the log; entries 1 to 3 are not in these files, so name the \
                older ones first";
    for _ in ["an empty file", "one with an entry"] {
        accept_registry_or_begin(&place);
        assert_eq!(missing(&["audit.jsonl"]), hint);
    }
    let whole = missing(&["old.jsonl", "audit.jsonl"]);
    assert_eq!(whole, "1 of 1 signatures are not in the log");
}

/// Begins a file of the log, and adds an entry when there is one.
fn accept_registry_or_begin(place: &Workplace) {
    if place.file("audit.jsonl").exists() {
        accept_registry(place).expect_status(0);
    } else {
        served(place, |_| {});
    }
}

#[test]
fn keeping_no_log_is_a_warning_and_leaves_no_file() {
    let place = Workplace::with_seed();
    let mut server = Server::start(&shipped!(), &place, &["--audit-log", "none"]);
    assert!(server.terminate().success());
    let log = server.take_log();
    assert_eq!(log.matches("no audit log is kept").count(), 1, "{log}");
    let of_the_log = |name: &String| name.contains("audit");
    assert!(!place.names().iter().any(of_the_log), "{:?}", place.names());
}

#[test]
fn the_log_may_be_named_by_flag_and_by_environment() {
    let place = Workplace::with_seed();
    let mut server = Server::start(&shipped!(), &place, &["--audit-log", "by-flag"]);
    assert!(server.terminate().success());
    let program = shipped!().with_variable("PLEXSPHERE_SIGNER_AUDIT_LOG", "by-environment");
    let mut server = Server::start(&program, &place, &[]);
    assert!(server.terminate().success());
    assert!(place.file("by-flag").exists() && place.file("by-environment").exists());
}

#[test]
fn a_second_custodian_cannot_write_the_same_log() {
    let place = Workplace::with_seed();
    let server = Server::start(&shipped!(), &place, &[]);
    let other = Workplace::with_seed();
    let log = place.file("audit.jsonl").display().to_string();
    let mut flags = other.software_flags();
    flags.extend(["--audit-log".to_owned(), log.clone()]);
    let refused = shipped!().serve_in_vain(&other, flags).expect_status(2);
    assert_eq!(
        refused.sentence(),
        format!(
            "--audit-log {log}: in use by another live process ({}); stop that process, or name \
             another file",
            server.pid_and_uid()
        )
    );
}

#[test]
fn a_cut_log_is_refused_until_the_cut_is_accepted() {
    let place = recorded();
    write_lines(&place.file("audit.jsonl"), &lines(&place)[..1]);
    let refused = refused_start(&place);
    assert!(
        refused
            .sentence()
            .contains("it ends with entry 1 while its checkpoint speaks of entry 3"),
        "{refused:?}"
    );
    audit(&place, &["accept-cut", "--audit-log", "audit.jsonl"]).expect_status(0);
    served(&place, |_| {});
    let verified = audit(&place, &["verify", "audit.jsonl"]).expect_status(0);
    assert_eq!(
        verified.text(),
        "intact: 2 entries, 1 to 2; signed up to 2\n"
    );
}

#[test]
fn a_restored_old_registry_is_refused_until_it_is_accepted() {
    let place = Workplace::with_seed();
    served(&place, |server| {
        server.generate("k1");
    });
    fs::copy(place.registry(), place.file("backup.db")).unwrap();
    served(&place, |server| {
        server
            .post(&format!("{}/retire", signer_test_support::K1), "")
            .expect_status(200);
    });
    accept_registry(&place).expect_status(0);
    fs::copy(place.file("backup.db"), place.registry()).unwrap();
    let refused = refused_start(&place);
    let url = registry(&place);
    let log = place.file("audit.jsonl").display().to_string();
    let expected = format!("--registry {url}: it is older than the audit log: its last change is ");
    assert!(refused.sentence().starts_with(&expected), "{refused:?}");
    let cure =
        format!("`plexsphere-signer audit accept-registry --audit-log {log} --registry {url}`");
    assert!(refused.sentence().contains(&cure), "{refused:?}");
    accept_registry(&place).expect_status(0);
    served(&place, |_| {});
    audit(&place, &["verify", "audit.jsonl"]).expect_status(0);
}

#[test]
fn a_registry_that_is_gone_or_another_one_is_refused() {
    let place = recorded();
    let other = recorded();
    fs::copy(other.registry(), place.registry()).unwrap();
    let refused = refused_start(&place);
    assert!(
        refused
            .sentence()
            .contains("while the audit log was kept for registry"),
        "{refused:?}"
    );
    fs::remove_file(place.registry()).unwrap();
    let refused = refused_start(&place);
    let sentence = refused.sentence();
    assert!(sentence.contains("there is no registry"), "{sentence}");
    assert!(
        sentence.contains("or begin with an empty one with"),
        "{sentence}"
    );
    assert!(!place.registry().exists());
    // Who mistyped the path of the registry has to see it.
    let said = accept_registry(&place).expect_status(0);
    assert_eq!(
        String::from_utf8_lossy(&said.stdout),
        "accepted: there was no registry, so an empty one was made\n"
    );
    let said = accept_registry(&place).expect_status(0);
    assert_eq!(String::from_utf8_lossy(&said.stdout), "accepted\n");
}

#[test]
fn a_log_that_begins_anew_is_told_at_the_start_and_by_verify() {
    let place = recorded();
    fs::write(place.file("audit.jsonl"), "").unwrap();
    let mut server = Server::start(&shipped!(), &place, &[]);
    server.wait_for_log("the new beginning", |line| {
        line.contains("WARN")
            && line.contains("audit log begins anew")
            && line.contains("\"first\":4")
    });
    server.generate("k2");
    assert!(server.terminate().success());
    let intact = audit(&place, &["verify", "audit.jsonl"]).expect_status(0);
    assert_eq!(
        intact.text(),
        "intact: 1 entries, 4 to 4; signed up to 4; entries 1 to 3 are not in these files\n"
    );
}

#[test]
fn sighup_goes_on_in_a_new_file() {
    let place = recorded();
    let mut server = Server::start(&shipped!(), &place, &[]);
    fs::rename(place.file("audit.jsonl"), place.file("old.jsonl")).unwrap();
    server.signal(Signal::HUP);
    eventually("the new file", || {
        place.file("audit.jsonl").exists().then_some(())
    });
    server.wait_for_log("the reopened log", |line| {
        line.contains("audit log reopened")
    });
    assert!(server.terminate().success());
    accept_registry(&place).expect_status(0);
    audit(&place, &["verify", "old.jsonl", "audit.jsonl"]).expect_status(0);
}

#[test]
fn the_checkpoint_is_in_the_log_stream_and_metrics_tell_of_the_log() {
    let place = Workplace::with_seed();
    // A torn line left by a crash: cutting it is an entry.
    fs::write(place.file("audit.jsonl"), "{\"v\":1,\"seq\":1,\"ti").unwrap();
    let mut server = Server::start(&shipped!(), &place, &[]);
    assert_eq!(server.metric("audit_entries_total"), 1);
    assert_eq!(server.metric("audit_failures_total"), 0);
    assert!(server.terminate().success());
    let log = server.take_log();
    let lines = log.lines().filter(|line| line.contains("\"checkpoint\":"));
    let notes = lines.map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["checkpoint"].as_str().unwrap().to_owned()
    });
    assert_eq!(
        notes.collect::<String>(),
        fs::read_to_string(place.file("audit.jsonl.checkpoint")).unwrap()
    );
    let key = fs::read(place.file("audit.jsonl.checkpoint-key")).unwrap();
    assert_eq!(key.len(), 32);
}

#[test]
fn the_development_set_up_keeps_a_log_of_its_own() {
    let place = Workplace::empty();
    let mut server = Server::start_in_development(&shipped!(), &place);
    assert!(place.file(".plexsphere-signer/audit.jsonl").exists());
    assert!(server.terminate().success());
}
