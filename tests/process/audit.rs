//! The audit log of a running custodian: what requests leave in it, on a disk that fails, and after a
//! kill.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper that fails is a test that fails"
)]

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, Signal, prlimit};
use serde_json::Value;
use signer_test_support::{
    Finished, K1, K1_HANDLE, Server, Workplace, eventually, pause, shipped, sign_request,
};

fn entries(place: &Workplace) -> Vec<Value> {
    let text = fs::read_to_string(place.file("audit.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn audit(place: &Workplace, line: &[&str]) -> Finished {
    shipped!().run(place.path(), ["audit"].iter().chain(line))
}

fn sign(server: &Server) -> signer_test_support::Response {
    server.post(&format!("{K1}/sign"), &sign_request(&[7; 64]))
}

/// Lets no file of the custodian grow beyond so many bytes.
fn limit_files(server: &Server, bytes: Option<u64>) {
    let limit = Rlimit {
        current: bytes,
        maximum: None,
    };
    prlimit(Some(server.pid()), Resource::Fsize, limit).unwrap();
}

#[test]
fn a_signature_is_in_the_log_when_its_answer_is_there_even_after_a_kill() {
    let place = Workplace::with_seed();
    let mut server = Server::start(&shipped!(), &place, &[]);
    server.generate("k1");
    let answer = sign(&server).expect_status(200);
    server.kill();
    let found = entries(&place);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0]["op"], "generate");
    assert_eq!(found[1]["op"], "sign");
    assert_eq!(found[1]["handle_id"], K1_HANDLE);
    audit(&place, &["verify", "audit.jsonl"]).expect_status(0);
    let answer: Value = serde_json::from_str(answer.text()).unwrap();
    let signature = answer["signature"].as_str().unwrap();
    let other = signature.replacen(&signature[..2], "zz", 1);
    fs::write(place.file("seen"), format!("{signature}\n{other}\n")).unwrap();
    let reconciled = audit(&place, &["reconcile", "seen", "--log", "audit.jsonl"]);
    assert_eq!(reconciled.expect_status(7).text(), format!("{other}\n"));
}

#[test]
fn a_disk_that_is_full_releases_nothing_and_is_forgiven_without_a_restart() {
    let place = Workplace::with_seed();
    let mut server = Server::start(&shipped!(), &place, &[]);
    server.generate("k1");
    sign(&server).expect_status(200);
    let length = fs::metadata(place.file("audit.jsonl")).unwrap().len();
    // The next line does not fit: a part of it is written.
    limit_files(&server, Some(length + 100));
    for _ in 0..3 {
        let asked = Instant::now();
        let refused = sign(&server).expect_status(503);
        assert_eq!(refused.problem_code(), "audit_unavailable");
        assert!(
            asked.elapsed() < Duration::from_secs(2),
            "{:?}",
            asked.elapsed()
        );
    }
    let readiness = server.get("/readyz").expect_status(503);
    assert!(
        readiness.text().contains("\"audit\":\"failing\""),
        "{readiness:?}"
    );
    assert_eq!(server.get("/livez").status, 200);
    limit_files(&server, None);
    eventually("a signature after the outage", || {
        let answer = sign(&server);
        pause(Duration::from_millis(50));
        (answer.status == 200).then_some(())
    });
    eventually("readiness after the outage", || {
        (server.get("/readyz").status == 200).then_some(())
    });
    assert!(server.terminate().success());
    audit(&place, &["verify", "audit.jsonl"]).expect_status(0);
    let withheld: Vec<Value> = entries(&place)
        .into_iter()
        .filter(|entry| entry["outcome"] == "unavailable")
        .collect();
    assert!(withheld.len() >= 3, "{withheld:?}");
    // The first one was signed before the disk failed; the others were turned away at once.
    assert!(withheld[0]["digest"].is_string(), "{withheld:?}");
    for entry in withheld {
        assert_eq!(entry["code"], "audit_unavailable");
        assert_eq!(entry["http_status"], 503);
        assert!(entry.get("signature_sha256").is_none());
    }
}

#[test]
fn no_more_is_signed_than_may_go_unprotected_while_no_checkpoint_can_be_written() {
    let place = Workplace::with_seed();
    let mut server = Server::start(&shipped!(), &place, &[]);
    server.generate("k1");
    let (checkpoints, aside) = (place.file("audit.jsonl.checkpoint"), place.file("aside"));
    fs::rename(&checkpoints, &aside).unwrap();
    fs::create_dir(&checkpoints).unwrap();
    let signed = (0..1300).take_while(|_| sign(&server).status == 200);
    let signed = signed.count();
    assert!((990..=1255).contains(&signed), "{signed}");
    let refused = sign(&server).expect_status(503);
    assert_eq!(refused.problem_code(), "audit_unavailable");
    let readiness = server.get("/readyz").expect_status(503);
    assert!(
        readiness.text().contains("\"audit\":\"failing\""),
        "{readiness:?}"
    );
    fs::remove_dir(&checkpoints).unwrap();
    fs::rename(&aside, &checkpoints).unwrap();
    eventually("a signature once checkpoints are written", || {
        (sign(&server).status == 200).then_some(())
    });
    assert!(server.terminate().success());
    audit(&place, &["verify", "audit.jsonl"]).expect_status(0);
}

