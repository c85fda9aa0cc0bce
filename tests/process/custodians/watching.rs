//! A custodian whose files are taken away while it serves, and what the next start makes of it.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signer_test_support::{K1, Server, Workplace, eventually, pause, shipped, sign_request};

fn sign(server: &Server) -> u16 {
    let body = sign_request(&[3; 64]);
    server.post("/v1/scopes/platform/sign", &body).status
}

/// What `/readyz` says of a check.
fn check(server: &Server, name: &str) -> String {
    let readiness = server.get("/readyz").json();
    readiness["checks"][name].as_str().unwrap().to_owned()
}

/// Waits for what one look of the probes is kept for.
fn shows(server: &Server, name: &str, wanted: &str) {
    eventually(&format!("{name} {wanted}"), || {
        (check(server, name) == wanted).then_some(())
    });
}

fn remove_log_of_registry(place: &Workplace) {
    for suffix in ["wal", "shm"] {
        fs::remove_file(place.file(&format!("registry.db-{suffix}"))).unwrap();
    }
}

/// Starts in vain, and gives the sentence.
fn refusal(place: &Workplace) -> String {
    let refused = shipped!().serve_in_vain(place, place.software_flags());
    let log = refused.expect_status(2).stderr;
    let sentence = log.lines().find(|line| line.starts_with("error: "));
    sentence.unwrap().to_owned()
}

#[test]
fn whatever_file_of_the_state_is_taken_away_nothing_is_signed_until_it_is_back() {
    let place = Workplace::with_seed();
    let server = Server::start(&shipped!(), &place, &[]);
    server.generate("k1");
    for (name, named) in [
        ("registry.db", "registry"),
        ("registry.db-wal", "registry"),
        ("registry.db-shm", "registry"),
        ("registry.db.lock", "registry"),
        ("audit.jsonl.lock", "audit"),
    ] {
        assert_eq!(sign(&server), 200);
        let (path, aside) = (place.file(name), place.file("aside"));
        fs::rename(&path, &aside).unwrap();
        for replaced in [false, true] {
            if replaced {
                fs::copy(&aside, &path).unwrap();
            }
            // The look that the signature before was released on may serve for two milliseconds.
            pause(Duration::from_millis(5));
            assert_eq!(sign(&server), 503, "{name}");
            shows(&server, named, "failing");
        }
        fs::rename(&aside, &path).unwrap();
        shows(&server, named, "ok");
    }
    assert_eq!(sign(&server), 200);
}

#[test]
fn a_removed_log_of_the_registry_costs_nothing_when_the_custodian_ends_in_order() {
    let place = Workplace::with_seed();
    let mut server = Server::start(&shipped!(), &place, &[]);
    server.generate("k1");
    fs::remove_file(place.file("registry.db-wal")).unwrap();
    let body = r#"{"scope":"platform","key_id":"k2"}"#;
    assert_eq!(server.post("/v1/keys", body).status, 503);
    pause(Duration::from_millis(5));
    assert_eq!(sign(&server), 503);
    shows(&server, "registry", "failing");
    assert!(server.terminate().success());
    let server = Server::start(&shipped!(), &place, &[]);
    server.get(K1).expect_status(200);
    assert_eq!(sign(&server), 200);
}

type Harm = fn(&Workplace);

/// What was there before the newest key, and another registry, are in these directories.
const HARMS: [(&str, Harm); 3] = [
    ("an older backup", |place| {
        let backup = place.file("backup.db");
        fs::copy(backup, place.registry()).unwrap();
    }),
    ("another registry", |place| {
        fs::copy(place.file("another.db"), place.registry()).unwrap();
    }),
    ("the log emptied", |place| {
        fs::File::create(place.file("registry.db-wal")).unwrap();
    }),
];

#[test]
fn a_registry_that_is_written_over_signs_nothing_and_acknowledges_nothing_and_is_left_alone() {
    let other = Workplace::with_seed();
    let mut server = Server::start(&shipped!(), &other, &[]);
    server.generate("k9");
    assert!(server.terminate().success());
    for (what, harm) in HARMS {
        let place = Workplace::with_seed();
        let mut server = Server::start(&shipped!(), &place, &[]);
        server.generate("k1");
        assert!(server.terminate().success());
        fs::copy(place.registry(), place.file("backup.db")).unwrap();
        fs::copy(other.registry(), place.file("another.db")).unwrap();
        let mut server = Server::start(&shipped!(), &place, &[]);
        server.generate("k2").expect_status(201);
        assert_eq!(sign(&server), 200);
        harm(&place);
        let harmed = fs::read(place.registry()).unwrap();
        // The look that the signature before was released on may serve for two milliseconds.
        pause(Duration::from_millis(5));
        assert_eq!(sign(&server), 503, "{what}");
        let k3 = r#"{"scope":"platform","key_id":"k3"}"#;
        for (path, body) in [
            ("/v1/keys", k3),
            (&*format!("{K1}/retire"), ""),
            (&*format!("{K1}/block"), ""),
        ] {
            assert_eq!(server.post(path, body).status, 503, "{what}: {path}");
        }
        assert_eq!(server.get("/v1/keys").status, 503, "{what}");
        shows(&server, "registry", "failing");
        server.wait_for_log(what, |log| {
            log.contains("was overwritten while it was in use")
        });
        assert!(server.terminate().success(), "{what}");
        assert!(fs::read(place.registry()).unwrap() == harmed, "{what}");
        let sentence = refusal(&place);
        assert!(sentence.starts_with("error: --registry "), "{sentence}");
        assert!(sentence.contains("audit log"), "{what}: {sentence}");
    }
}

