//! `serve` with real settings: where they come from, what the log says, how it stops.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper that fails is a test that fails"
)]

use std::fs;
use std::io::{BufReader, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::Path;

use signer_test_support::{Finished, Response, Server, Workplace, pause, shipped};

#[test]
fn every_setting_may_come_from_the_environment() {
    let place = Workplace::with_seed();
    let path = |path: &Path| path.display().to_string();
    let program = [
        ("KEY_PROVIDER", "software".to_owned()),
        ("SOFTWARE_SEED_FILE", path(&place.seed_file())),
        ("SOCKET", path(&place.socket())),
        ("SOCKET_MODE", "0660".to_owned()),
        ("REGISTRY", format!("sqlite:{}", path(&place.registry()))),
        ("DEPLOYMENT_PROFILE", "selfhosted-multi".to_owned()),
        ("REQUEST_DEADLINE", "5s".to_owned()),
        ("MAX_IN_FLIGHT", "16".to_owned()),
        ("DRAIN_TIMEOUT", "1s".to_owned()),
        ("LOG_FORMAT", "text".to_owned()),
        ("LOG_LEVEL", "debug".to_owned()),
    ]
    .into_iter()
    .fold(shipped!(), |program, (name, value)| {
        program.with_variable(&format!("PLEXSPHERE_SIGNER_{name}"), &value)
    });
    let none: [&str; 0] = [];
    let server = Server::start_with(&program, &place, none);
    let refused = server.post("/v1/keys", r#"{"scope":"platform","key_id":"k1"}"#);
    assert_eq!(refused.problem_code(), "scope_not_permitted");
}

#[test]
fn the_log_is_json_with_exactly_one_warning_about_the_provider() {
    let place = Workplace::with_seed();
    let mut server = Server::start(&shipped!(), &place, &[]);
    server.generate("k1");
    assert!(server.terminate().success());
    let log = server.take_log();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let warnings = lines.iter().filter(|line| line["level"] == "WARN");
    let warnings: Vec<String> = warnings.map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("dev-only"), "{warnings:?}");
    assert_eq!(log.matches("dev-only").count(), 1);
}

#[test]
fn going_unverified_is_a_warning_of_its_own() {
    let place = Workplace::with_seed();
    let mut server = Server::start(&shipped!(), &place, &["--no-verify-after-sign"]);
    server.generate("k1");
    server
        .cli(&["sign", "--scope", "platform", "/dev/null"])
        .expect_status(0);
    assert!(server.terminate().success());
    assert!(
        server
            .take_log()
            .contains("signatures leave without being verified")
    );
}

#[test]
fn a_stop_ends_with_status_0_and_leaves_no_socket() {
    let place = Workplace::with_seed();
    let mut server = Server::start(&shipped!(), &place, &[]);
    assert!(place.socket().exists());
    assert!(server.terminate().success());
    assert!(!place.socket().exists());
    assert!(place.registry().exists());
}

#[test]
fn a_second_custodian_is_refused_and_the_first_one_serves_on() {
    let place = Workplace::with_seed();
    let server = Server::start(&shipped!(), &place, &[]);
    let second = shipped!().serve_in_vain(&place, place.software_flags());
    assert_ne!(second.status, Some(0));
    assert!(second.sentence().starts_with("--socket "), "{second:?}");
    server.generate("k1");
}

/// Where a custodian served once and kept no audit log, without the lock files that it left.
fn place_with_a_registry() -> Workplace {
    let place = Workplace::with_seed();
    let mut server = Server::start(&shipped!(), &place, &["--audit-log", "none"]);
    server.generate("k1");
    assert!(server.terminate().success());
    for lock in ["registry.db.lock", "signer.sock.lock"] {
        fs::remove_file(place.file(lock)).unwrap();
    }
    assert_eq!(place.names(), ["registry.db", "seed.bin"]);
    place
}

/// Runs a custodian with the settings of `place` and the flag `flag` pointed elsewhere.
fn refused_with(place: &Workplace, flag: &str, value: &str) -> Finished {
    let mut flags = place.software_flags();
    let at = flags.iter().position(|word| word == flag).unwrap();
    value.clone_into(&mut flags[at + 1]);
    shipped!().serve_in_vain(place, flags).expect_status(2)
}

#[test]
fn a_custodian_that_shares_only_the_socket_is_refused_and_creates_nothing() {
    let first = Workplace::with_seed();
    let server = Server::start(&shipped!(), &first, &[]);
    let socket = first.socket().display().to_string();
    for second in [place_with_a_registry(), Workplace::with_seed()] {
        let before = (first.names(), second.names());
        let refused = refused_with(&second, "--socket", &socket);
        let expected = format!("--socket {socket}: ");
        assert!(refused.sentence().starts_with(&expected), "{refused:?}");
        assert_eq!((first.names(), second.names()), before);
    }
    server.generate("k1");
}

#[test]
fn a_custodian_that_shares_only_the_registry_is_refused_and_creates_nothing() {
    let first = Workplace::with_seed();
    let server = Server::start(&shipped!(), &first, &[]);
    let second = Workplace::with_seed();
    let before = (first.names(), second.names());
    let registry = format!("sqlite:{}", first.registry().display());
    let refused = refused_with(&second, "--registry", &registry);
    assert_eq!(
        refused.sentence(),
        format!(
            "--registry {registry}: in use by another live process ({}); stop that process, or \
             name another file",
            server.pid_and_uid()
        )
    );
    assert_eq!((first.names(), second.names()), before);
    server.generate("k1");
}

/// An empty log is no trace of a registry, so the registry is made last, as where there is none.
#[test]
fn a_refused_start_makes_no_registry_beside_an_empty_log_of_one() {
    for log in ["registry.db-wal", "registry.db-journal"] {
        let place = Workplace::with_seed();
        fs::write(place.file(log), "").unwrap();
        let open = place.file("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        let before = place.names();
        let socket = open.join("signer.sock").display().to_string();
        let refused = refused_with(&place, "--socket", &socket);
        let sentence = refused.sentence();
        assert!(sentence.contains("is writable by everyone"), "{sentence}");
        assert_eq!(place.names(), before);
        Server::start(&shipped!(), &place, &[]).generate("k1");
    }
}

#[test]
fn a_registry_that_is_gone_but_for_an_empty_log_is_missed_and_none_is_made() {
    let place = Workplace::with_seed();
    let mut server = Server::start(&shipped!(), &place, &[]);
    server.generate("k1");
    assert!(server.terminate().success());
    fs::remove_file(place.registry()).unwrap();
    fs::write(place.file("registry.db-wal"), "").unwrap();
    let before = place.names();
    let socket = place.socket().display().to_string();
    let refused = refused_with(&place, "--socket", &socket);
    let sentence = refused.sentence();
    assert!(
        sentence.contains(": there is no registry, while"),
        "{sentence}"
    );
    assert_eq!(place.names(), before);
}

#[test]
fn a_registry_that_others_may_change_is_refused_before_anything_is_created() {
    let place = place_with_a_registry();
    let chmod = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let registry = format!("sqlite:{}", place.registry().display());
    chmod(&place.registry(), 0o666);
    let before = place.names();
    let refused = refused_with(&place, "--registry", &registry);
    let sentence = refused.sentence();
    assert!(sentence.contains("other users can write"), "{sentence}");
    assert_eq!(place.names(), before);

    let place = Workplace::with_seed();
    let open = place.file("open");
    fs::create_dir(&open).unwrap();
    chmod(&open, 0o777);
    let before = place.names();
    let registry = format!("sqlite:{}", open.join("registry.db").display());
    let refused = refused_with(&place, "--registry", &registry);
    let sentence = refused.sentence();
    assert!(sentence.contains("is writable by everyone"), "{sentence}");
    assert_eq!(place.names(), before);
}

#[test]
fn a_damaged_registry_is_refused_before_there_is_a_socket() {
    let place = place_with_a_registry();
    let file = fs::OpenOptions::new()
        .write(true)
        .open(place.registry())
        .unwrap();
    let damage = [0xa5; 64];
    let length = file.metadata().unwrap().len();
    for page in (4096..length).step_by(4096) {
        file.write_all_at(&damage, page).unwrap();
    }
    let refused = refused_with(&place, "--socket", &place.socket().display().to_string());
    assert!(refused.sentence().contains("damaged"), "{refused:?}");
    let names = place.names();
    let of_the_socket = |name: &&String| name.starts_with("signer.sock");
    assert_eq!(names.iter().find(of_the_socket), None);
}

#[test]
fn the_health_listener_answers_probes_and_metrics_over_tcp_and_nothing_else() {
    let place = Workplace::with_seed();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let flag = address.to_string();
    let _server = Server::start(&shipped!(), &place, &["--health-listen", &flag]);
    let ask = |path: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        Response::read(&mut BufReader::new(stream)).unwrap()
    };
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(ask(path).status, 200, "{path}");
    }
    assert_eq!(ask("/v1/keys").status, 404);
}

#[test]
fn the_process_is_hardened() {
    let place = Workplace::with_seed();
    let server = Server::start(&shipped!(), &place, &[]);
    let pid = server.pid().as_raw_nonzero();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.strip_prefix(name)
            .unwrap()
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(field(&status, "NoNewPrivs:"), ["1"]);
    assert_eq!(field(&status, "Umask:"), ["0077"]);
    assert_eq!(field(&limits, "Max core file size"), ["0", "0", "bytes"]);
    let files = field(&limits, "Max open files");
    assert_eq!(files[0], files[1], "the soft limit is the hard one");
}

#[test]
fn a_stop_during_the_start_leaves_a_place_where_the_next_one_starts() {
    let place = Workplace::with_seed();
    for milliseconds in [0, 2, 5, 10, 20, 40] {
        let flags = place.software_flags();
        let mut early = Server::spawn(&shipped!(), &place, flags);
        pause(std::time::Duration::from_millis(milliseconds));
        early.terminate();
    }
    Server::start(&shipped!(), &place, &[]).generate("k1");
}