#[test]
fn a_log_whose_directory_is_moved_away_stays_intact_and_goes_on_when_it_is_back() {
    type Substitute = fn(&Path, &Path);
    let substitutes: [Substitute; 2] = [
        |_moved, path| fs::create_dir(path).unwrap(),
        |moved, path| {
            fs::create_dir(path).unwrap();
            for entry in fs::read_dir(moved).unwrap() {
                let entry = entry.unwrap();
                let _bytes = fs::copy(entry.path(), path.join(entry.file_name())).unwrap();
            }
        },
    ];
    let place = Workplace::with_seed();
    let (path, moved) = (place.file("logs"), place.file("moved"));
    fs::create_dir(&path).unwrap();
    let log = ["--audit-log", "logs/audit.jsonl"];
    let mut server = Server::start(&shipped!(), &place, &log);
    server.generate("k1");
    for substitute in substitutes {
        sign(&server).expect_status(200);
        fs::rename(&path, &moved).unwrap();
        substitute(&moved, &path);
        let notes = fs::read(path.join("audit.jsonl.checkpoint")).ok();
        sign(&server).expect_status(503);
        assert!(server.terminate().success());
        let behind = fs::read(path.join("audit.jsonl.checkpoint")).ok();
        assert_eq!(behind, notes, "what stands at the path was written to");
        audit(&place, &["verify", "moved/audit.jsonl"]).expect_status(0);
        fs::remove_dir_all(&path).unwrap();
        fs::rename(&moved, &path).unwrap();
        server = Server::start(&shipped!(), &place, &log);
    }
    sign(&server).expect_status(200);
    assert!(server.terminate().success());
    audit(&place, &["verify", "logs/audit.jsonl"]).expect_status(0);
}

#[test]
fn a_retirement_that_no_checkpoint_covers_yet_is_still_known_when_an_old_registry_returns() {
    let place = Workplace::with_seed();
    let mut server = Server::start(&shipped!(), &place, &[]);
    server.generate("k1");
    assert!(server.terminate().success());
    fs::copy(place.registry(), place.file("backup.db")).unwrap();
    let mut server = Server::start(&shipped!(), &place, &[]);
    server.post(&format!("{K1}/retire"), "").expect_status(200);
    server.kill();
    for left in ["registry.db-wal", "registry.db-shm"] {
        fs::remove_file(place.file(left)).unwrap();
    }
    fs::copy(place.file("backup.db"), place.registry()).unwrap();
    let refused = shipped!()
        .serve_in_vain(&place, place.software_flags())
        .expect_status(2);
    let expected = format!("key {K1_HANDLE} was retired, and is not in it");
    assert!(refused.sentence().contains(&expected), "{refused:?}");
    let url = format!("sqlite:{}", place.registry().display());
    let log = ["--audit-log", "audit.jsonl", "--registry", &url];
    audit(&place, &[&["accept-registry"], &log[..]].concat()).expect_status(0);
    let server = Server::start(&shipped!(), &place, &[]);
    sign(&server).expect_status(200);
}

#[test]
fn requests_go_on_while_the_log_is_rotated() {
    let place = Workplace::with_seed();
    let mut server = Server::start(&shipped!(), &place, &[]);
    server.generate("k1");
    for round in 0..5 {
        sign(&server).expect_status(200);
        fs::rename(
            place.file("audit.jsonl"),
            place.file(&format!("old-{round}")),
        )
        .unwrap();
        server.signal(Signal::HUP);
        sign(&server).expect_status(200);
        eventually("the next file", || {
            place.file("audit.jsonl").exists().then_some(())
        });
    }
    assert!(server.terminate().success());
    let files = ["old-0", "old-1", "old-2", "old-3", "old-4", "audit.jsonl"];
    let verified = audit(&place, &[&["verify"], &files[..]].concat()).expect_status(0);
    assert!(
        verified.text().starts_with("intact: 11 entries, 1 to 11;"),
        "{verified:?}"
    );
}