#[test]
fn no_change_is_acknowledged_once_the_registry_was_written_over_under_load() {
    for round in 0..9 {
        let (what, harm) = HARMS[round % HARMS.len()];
        let place = Workplace::with_seed();
        let mut server = Server::start(&shipped!(), &place, &[]);
        server.generate("k1");
        assert!(server.terminate().success());
        for name in ["backup.db", "another.db"] {
            fs::copy(place.registry(), place.file(name)).unwrap();
        }
        let server = Server::start(&shipped!(), &place, &[]);
        server.generate("k2").expect_status(201);
        let is_over = &AtomicBool::new(false);
        let mut connection = server.connect();
        std::thread::scope(|scope| {
            let changing = scope.spawn(move || {
                for number in 0.. {
                    let was_over = is_over.load(Ordering::Acquire);
                    let act = ["block", "unblock"][number % 2];
                    let path = format!("{K1}/{act}");
                    let status = connection.ask("POST", &path, None).unwrap().status;
                    if was_over {
                        return status;
                    }
                }
                0
            });
            pause(Duration::from_millis(
                20 + 7 * u64::try_from(round).unwrap(),
            ));
            harm(&place);
            is_over.store(true, Ordering::Release);
            assert_eq!(changing.join().unwrap(), 503, "{what}");
        });
        assert_eq!(sign(&server), 503, "{what}");
    }
}

/// Only root can give files away; anybody else shows nothing here.
#[test]
fn lock_files_of_another_user_count_neither_for_the_socket_nor_for_the_registry_nor_for_the_log() {
    let place = Workplace::with_seed();
    fs::set_permissions(place.path(), Permissions::from_mode(0o1777)).unwrap();
    let locks = ["signer.sock.lock", "registry.db.lock", "audit.jsonl.lock"];
    let held = locks.map(|name| {
        let lock = fs::File::create(place.file(name)).unwrap();
        // What an orderly end leaves is empty, and this is no note of a run either.
        (&lock).write_all(b"mine\n").unwrap();
        chown(place.file(name), Some(65534), Some(65534)).unwrap();
        lock.lock().unwrap();
        lock
    });
    let mut server = Server::start(&shipped!(), &place, &[]);
    server.generate("k1");
    assert_eq!(sign(&server), 200);
    let second = place.file("second.sock");
    let mut flags = place.software_flags();
    flags.extend(["--socket".to_owned(), second.display().to_string()]);
    flags.drain(..2);
    let mut other = Server::spawn_at(&shipped!(), &place, &second, flags);
    assert_eq!(other.wait().code(), Some(2));
    let told = other.take_log();
    assert!(told.contains(&server.pid_and_uid()), "{told}");
    let verify = ["audit", "verify", "audit.jsonl"];
    shipped!().run(place.path(), verify).expect_status(0);
    server.kill();
    let mut server = Server::start(&shipped!(), &place, &[]);
    assert_eq!(sign(&server), 200);
    assert!(server.terminate().success());
    shipped!().run(place.path(), verify).expect_status(0);
    for name in locks {
        assert_eq!(fs::read(place.file(name)).unwrap(), b"mine\n", "{name}");
    }
    drop(held);
}

/// Both the log and the custodian go before it can see it.
#[test]
fn what_a_lost_log_of_the_registry_held_is_refused_by_name_at_the_next_start() {
    let open = r#"{"new_key_id":"k2"}"#;
    let retire = format!("{K1}/retire");
    let block = format!("{K1}/block");
    let lost: [(&str, &str, &str); 4] = [
        (
            "/v1/keys",
            r#"{"scope":"platform","key_id":"k2"}"#,
            "tells of key software:platform|k2, which is not in it",
        ),
        (
            "/v1/scopes/platform/rotations",
            open,
            "tells of key software:platform|k2, which is not in it",
        ),
        (
            &block,
            "",
            "key software:platform|k1 was blocked, and in it it may sign",
        ),
        (
            &retire,
            "",
            "key software:platform|k1 was retired, and is not in it",
        ),
    ];
    for (path, body, told) in lost {
        let place = Workplace::with_seed();
        let mut server = Server::start(&shipped!(), &place, &[]);
        server.generate("k1");
        assert!(server.terminate().success());
        let mut server = Server::start(&shipped!(), &place, &[]);
        let status = server.post(path, body).status;
        assert!(matches!(status, 200 | 201), "{path}: {status}");
        remove_log_of_registry(&place);
        server.kill();
        let sentence = refusal(&place);
        assert!(sentence.contains(told), "{path}: {sentence}");
        assert!(sentence.contains("accept-registry"), "{sentence}");
        let registry = format!("sqlite:{}", place.registry().display());
        let line = ["audit", "accept-registry", "--audit-log", "audit.jsonl"];
        let line = line.into_iter().chain(["--registry", &registry]);
        shipped!().run(place.path(), line).expect_status(0);
        let server = Server::start(&shipped!(), &place, &[]);
        assert_eq!(sign(&server), 200);
    }
}
