//! A registry that does not serve.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use rustix::process::{Resource, Rlimit, prlimit};
use signer_test_support::{Server, Workplace, eventually};

use super::contract::expect_problem;
use super::scripted::{self, path, sign};

/// Another program that holds the registry's lock until it is told to let go.
struct Locker(Child);

impl Locker {
    fn lock(place: &Workplace) -> Self {
        let script = "import sqlite3, sys\n\
                      store = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
                      store.execute('BEGIN EXCLUSIVE')\n\
                      print('locked', flush=True)\n\
                      sys.stdin.read()\n";
        let mut python = Command::new("python3");
        let python = python.args(["-c", script]).arg(place.registry());
        let mut child = python
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.as_mut().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        assert_eq!(line, "locked\n");
        Self(child)
    }

    fn let_go(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().unwrap().success());
    }
}

fn generate(server: &Server) -> signer_test_support::Response {
    server.post("/v1/keys", r#"{"scope":"platform","key_id":"new"}"#)
}

fn readiness(server: &Server) -> (u16, serde_json::Value) {
    let answer = server.get("/readyz");
    (answer.status, answer.json()["checks"]["registry"].clone())
}

#[test]
fn a_registry_that_another_program_holds_is_unavailable_until_it_lets_go() {
    let place = Workplace::with_seed();
    let server = scripted::start(&place, &[]);
    for key_id in ["k1", "k2"] {
        server.generate(key_id);
    }
    let retire = || server.post(&format!("{}/retire", path("k2")), "");
    let locker = Locker::lock(&place);
    expect_problem(&generate(&server), "registry_unavailable");
    expect_problem(&retire(), "registry_unavailable");
    assert_eq!(readiness(&server), (503, "failing".into()));
    // What needs no change of the registry goes on.
    sign(&server, "k1").expect_status(200);
    assert_eq!(server.get("/livez").status, 200);
    locker.let_go();
    eventually("a custodian that is ready again", || {
        (readiness(&server) == (200, "ok".into())).then_some(())
    });
    generate(&server).expect_status(201);
    retire().expect_status(200);
}

#[test]
fn a_registry_whose_file_was_replaced_is_unavailable() {
    let place = Workplace::with_seed();
    let server = scripted::start(&place, &[]);
    server.generate("k1");
    let aside = place.file("registry.aside");
    fs::rename(place.registry(), &aside).unwrap();
    fs::copy(&aside, place.registry()).unwrap();
    expect_problem(&generate(&server), "registry_unavailable");
    fs::rename(&aside, place.registry()).unwrap();
    generate(&server).expect_status(201);
}

/// Lets no file of the custodian grow beyond so many bytes, as on a disk without more room.
fn limit_files(server: &Server, bytes: Option<u64>) {
    let limit = Rlimit {
        current: bytes,
        maximum: None,
    };
    prlimit(Some(server.pid()), Resource::Fsize, limit).unwrap();
}

/// Leaves this much room in the log of the registry. What grows beside it is smaller.
fn leave_room(server: &Server, place: &Workplace, bytes: u64) {
    let log = fs::metadata(place.file("registry.db-wal")).unwrap().len();
    limit_files(server, Some(log + bytes));
}

fn wait_for(server: &Server, expected: (u16, &str)) {
    eventually("a readiness that tells of the registry", || {
        let (status, registry) = readiness(server);
        ((status, registry) == (expected.0, expected.1.into())).then_some(())
    });
}

#[test]
fn a_registry_without_room_is_unavailable_before_anybody_asks_and_heals() {
    let place = Workplace::with_seed();
    let server = scripted::start(&place, &[]);
    server.generate("k1");
    leave_room(&server, &place, 0);
    wait_for(&server, (503, "failing"));
    expect_problem(&generate(&server), "registry_unavailable");
    sign(&server, "k1").expect_status(200);
    assert_eq!(server.get("/livez").status, 200);
    limit_files(&server, None);
    wait_for(&server, (200, "ok"));
    generate(&server).expect_status(201);
}

/// The room that a change lacked may do for a smaller one.
#[test]
fn a_registry_with_too_little_room_for_a_change_is_unavailable_and_heals() {
    for pages in [1, 3] {
        let place = Workplace::with_seed();
        let server = scripted::start(&place, &[]);
        server.generate("k1");
        leave_room(&server, &place, pages * 4120);
        expect_problem(&generate(&server), "registry_unavailable");
        wait_for(&server, (503, "failing"));
        expect_problem(&generate(&server), "registry_unavailable");
        limit_files(&server, None);
        wait_for(&server, (200, "ok"));
        generate(&server).expect_status(201);
    }
}
