//! The client commands against a custodian that runs.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use signer_test_support::{K1_HANDLE, Server, Workplace, shipped};

const GENERATE_K1: [&str; 6] = ["keys", "generate", "--scope", "platform", "--key-id", "k1"];

/// A custodian with the key `k1`, which is the current one of the platform.
fn start(place: &Workplace) -> Server {
    let server = Server::start(&shipped!(), place, &[]);
    server.cli(&GENERATE_K1).expect_status(0);
    server
}

#[test]
fn generate_shows_the_key_and_shows_it_again() {
    let place = Workplace::with_seed();
    let server = start(&place);
    let again = server.cli(&GENERATE_K1).expect_status(0);
    let lines: Vec<&str> = again.text().lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with("HANDLE "));
    assert!(
        lines[1].starts_with("software:platform|k1  active  yes"),
        "{}",
        lines[1]
    );
    let document = server
        .cli(&[&GENERATE_K1[..], &["-o", "json"]].concat())
        .json();
    assert_eq!(document, server.get(signer_test_support::K1).json());
}

#[test]
fn list_filters_and_goes_through_all_pages() {
    let place = Workplace::with_seed();
    let server = start(&place);
    let mut connection = server.connect();
    for number in 2..=1005 {
        let document = format!(r#"{{"scope":"platform","key_id":"k{number}"}}"#);
        let answer = connection.ask("POST", "/v1/keys", Some(&document)).unwrap();
        assert_eq!(answer.status, 201);
    }
    server
        .cli(&["keys", "retire", "software:platform|k7"])
        .expect_status(0);

    let all = server
        .cli(&["keys", "list", "-o", "json"])
        .expect_status(0)
        .json();
    assert_eq!(all["keys"].as_array().unwrap().len(), 1005);
    assert!(all["next_cursor"].is_null());
    let retired = [
        "keys", "list", "--scope", "platform", "--state", "retired", "-o", "json",
    ];
    let retired = server.cli(&retired).expect_status(0).json();
    assert_eq!(retired["keys"][0]["handle_id"], "software:platform|k7");
    assert_eq!(retired["keys"].as_array().unwrap().len(), 1);
    let none = "domain:6f9619ff-8b86-4011-b42d-00cf4fc964ff";
    let none = server
        .cli(&["keys", "list", "--scope", none])
        .expect_status(0);
    assert_eq!(none.text().lines().count(), 1, "the head alone");
}

#[test]
fn public_keys_come_in_the_form_of_each_tool() {
    let place = Workplace::with_seed();
    let server = start(&place);
    let print = |form: &str| {
        server
            .cli(&["keys", "public-key", K1_HANDLE, "--format", form])
            .expect_status(0)
            .stdout
    };
    let raw = print("raw");
    assert_eq!(raw.len(), 32);

    fs::write(place.file("key.pem"), print("pem")).unwrap();
    let der = Command::new("openssl")
        .args(["pkey", "-pubin", "-in", "key.pem", "-outform", "DER"])
        .current_dir(place.path())
        .output()
        .unwrap();
    assert!(der.status.success(), "{der:?}");
    assert!(der.stdout.ends_with(&raw));

    let jwk: serde_json::Value = serde_json::from_slice(&print("jwk")).unwrap();
    assert_eq!(
        (&jwk["kty"], &jwk["crv"]),
        (&"OKP".into(), &"Ed25519".into())
    );
    assert_eq!(jwk["kid"], K1_HANDLE);

    let line = String::from_utf8(print("openssh")).unwrap();
    assert!(
        line.starts_with("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"),
        "{line}"
    );
    assert!(line.ends_with(" k1\n"), "{line}");
}

#[test]
fn sign_hashes_here_and_verify_agrees() {
    let place = Workplace::with_seed();
    let server = start(&place);
    fs::write(place.file("message.txt"), "sign me").unwrap();
    let pem = server
        .cli(&["keys", "public-key", K1_HANDLE])
        .expect_status(0);
    fs::write(place.file("key.pem"), pem.stdout).unwrap();

    let by_scope = server
        .cli(&["sign", "--scope", "platform", "message.txt"])
        .expect_status(0);
    let by_handle = server
        .cli(&["sign", "--handle", K1_HANDLE, "message.txt"])
        .expect_status(0);
    let from_input = server
        .client()
        .run_with_input(
            place.path(),
            ["sign", "--scope", "platform", "-"],
            b"sign me",
        )
        .expect_status(0);
    assert_eq!(by_scope.stdout, by_handle.stdout);
    assert_eq!(by_scope.stdout, from_input.stdout);
    assert_eq!(by_scope.stderr, "");

    let signature = by_scope.text().strip_suffix('\n').unwrap();
    assert_eq!(signature.len(), 88);
    let line = [
        "verify",
        "--public-key",
        "key.pem",
        "--signature",
        signature,
        "message.txt",
    ];
    server.cli(&line).expect_status(0);

    let document = ["sign", "--scope", "platform", "message.txt", "-o", "json"];
    let document = server.cli(&document).expect_status(0).json();
    assert_eq!(document["signature"], signature);
    assert_eq!(document["handle_id"], K1_HANDLE);
}

#[test]
fn a_blocked_key_signs_for_nobody_until_it_is_unblocked_also_after_a_restart() {
    let place = Workplace::with_seed();
    let mut server = start(&place);
    let sign = ["sign", "--scope", "platform", "/dev/null"];
    server.cli(&sign).expect_status(0);
    let blocked = server.cli(&["keys", "block", K1_HANDLE]).expect_status(0);
    assert!(blocked.text().contains("active (blocked)"));
    let refused = server.cli(&sign).expect_status(4);
    assert!(refused.sentence().contains("signing: key blocked"));
    assert!(server.terminate().success());
    let server = Server::start(&shipped!(), &place, &[]);
    server.cli(&sign).expect_status(4);
    let released = ["keys", "release-quarantine", K1_HANDLE];
    server.cli(&released).expect_status(0);
    server.cli(&["keys", "unblock", K1_HANDLE]).expect_status(0);
    server.cli(&sign).expect_status(0);
    let record = fs::read_to_string(place.file("audit.jsonl")).unwrap();
    for op in ["block", "unblock", "release_quarantine"] {
        assert!(record.contains(&format!(r#""op":"{op}""#)), "{op}");
    }
}

#[test]
fn the_exit_status_tells_what_stands_in_the_way() {
    let place = Workplace::with_seed();
    let server = start(&place);
    let missing = "software:platform|none";
    server.cli(&["keys", "retire", K1_HANDLE]).expect_status(0);
    server.cli(&["keys", "retire", K1_HANDLE]).expect_status(0);
    for (line, status, detail) in [
        (&["keys", "show", missing][..], 3, "signing: key not found"),
        (&["keys", "retire", missing], 3, "signing: key not found"),
        (
            &["keys", "public-key", missing],
            3,
            "signing: key not found",
        ),
        (
            &["sign", "--handle", missing, "/dev/null"],
            3,
            "signing: key not found",
        ),
        (
            &["sign", "--handle", K1_HANDLE, "/dev/null"],
            8,
            "signing: key retired",
        ),
        (
            &["sign", "--scope", "platform", "/dev/null"],
            8,
            "signing: key retired",
        ),
        (&GENERATE_K1, 8, "signing: key retired"),
    ] {
        let finished = server.cli(line).expect_status(status);
        assert_eq!(finished.text(), "", "{line:?}");
        let sentence = finished.sentence();
        assert!(
            sentence.starts_with(&format!("{detail} (request ")),
            "{line:?}: {sentence}"
        );
    }
    let public = server
        .cli(&["keys", "public-key", K1_HANDLE])
        .expect_status(0);
    assert!(public.text().starts_with("-----BEGIN PUBLIC KEY-----"));
}

#[test]
fn a_scope_that_the_profile_does_not_serve_is_invalid_input() {
    let place = Workplace::with_seed();
    let server = Server::start(&shipped!(), &place, &["--deployment-profile", "saas"]);
    let finished = server.cli(&GENERATE_K1).expect_status(2);
    let sentence = finished.sentence();
    assert!(
        sentence.starts_with(
            "signing scope \"platform\" not permitted in profile \"saas\": \
             SaaS deployments require per-Domain keys (request "
        ),
        "{sentence}"
    );
}

#[test]
fn probes_end_with_0_or_1_and_nothing_else() {
    let place = Workplace::with_seed();
    let mut server = start(&place);
    assert_eq!(
        server.cli(&["probe", "livez"]).expect_status(0).text(),
        "ok\n"
    );
    let ready = server
        .cli(&["probe", "readyz", "-o", "json"])
        .expect_status(0)
        .json();
    assert_eq!(ready["checks"]["providers"]["software"], "ready");
    assert!(server.terminate().success());
    server.cli(&["probe", "livez"]).expect_status(1);
    server.cli(&["probe", "readyz"]).expect_status(1);
}

#[test]
fn nobody_at_the_socket_is_exit_status_6_with_the_cure() {
    let place = Workplace::empty();
    let socket: PathBuf = place.socket();
    let line = ["keys", "list", "--socket", socket.to_str().unwrap()];
    let finished = shipped!().run(place.path(), line).expect_status(6);
    assert!(
        finished
            .sentence()
            .contains("name its socket with --socket"),
        "{finished:?}"
    );
}

#[test]
fn the_socket_comes_from_the_flag_and_else_from_the_environment() {
    let place = Workplace::with_seed();
    let server = start(&place);
    let socket = server.socket().to_str().unwrap();
    let lost = shipped!().with_variable("PLEXSPHERE_SIGNER_SOCKET", "/nowhere/signer.sock");
    lost.run(place.path(), ["keys", "list"]).expect_status(6);
    lost.run(place.path(), ["keys", "list", "--socket", socket])
        .expect_status(0);
    lost.run(place.path(), ["--socket", socket, "keys", "list"])
        .expect_status(0);
}

#[test]
fn a_provider_that_is_not_configured_is_told_with_those_that_are() {
    let place = Workplace::with_seed();
    let server = start(&place);
    let rotate = [
        "rotations",
        "open",
        "--scope",
        "platform",
        "--new-key-id",
        "k2",
    ];
    for line in [&GENERATE_K1[..], &rotate] {
        let line = [line, &["--provider", "pkcs11"]].concat();
        let refused = server.cli(&line).expect_status(3);
        assert_eq!(
            refused.sentence(),
            "--provider pkcs11: not configured at this custodian, which has software; name one it \
             has, or leave the flag out"
        );
    }
    // What else is not found is told as it is.
    let elsewhere = "domain:6f1c3c1e-58a5-4b07-9f0e-1c6f0a9d2b11";
    let rotate = [
        "rotations",
        "open",
        "--scope",
        elsewhere,
        "--new-key-id",
        "k2",
    ];
    let line = [&rotate[..], &["--provider", "software"]].concat();
    let refused = server.cli(&line).expect_status(3);
    let sentence = refused.sentence();
    assert!(sentence.starts_with("signing: key not found"), "{sentence}");
}
