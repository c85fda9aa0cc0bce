//! What a custodian still knows and still refuses after it was started again.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper that fails is a test that fails"
)]

use std::fs;
use std::process::Command;

use serde_json::Value;
use signer_test_support::{Response, Server, Workplace, path_of, shipped, sign_request};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

const DOMAIN: &str = "domain:6f9619ff-8b86-4011-b42d-00cf4fc964ff";
const DIGEST: [u8; 64] = [0xa5; 64];

fn start(place: &Workplace) -> Server {
    Server::start(&shipped!(), place, &[])
}

/// How a custodian ends before the next one takes over its registry.
#[derive(Debug, Clone, Copy)]
enum End {
    InOrder,
    Killed,
}

fn restart(mut server: Server, place: &Workplace, end: End) -> Server {
    match end {
        End::InOrder => assert!(server.terminate().success()),
        End::Killed => assert_eq!(server.kill().code(), None),
    }
    start(place)
}

/// Generates a key and gives its handle.
fn generate(server: &Server, scope: &str, key_id: &str) -> String {
    let document = format!(r#"{{"scope":"{scope}","key_id":"{key_id}"}}"#);
    let answer = server.post("/v1/keys", &document).expect_status(201);
    answer.json()["handle_id"].as_str().unwrap().to_owned()
}

fn call(server: &Server, handle: &str, action: &str) -> Response {
    let path = format!("{}{action}", path_of(handle));
    match action {
        "/sign" => server.post(&path, &sign_request(&DIGEST)),
        "/retire" => server.post(&path, ""),
        _ => server.get(&path),
    }
}

/// Everything that can be asked about known keys without changing anything.
fn everything_known(server: &Server, handles: &[String]) -> Vec<(u16, Value)> {
    let mut answers = vec![
        server.get("/v1/keys"),
        server.get("/v1/keys?state=retired"),
        server.get("/v1/keys?scope=platform"),
    ];
    for handle in handles {
        answers.push(call(server, handle, ""));
        answers.push(call(server, handle, "/public-key"));
    }
    answers.iter().map(|it| (it.status, it.json())).collect()
}

/// The signatures by every key, and by the current key of each scope.
fn all_signatures(server: &Server, handles: &[String]) -> Vec<Value> {
    let by_handle = handles.iter().map(|handle| call(server, handle, "/sign"));
    let scopes = ["platform".to_owned(), DOMAIN.replace(':', "%3A")];
    let by_scope = scopes.iter().map(|scope| {
        let path = format!("/v1/scopes/{scope}/sign");
        server.post(&path, &sign_request(&DIGEST))
    });
    let answers = by_handle.chain(by_scope);
    answers.map(|it| it.expect_status(200).json()).collect()
}

#[test]
fn known_keys_sign_and_show_themselves_as_before_without_a_new_generate() {
    let place = Workplace::with_seed();
    let mut server = start(&place);
    let handles = [
        generate(&server, "platform", "k1"),
        generate(&server, "platform", "k2"),
        generate(&server, DOMAIN, "k1"),
    ];
    let known = everything_known(&server, &handles);
    assert!(known.iter().all(|(status, _)| *status == 200), "{known:?}");
    let signatures = all_signatures(&server, &handles);
    for end in [End::InOrder, End::Killed] {
        server = restart(server, &place, end);
        // The signatures first: nothing that was asked before can have woken the keys up.
        assert_eq!(all_signatures(&server, &handles), signatures, "{end:?}");
        assert_eq!(everything_known(&server, &handles), known, "{end:?}");
    }
}

#[test]
fn a_known_key_is_retired_after_a_restart_without_a_new_generate() {
    let place = Workplace::with_seed();
    let server = start(&place);
    let handle = generate(&server, "platform", "k1");
    let server = restart(server, &place, End::InOrder);
    let retired = call(&server, &handle, "/retire").expect_status(200);
    assert_eq!(retired.json()["state"], "retired");
    assert_eq!(
        call(&server, &handle, "/sign").problem_code(),
        "key_retired"
    );
}

#[test]
fn a_retired_key_stays_retired_although_the_provider_could_derive_it() {
    let place = Workplace::with_seed();
    let mut server = start(&place);
    let standing = generate(&server, "platform", "k1");
    let handle = generate(&server, "platform", "k2");
    let retired = call(&server, &handle, "/retire").expect_status(200);
    let known = everything_known(&server, std::slice::from_ref(&handle));
    for end in [End::InOrder, End::Killed] {
        server = restart(server, &place, end);
        let refused = call(&server, &handle, "/sign").expect_status(410);
        assert_eq!(refused.problem_code(), "key_retired");
        assert!(!refused.text().contains("signature"));
        let name = r#"{"scope":"platform","key_id":"k2"}"#;
        let refused = server.post("/v1/keys", name).expect_status(410);
        assert_eq!(refused.problem_code(), "key_retired");
        let again = call(&server, &handle, "/retire").expect_status(200);
        assert_eq!(again.json(), retired.json(), "{end:?}");
        assert_eq!(
            everything_known(&server, std::slice::from_ref(&handle)),
            known
        );
        call(&server, &standing, "/sign").expect_status(200);
    }
    // The same seed with an empty registry: the provider still makes that very key.
    let elsewhere = Workplace::with_seed();
    let other = start(&elsewhere);
    assert_eq!(generate(&other, "platform", "k2"), handle);
    let derived = call(&other, &handle, "").json()["public_key"].clone();
    assert_eq!(derived, retired.json()["public_key"]);
}

#[test]
fn a_scope_whose_current_key_was_retired_still_has_none_after_a_restart() {
    let place = Workplace::with_seed();
    let server = start(&place);
    let handle = generate(&server, "platform", "k1");
    call(&server, &handle, "/retire").expect_status(200);
    let server = restart(server, &place, End::InOrder);
    let sign = || server.post("/v1/scopes/platform/sign", &sign_request(&DIGEST));
    assert_eq!(sign().problem_code(), "key_retired");
    generate(&server, "platform", "k2");
    assert_eq!(sign().expect_status(200).json()["key_id"], "k2");
}

/// Changes the registry as another version may have written it.
fn rewrite_registry(place: &Workplace, statement: &'static str) {
    let options = SqliteConnectOptions::new().filename(place.file("registry.db"));
    actix_rt::Runtime::new().unwrap().block_on(async {
        let mut connection = options.connect().await.unwrap();
        let rewrite = sqlx::query(statement).execute(&mut connection);
        assert!(rewrite.await.unwrap().rows_affected() > 0);
        connection.close().await.unwrap();
    });
}

#[test]
fn a_key_of_a_provider_of_another_version_is_shown_and_is_in_no_other_keys_way() {
    let place = Workplace::with_seed();
    let mut server = start(&place);
    let ours = generate(&server, "platform", "k1");
    generate(&server, DOMAIN, "k2");
    assert!(server.terminate().success());
    rewrite_registry(
        &place,
        "UPDATE signing_key SET provider = 'vault', handle_id = 'vault:x', blocked = 1
         WHERE key_id = 'k2'",
    );
    let server = start(&place);
    let listed = server.get("/v1/keys").expect_status(200).json();
    assert_eq!(listed["keys"][0]["handle_id"], ours);
    assert_eq!(listed["keys"][1]["handle_id"], "vault:x");
    assert_eq!(listed["keys"][1]["provider"], "vault");
    call(&server, &ours, "/sign").expect_status(200);
    call(&server, "vault:x", "/sign").expect_status(400);
    let metrics = server.get("/metrics").expect_status(200);
    let count = "plexsphere_signer_keys_blocked{provider=\"vault\"} 1";
    assert!(metrics.text().contains(count), "{metrics:?}");
}

#[test]
fn openssl_verifies_what_is_signed_before_and_after_a_restart() {
    let place = Workplace::with_seed();
    let mut server = start(&place);
    let handle = generate(&server, "platform", "k1");
    let file = place.file("release.tar");
    fs::write(&file, b"what is to be released").unwrap();
    let sign = ["sign", "--handle", &handle, file.to_str().unwrap()];
    let before = server.cli(&sign).expect_status(0).text().to_owned();
    assert!(openssl_accepts(&server, &place, &handle, &before));
    for end in [End::InOrder, End::Killed] {
        server = restart(server, &place, end);
        let after = server.cli(&sign).expect_status(0).text().to_owned();
        assert_eq!(after, before, "{end:?}");
        assert!(openssl_accepts(&server, &place, &handle, &after), "{end:?}");
    }
    let other = generate(&server, "platform", "k2");
    assert!(!openssl_accepts(&server, &place, &other, &before));
}

/// Whether `openssl`, given the key as the custodian publishes it, accepts the signature (base64)
/// over the SHA-512 digest of `release.tar`.
fn openssl_accepts(server: &Server, place: &Workplace, handle: &str, signature: &str) -> bool {
    let pem = server.get_with(
        &format!("{}/public-key", path_of(handle)),
        &[("Accept", "application/x-pem-file")],
    );
    fs::write(place.file("key.pem"), pem.expect_status(200).body).unwrap();
    fs::write(place.file("signature.b64"), signature).unwrap();
    let steps = [
        "dgst -sha512 -binary -out digest release.tar",
        "base64 -d -A -in signature.b64 -out signature",
        "pkeyutl -verify -pubin -inkey key.pem -rawin -in digest -sigfile signature",
    ];
    let run = |step: &&str| {
        let words = step.split(' ');
        let mut openssl = Command::new("openssl");
        let ended = openssl.args(words).current_dir(place.path()).output();
        ended.unwrap().status.success()
    };
    let [digest, decode, verify] = &steps;
    assert!(run(digest) && run(decode), "openssl prepares its input");
    run(verify)
}