/// The disk is full when the log is rotated as the documentation says, and has room again afterwards.
#[test]
fn a_log_that_is_rotated_while_its_disk_is_full_stays_intact() {
    for room in [0, 1, 100, 300] {
        let place = Workplace::with_seed();
        let mut server = Server::start(&shipped!(), &place, &[]);
        server.generate("k1");
        sign(&server).expect_status(200);
        let length = fs::metadata(place.file("audit.jsonl")).unwrap().len();
        limit_files(&server, Some(length + room));
        sign(&server).expect_status(503);
        fs::rename(place.file("audit.jsonl"), place.file("audit.jsonl.1")).unwrap();
        limit_files(&server, None);
        server.signal(Signal::HUP);
        eventually("a signature after the rotation", || {
            let answer = sign(&server);
            pause(Duration::from_millis(20));
            (answer.status == 200).then_some(())
        });
        let files = ["verify", "audit.jsonl.1", "audit.jsonl"];
        audit(&place, &files).expect_status(0);
        assert!(server.terminate().success());
        audit(&place, &files).expect_status(0);
        assert!(!server.take_log().contains("removed"));
    }
}

/// Renamed and signalled as the documentation says, as often as the custodian keeps up, while others sign.
#[test]
fn a_documented_rotation_refuses_no_request_and_is_no_error_whenever_the_rename_comes() {
    const ROTATIONS: usize = 60;
    let place = Workplace::with_seed();
    let mut server = Server::start(&shipped!(), &place, &[]);
    server.generate("k1");
    let is_over = AtomicBool::new(false);
    let log = place.file("audit.jsonl");
    let refused: Vec<u16> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4)
            .map(|_| {
                let mut connection = server.connect();
                let is_over = &is_over;
                scope.spawn(move || {
                    let mut refused = Vec::new();
                    while !is_over.load(Ordering::Relaxed) {
                        let path = format!("{K1}/sign");
                        let body = sign_request(&[7; 64]);
                        let answer = connection.ask("POST", &path, Some(&body)).unwrap();
                        let status = answer.status;
                        if status != 200 {
                            refused.push(status);
                        }
                    }
                    refused
                })
            })
            .collect();
        for number in 1..=ROTATIONS {
            fs::rename(&log, place.file(&format!("audit.jsonl.{number}"))).unwrap();
            for _ in 0..=number % 3 {
                server.signal(Signal::HUP);
            }
            eventually("the next file", || log.exists().then_some(()));
        }
        is_over.store(true, Ordering::Relaxed);
        let refused = callers.into_iter().map(|caller| caller.join().unwrap());
        refused.flatten().collect()
    });
    assert_eq!(refused, Vec::<u16>::new());
    assert!(server.terminate().success());
    let told = server.take_log();
    let errors: Vec<&str> = told.lines().filter(|line| line.contains("ERROR")).collect();
    assert_eq!(errors, Vec::<&str>::new());
    let files = (1..=ROTATIONS).map(|number| format!("audit.jsonl.{number}"));
    let files: Vec<String> = files.chain(["audit.jsonl".to_owned()]).collect();
    let line: Vec<&str> = ["verify"]
        .into_iter()
        .chain(files.iter().map(String::as_str))
        .collect();
    audit(&place, &line).expect_status(0);
}

#[test]
fn the_seed_of_the_checkpoint_key_is_in_memory_once() {
    let place = Workplace::with_seed();
    let mut server = Server::start(&shipped!(), &place, &[]);
    server.generate("k1");
    sign(&server).expect_status(200);
    // Has it signed once more.
    server.signal(Signal::HUP);
    server.wait_for_log("the reopened log", |line| {
        line.contains("audit log reopened")
    });
    let seed = fs::read(place.file("audit.jsonl.checkpoint-key")).unwrap();
    assert_eq!(copies_in_memory(&server, &seed), 1);
    assert!(server.terminate().success());
}

/// A page in which nothing was written.
const PAGE: [u8; 4096] = [0; 4096];

/// How often these bytes stand in the writable memory of a custodian.
fn copies_in_memory(server: &Server, bytes: &[u8]) -> usize {
    let process = format!("/proc/{}", server.pid().as_raw_nonzero());
    let maps = fs::read_to_string(format!("{process}/maps")).unwrap();
    let memory = File::open(format!("{process}/mem")).unwrap();
    let mut copies = 0;
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (range, _) = line.split_once(' ').unwrap();
        let (start, end) = range.split_once('-').unwrap();
        let start = u64::from_str_radix(start, 16).unwrap();
        let end = u64::from_str_radix(end, 16).unwrap();
        let mut region = vec![0; usize::try_from(end - start).unwrap()];
        // What cannot be read is not there yet.
        if memory.read_exact_at(&mut region, start).is_err() {
            continue;
        }
        for page in (0..region.len()).step_by(PAGE.len()) {
            if region[page..page + PAGE.len()] != PAGE {
                let end = region.len().min(page + PAGE.len() + bytes.len() - 1);
                let parts = region[page..end].windows(bytes.len());
                copies += parts.filter(|part| *part == bytes).count();
            }
        }
    }
    copies
}

