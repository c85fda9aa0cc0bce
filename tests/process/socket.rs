//! Whose place at the socket path a custodian takes, whose it leaves alone, and whom it lets in.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper that fails is a test that fails"
)]

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use signer_test_support::{
    Connection, Finished, K1, STRANGER, Server, Workplace, eventually, shipped, sign_request,
};

fn start(place: &Workplace, flags: &[&str]) -> Server {
    Server::start(&shipped!(), place, flags)
}

/// Runs a custodian that is expected to end by itself, and gives what it said.
fn start_in_vain(place: &Workplace) -> Finished {
    shipped!().serve_in_vain(place, place.software_flags())
}

fn sign_k1(server: &Server) -> u16 {
    let body = sign_request(&[3; 64]);
    server.post(&format!("{K1}/sign"), &body).status
}

/// All that can be seen of what stands at a path.
fn look_at(path: &Path) -> (u32, u64, u64, u64, i64, i64, Option<Vec<u8>>) {
    let found = fs::symlink_metadata(path).unwrap();
    let content = found.is_file().then(|| fs::read(path).unwrap());
    (
        found.mode(),
        found.dev(),
        found.ino(),
        found.len(),
        found.mtime(),
        found.mtime_nsec(),
        content,
    )
}

/// The niceness and the scheduling policy of each thread of a process (`proc_pid_stat(5)`, fields 19 and 41).
fn scheduling(server: &Server) -> Vec<(i32, u32)> {
    let tasks = format!("/proc/{}/task", server.pid().as_raw_nonzero());
    let of_task = |task: fs::DirEntry| {
        let stat = fs::read_to_string(task.path().join("stat")).unwrap();
        let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split(' ').collect();
        (fields[17].parse().unwrap(), fields[39].parse().unwrap())
    };
    fs::read_dir(tasks)
        .unwrap()
        .map(|task| of_task(task.unwrap()))
        .collect()
}

#[test]
fn a_thread_for_connections_on_each_core_takes_no_core_from_others_and_keeps_its_niceness() {
    const BATCH: u32 = 3;
    let place = Workplace::with_seed();
    let server = start(&place, &[]);
    let scheduling = scheduling(&server);
    let cores = std::thread::available_parallelism().unwrap().get();
    let of_batch = |(_, policy): &&(i32, u32)| *policy == BATCH;
    assert_eq!(
        scheduling.iter().filter(of_batch).count(),
        cores,
        "{scheduling:?}"
    );
    assert!(
        scheduling.iter().all(|(niceness, _)| *niceness == 0),
        "{scheduling:?}"
    );
}

#[test]
fn a_live_socket_is_left_alone_and_its_custodian_serves_on() {
    let place = Workplace::with_seed();
    let server = start(&place, &[]);
    server.generate("k1");
    let mut kept = server.connect();
    let before = look_at(&place.socket());
    // With the registry of the first one, and with one of its own.
    let other = Workplace::with_seed();
    let elsewhere: Vec<String> = ["--socket", &place.socket().display().to_string()]
        .map(str::to_owned)
        .into_iter()
        .chain(other.software_flags().into_iter().skip(2))
        .collect();
    for flags in [place.software_flags(), elsewhere] {
        let mut second = Server::spawn(&shipped!(), &place, flags);
        assert_eq!(second.wait().code(), Some(2));
        let said = second.take_log();
        let cure = "; stop it or choose another path\n";
        assert!(said.starts_with("error: --socket "), "{said}");
        assert!(said.ends_with(cure) && said.lines().count() == 1, "{said}");
        assert_eq!(look_at(&place.socket()), before);
        assert_eq!(sign_k1(&server), 200);
    }
    assert_eq!(kept.ask("GET", "/readyz", None).unwrap().status, 200);
    assert!(!other.registry().exists(), "nothing was created");
}

#[test]
fn a_live_socket_of_another_program_is_left_alone() {
    let place = Workplace::with_seed();
    let _foreign = UnixListener::bind(place.socket()).unwrap();
    let before = look_at(&place.socket());
    let refused = start_in_vain(&place).expect_status(2);
    assert!(refused.sentence().contains("another process is listening"));
    assert_eq!(look_at(&place.socket()), before);
    assert_eq!(place.names(), ["seed.bin", "signer.sock"]);
}

/// Puts something at a path.
type Occupy = fn(&Path);

