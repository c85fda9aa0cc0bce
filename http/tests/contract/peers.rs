//! Who may connect.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;

use signer_domain::ports::{AuditEntry, AuditOutcome};

use crate::support::{Mood, TestServer, handle, sign_body, sign_path};

/// Runs `curl` as the user `uid`, over the socket of `server`.
fn curl_as(uid: u32, server: &TestServer, arguments: &[&str]) -> String {
    let output = Command::new("setpriv")
        .arg(format!("--reuid={uid}"))
        .args([
            "--clear-groups",
            "curl",
            "--silent",
            "--show-error",
            "--max-time",
            "10",
        ])
        .args(["--write-out", " %{http_code}", "--unix-socket"])
        .arg(&server.path)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A server that anybody can reach. Another user can only be played by root, so run by anybody else
/// this panics, as a test that cannot show its point has to.
fn server_for_everybody() -> TestServer {
    assert!(
        rustix::process::geteuid().is_root(),
        "run the tests as root: only root can play another user"
    );
    let server = TestServer::start();
    let everybody = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(server.dir.path(), everybody).unwrap();
    server
}

#[test]
fn another_user_is_denied_alike_for_keys_that_exist_and_that_do_not() {
    let server = server_for_everybody();
    for target in [sign_path("k1"), sign_path("unknown"), "/nowhere".to_owned()] {
        let url = format!("http://signer{target}");
        let json = "Content-Type: application/json";
        let body = sign_body();
        let answer = curl_as(65534, &server, &["-H", json, "-d", &body, &url]);
        assert!(answer.ends_with(" 403"), "{answer}");
        assert!(
            answer.contains("\"signing: peer identity denied\""),
            "{answer}"
        );
    }
    for target in ["/metrics", "/openapi.json", "/v1/keys"] {
        let answer = curl_as(65534, &server, &[&format!("http://signer{target}")]);
        assert!(answer.ends_with(" 403"), "{answer}");
    }
    assert_eq!(server.custody.signs.load(Ordering::Relaxed), 0);
}

#[test]
fn another_user_is_denied_before_the_body_is_read() {
    let server = server_for_everybody();
    // The announced body never comes; had the server waited for it, curl would have given up.
    let announced = "Content-Length: 1000";
    let url = format!("http://signer{}", sign_path("k1"));
    let json = "Content-Type: application/json";
    let arguments = ["-X", "POST", "-H", announced, "-H", json, &url];
    let answer = curl_as(65534, &server, &arguments);
    assert!(answer.ends_with(" 403"), "{answer}");
}

#[test]
fn a_denial_is_recorded_with_what_was_asked_and_by_whom() {
    let server = server_for_everybody();
    let check = |entry: AuditEntry| {
        assert_eq!((entry.op, entry.http_status), ("sign", 403));
        assert_eq!(
            (entry.outcome, entry.code),
            (AuditOutcome::Denied, Some("denied"))
        );
        assert_eq!(entry.key.handle_id, Some(handle("k1")));
        assert_eq!((entry.digest, entry.signature), (None, None));
        let peer = entry.peer.unwrap();
        assert_eq!(peer.uid, 65534);
        assert_ne!(peer.pid, 0);
    };
    let url = format!("http://signer{}", sign_path("k1"));
    let arguments = [
        "-H",
        "Content-Type: application/json",
        "-d",
        &sign_body(),
        &url,
    ];
    for mood in [Mood::Kept, Mood::Refusing, Mood::Failing, Mood::Panicking] {
        server.audit.set(mood);
        let answer = curl_as(65534, &server, &arguments);
        assert!(answer.ends_with(" 403"), "{mood:?}: {answer}");
        assert!(
            answer.contains("\"signing: peer identity denied\""),
            "{answer}"
        );
        check(server.audit.take_one());
    }
}

#[test]
fn the_probes_are_open_to_every_user() {
    let server = server_for_everybody();
    for target in ["/livez", "/readyz"] {
        let answer = curl_as(65534, &server, &[&format!("http://signer{target}")]);
        assert!(answer.ends_with(" 200"), "{answer}");
    }
}

#[test]
fn the_user_that_runs_the_process_is_admitted() {
    let server = TestServer::start();
    assert_eq!(
        server.client().post(&sign_path("k1"), &sign_body()).status,
        200
    );
}