/// What a custodian leaves that was killed after its first signature.
fn killed() -> Workplace {
    let place = Workplace::with_seed();
    let mut server = Server::start(&shipped!(), &place, &[]);
    server.generate("k1");
    sign(&server).expect_status(200);
    server.kill();
    place
}

fn move_away(place: &Workplace) {
    fs::rename(place.file("audit.jsonl"), place.file("audit.jsonl.1")).unwrap();
}

#[test]
fn no_number_is_given_twice_when_the_log_of_a_killed_custodian_is_moved_before_it_starts() {
    let place = killed();
    move_away(&place);
    let names = place.names();
    let refused = shipped!()
        .serve_in_vain(&place, place.software_flags())
        .expect_status(2);
    let log = place.file("audit.jsonl").display().to_string();
    let sentence = refused.sentence();
    assert!(
        sentence.starts_with(&format!(
            "--audit-log (by default) {log}: it is not there, although"
        )),
        "{sentence}"
    );
    let cure = format!("`plexsphere-signer audit accept-cut --audit-log {log}`");
    assert!(sentence.contains(&cure), "{sentence}");
    assert_eq!(place.names(), names);
    // With the file in its place it goes on, and behind an orderly end the file may go.
    fs::rename(place.file("audit.jsonl.1"), place.file("audit.jsonl")).unwrap();
    let mut server = Server::start(&shipped!(), &place, &[]);
    sign(&server).expect_status(200);
    assert!(server.terminate().success());
    move_away(&place);
    let mut server = Server::start(&shipped!(), &place, &[]);
    sign(&server).expect_status(200);
    assert!(server.terminate().success());
    let verified = audit(&place, &["verify", "audit.jsonl.1", "audit.jsonl"]).expect_status(0);
    assert!(
        verified.text().starts_with("intact: 4 entries, 1 to 4;"),
        "{verified:?}"
    );
}

#[test]
fn a_log_that_a_killed_custodian_wrote_and_that_is_gone_can_be_accepted_as_lost() {
    let place = killed();
    fs::remove_file(place.file("audit.jsonl")).unwrap();
    audit(&place, &["accept-cut", "--audit-log", "audit.jsonl"]).expect_status(0);
    let server = Server::start(&shipped!(), &place, &[]);
    sign(&server).expect_status(200);
    let found = entries(&place);
    assert_eq!(found[0]["op"], "accept_cut", "{found:?}");
    assert_eq!(found[1]["op"], "sign", "{found:?}");
}

#[test]
fn a_custodian_that_is_killed_again_and_again_goes_on_and_may_rotate() {
    let place = killed();
    for round in 0..3 {
        let mut server = Server::start(&shipped!(), &place, &[]);
        sign(&server).expect_status(200);
        if round == 1 {
            move_away(&place);
            server.signal(Signal::HUP);
            eventually("the next file", || {
                place.file("audit.jsonl").exists().then_some(())
            });
            server.wait_for_log("the reopened log", |line| {
                line.contains("audit log reopened")
            });
        }
        server.kill();
    }
    let verified = audit(&place, &["verify", "audit.jsonl.1", "audit.jsonl"]).expect_status(0);
    assert!(
        verified.text().starts_with("intact: 5 entries, 1 to 5;"),
        "{verified:?}"
    );
}

#[test]
fn the_command_that_a_refusal_gives_works_as_it_stands_whatever_the_path() {
    let place = Workplace::with_seed();
    let directory = place.file("it's $my log");
    fs::create_dir(&directory).unwrap();
    let log = directory.join("audit.jsonl");
    let flag = ["--audit-log", log.to_str().unwrap()];
    let mut server = Server::start(&shipped!(), &place, &flag);
    server.generate("k1");
    server.kill();
    fs::remove_file(&log).unwrap();
    let mut flags = place.software_flags();
    flags.extend(flag.map(str::to_owned));
    let refused = shipped!().serve_in_vain(&place, flags).expect_status(2);
    let command = refused.sentence().split('`').nth(1).unwrap().to_owned();
    let arguments = command.strip_prefix("plexsphere-signer ").unwrap();
    let script = format!("exec {} {arguments}", shipped!().path().display());
    let shell = std::process::Command::new("sh")
        .args(["-c", &script])
        .status();
    assert!(shell.unwrap().success(), "{command}");
    Server::start(&shipped!(), &place, &flag);
}