#[test]
fn what_is_not_a_socket_is_refused_and_left_untouched() {
    let occupants: [(&str, Occupy); 5] = [
        ("regular file", make_file),
        ("directory", make_directory),
        ("symbolic link", make_link),
        ("symbolic link", make_dangling_link),
        ("FIFO", make_fifo),
    ];
    for (what, make) in occupants {
        let place = Workplace::with_seed();
        make(&place.socket());
        let before = look_at(&place.socket());
        let names = place.names();
        let refused = start_in_vain(&place).expect_status(2);
        let expected = format!(
            "--socket {}: there is a {what}, not a socket; move it away or choose another path",
            place.socket().display()
        );
        assert_eq!(refused.sentence(), expected);
        assert_eq!(look_at(&place.socket()), before, "{what}");
        assert_eq!(
            place.names(),
            names,
            "nothing was created beside the {what}"
        );
        let target = place.file("target");
        if target.exists() {
            assert_eq!(fs::read(target).unwrap(), b"precious");
        }
    }
}

fn make_file(path: &Path) {
    fs::write(path, "precious").unwrap();
}

fn make_directory(path: &Path) {
    fs::create_dir(path).unwrap();
    fs::write(path.join("inside"), "precious").unwrap();
}

fn make_link(path: &Path) {
    let target = path.with_file_name("target");
    fs::write(&target, "precious").unwrap();
    std::os::unix::fs::symlink(target, path).unwrap();
}

fn make_dangling_link(path: &Path) {
    std::os::unix::fs::symlink(path.with_file_name("nowhere"), path).unwrap();
}

fn make_fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

#[test]
fn a_symbolic_link_to_a_live_socket_is_refused_as_well() {
    let place = Workplace::with_seed();
    let real = place.file("real.sock");
    let _foreign = UnixListener::bind(&real).unwrap();
    std::os::unix::fs::symlink(&real, place.socket()).unwrap();
    let refused = start_in_vain(&place).expect_status(2);
    assert!(refused.sentence().contains("there is a symbolic link"));
    assert!(real.exists() && place.socket().is_symlink());
}

#[test]
fn a_stale_socket_is_replaced() {
    let place = Workplace::with_seed();
    let mut killed = start(&place, &[]);
    killed.generate("k1");
    killed.kill();
    let stale = look_at(&place.socket());
    let server = start(&place, &[]);
    assert_ne!(look_at(&place.socket()), stale);
    assert_eq!(sign_k1(&server), 200);
}

#[test]
fn a_stale_socket_of_another_program_is_replaced() {
    let place = Workplace::with_seed();
    drop(UnixListener::bind(place.socket()).unwrap());
    assert!(place.socket().exists());
    start(&place, &[]).generate("k1");
}

#[test]
fn the_socket_has_the_mode_that_was_asked_for() {
    for (flags, mode) in [
        (&[][..], 0o600),
        (&["--socket-mode", "0660"], 0o660),
        (&["--socket-mode", "0666"], 0o666),
    ] {
        let place = Workplace::with_seed();
        let _server = start(&place, flags);
        let found = fs::symlink_metadata(place.socket()).unwrap();
        assert!(found.file_type().is_socket());
        assert_eq!(found.permissions().mode() & 0o7777, mode);
    }
}

