//! A scope moves from a seed file into the back end, and back.

use std::time::Duration;

use serde_json::Value;
use signer_test_support::{
    PublishedKey, Random, ScopeLoad, Server, eventually, path_of, pause, setting, shipped,
    sign_request,
};

use super::{Disruption, Installation};

const SEED: u64 = 0x5eed_0011;
const OLD: &str = "software:platform|k1";
/// Long enough for each key to sign a good deal.
const WHILE: Duration = Duration::from_millis(500);

fn rotation(server: &Server, line: &[&str]) -> Value {
    let words = [&["rotations"], line, &["--scope", "platform", "-o", "json"]].concat();
    server.cli(&words).expect_status(0).json()
}

/// Opens a rotation of the platform; the key that comes in.
fn open(server: &Server, new: &str, provider: &str) -> PublishedKey {
    let opened = rotation(
        server,
        &["open", "--new-key-id", new, "--provider", provider],
    );
    let handle = opened["new_handle_id"].as_str().unwrap();
    if new == "k2" {
        assert_eq!(opened["old_handle_id"], OLD);
    }
    PublishedKey::of(&server.get(&path_of(handle)).expect_status(200).json())
}

fn close(server: &Server, old: &str, new: &str) {
    rotation(server, &["close", "--old", old, "--new", new]);
}

/// Makes sure that this key, and no other, signs for the scope.
fn the_scope_is_signed_for_by(key: &PublishedKey, server: &Server, digest: [u8; 64]) {
    let answer = server.post("/v1/scopes/platform/sign", &sign_request(&digest));
    assert!(key.has_signed(&digest, &answer.expect_status(200)));
}

pub(crate) fn a_scope_moves_and_its_old_key_never_signs_again<I: Installation>() {
    let it = I::new();
    let mut server = it.serve_beside_software();
    let old = server.make("k1");
    assert_eq!(old.handle_id, OLD);
    the_scope_is_signed_for_by(&old, &server, [1; 64]);
    let new = open(&server, "k2", I::NAME);
    assert_eq!(it.usable(), [new.handle_id.as_str()]);
    the_scope_is_signed_for_by(&new, &server, [2; 64]);
    let signed = server.sign(&old, &[3; 64]).expect_status(200);
    assert!(old.has_signed(&[3; 64], &signed));

    // A rotation that is open outlives the process, and with it the key in the back end.
    assert!(server.terminate().success());
    let mut server = it.serve_beside_software();
    the_scope_is_signed_for_by(&new, &server, [4; 64]);
    close(&server, "k1", "k2");
    let refused = server.sign(&old, &[5; 64]);
    assert_eq!(refused.problem_code(), "key_retired");
    the_scope_is_signed_for_by(&new, &server, [6; 64]);
    assert!(server.terminate().success());
    let verify = ["audit", "verify", "audit.jsonl"];
    let verified = shipped!().run(it.place().path(), verify).expect_status(0);
    assert!(verified.text().starts_with("intact: "), "{verified:?}");
}

pub(crate) fn a_scope_moves_under_load_and_no_request_fails<I: Installation>() {
    let it = I::new();
    let mut server = it.serve_beside_software();
    server.make("k1");
    it.begin(Disruption::Slow(Duration::from_millis(20)));
    let load = ScopeLoad::on(&server, Random::new(setting("SIGNER_TEST_SEED", SEED)));
    pause(WHILE);
    let new = open(&server, "k2", I::NAME);
    assert_eq!(it.usable(), [new.handle_id.as_str()]);
    pause(WHILE);
    // Both verify until the rotation is closed.
    let set = server.get("/v1/scopes/platform/jwks").expect_status(200);
    assert_eq!(set.json()["keys"].as_array().unwrap().len(), 2);
    close(&server, "k1", "k2");
    pause(WHILE);
    let by_key = load.end(&server);
    assert_eq!(by_key.keys().collect::<Vec<_>>(), [&new.handle_id, OLD]);
    let refused = server.post(&format!("{}/sign", path_of(OLD)), &sign_request(&[7; 64]));
    assert_eq!(refused.problem_code(), "key_retired");
    assert!(server.terminate().success());
    it.end();
    let server = it.serve_beside_software();
    the_scope_is_signed_for_by(&new, &server, [8; 64]);
}

/// The way back, for as long as the rotation is open: what was signed stays valid, and the scope's next
/// key is one of the old provider again.
pub(crate) fn a_scope_that_has_moved_can_move_back<I: Installation>() {
    let it = I::new();
    let server = it.serve_beside_software();
    server.make("k1");
    open(&server, "k2", I::NAME);
    close(&server, "k1", "k2");
    let back = open(&server, "k3", "software");
    let signed = server.post("/v1/scopes/platform/sign", &sign_request(&[7; 64]));
    assert_eq!(signed.expect_status(200).json()["key_id"], "k3");
    the_scope_is_signed_for_by(&back, &server, [8; 64]);
    close(&server, "k2", "k3");
    eventually("the key in the back end to be retired", || {
        it.usable().is_empty().then_some(())
    });
}