#[test]
fn another_user_is_denied_everything_but_the_probes() {
    let place = Workplace::with_seed();
    place.open_to_everyone();
    let server = start(&place, &["--socket-mode", "0666"]);
    server.generate("k1");
    for path in ["/livez", "/readyz"] {
        assert_eq!(server.ask_as(STRANGER, "GET", path, None).status, 200);
    }
    let (sign, body) = (format!("{K1}/sign"), sign_request(&[3; 64]));
    let (retire, public_key) = (format!("{K1}/retire"), format!("{K1}/public-key"));
    let batch = format!(r#"{{"items":[{{"scope":"platform",{}]}}"#, &body[1..]);
    let generate = r#"{"scope":"platform","key_id":"k2"}"#;
    for (method, path, json) in [
        ("POST", "/v1/keys", Some(generate)),
        ("GET", "/v1/keys", None),
        ("GET", K1, None),
        ("GET", public_key.as_str(), None),
        ("POST", sign.as_str(), Some(body.as_str())),
        ("POST", retire.as_str(), None),
        ("POST", "/v1/scopes/platform/sign", Some(body.as_str())),
        ("POST", "/v1/sign", Some(batch.as_str())),
        ("GET", "/metrics", None),
        ("GET", "/openapi.json", None),
        ("GET", "/nowhere", None),
        ("POST", "/livez", None),
    ] {
        let answer = server.ask_as(STRANGER, method, path, json);
        assert_eq!(answer.status, 403, "{method} {path}");
        assert_eq!(answer.problem_code(), "denied", "{method} {path}");
    }
    assert_eq!(server.metric("signatures_total"), 0);
    let keys = server.get("/v1/keys").json();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
    assert_eq!(keys["keys"][0]["state"], "active");
}

#[test]
fn another_user_does_not_even_connect_to_a_socket_of_the_usual_mode() {
    let place = Workplace::with_seed();
    place.open_to_everyone();
    let server = start(&place, &[]);
    assert!(server.try_ask_as(STRANGER, "GET", "/livez", None).is_none());
    assert!(server.try_ask_as(0, "GET", "/livez", None).is_some());
}

/// The readiness check of the socket, asked on a connection that is open already.
fn socket_check(connection: &mut Connection) -> (u16, serde_json::Value) {
    let answer = connection.ask("GET", "/readyz", None).unwrap();
    let document = answer.json();
    assert_eq!(document["status"] == "ready", answer.status == 200);
    (answer.status, document["checks"]["socket"].clone())
}

/// Takes the socket away from a running custodian and makes sure that it says so.
fn lose_the_socket(take_away: impl FnOnce(&Path)) -> (Workplace, Server) {
    let place = Workplace::with_seed();
    let server = start(&place, &[]);
    server.generate("k1");
    let mut kept = server.connect();
    assert_eq!(socket_check(&mut kept), (200, "ok".into()));
    take_away(&place.socket());
    let started = Instant::now();
    eventually("a custodian that misses its socket", || {
        (socket_check(&mut kept) == (503, "failing".into())).then_some(())
    });
    assert!(started.elapsed() < Duration::from_secs(10));
    // It still serves whoever had found it before.
    assert_eq!(kept.ask("GET", K1, None).unwrap().status, 200);
    assert_eq!(kept.ask("GET", "/livez", None).unwrap().status, 200);
    (place, server)
}

#[test]
fn a_socket_that_is_deleted_makes_the_custodian_unready_and_it_stops_in_order() {
    let (place, mut server) = lose_the_socket(|path| fs::remove_file(path).unwrap());
    assert!(server.terminate().success());
    assert!(!place.socket().exists());
}

#[test]
fn a_socket_that_is_replaced_makes_the_custodian_unready_and_is_not_removed_at_the_end() {
    let mut foreign = None;
    let (place, mut server) = lose_the_socket(|path| {
        fs::remove_file(path).unwrap();
        foreign = Some(UnixListener::bind(path).unwrap());
    });
    let before = look_at(&place.socket());
    assert!(server.terminate().success());
    assert_eq!(look_at(&place.socket()), before);
    Connection::open(&place.socket()).unwrap();
}

#[test]
fn a_file_in_the_place_of_the_socket_is_not_removed_at_the_end() {
    let (place, mut server) = lose_the_socket(|path| {
        fs::write(path.with_file_name("aside"), "precious").unwrap();
        fs::rename(path.with_file_name("aside"), path).unwrap();
    });
    assert!(server.terminate().success());
    assert_eq!(fs::read(place.socket()).unwrap(), b"precious");
}

#[test]
fn a_socket_that_comes_back_makes_the_custodian_ready_again() {
    let (place, server) =
        lose_the_socket(|path| fs::rename(path, path.with_file_name("aside")).unwrap());
    fs::rename(place.file("aside"), place.socket()).unwrap();
    let mut connection = server.connect();
    assert_eq!(socket_check(&mut connection), (200, "ok".into()));
}

#[test]
fn the_own_socket_is_removed_at_the_end_and_nothing_else() {
    let place = Workplace::with_seed();
    let mut server = start(&place, &[]);
    let names = place.names();
    assert!(server.terminate().success());
    let mut left = place.names();
    left.push("signer.sock".to_owned());
    left.sort();
    // What SQLite keeps while the registry is open goes with it.
    let lasting = |name: &&String| !name.ends_with("-wal") && !name.ends_with("-shm");
    assert_eq!(
        left,
        names.iter().filter(lasting).cloned().collect::<Vec<_>>()
    );
}
