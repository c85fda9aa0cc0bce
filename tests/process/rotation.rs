//! The keys of a scope are rotated while everybody signs with them.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper that fails is a test that fails, and a long test tells what it did"
)]

mod clients;
mod interrupted;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;
use signer_test_support::{
    PublishedKey, Random, Server, Workplace, path_of, pause, setting, shipped, sign_request,
};

use clients::{Client, Release, Stage, Way, handle, name};

const SEED: u64 = 0x5eed_0012;
const CONNECTIONS: usize = 32;
const ROTATIONS: usize = 8;

pub(crate) fn start(place: &Workplace) -> Server {
    Server::start(&shipped!(), place, &[])
}

pub(crate) fn open(server: &Server, new: &str) -> Value {
    let request = format!(r#"{{"new_key_id":"{new}"}}"#);
    let opened = server.post("/v1/scopes/platform/rotations", &request);
    opened.expect_status(201).json()
}

pub(crate) fn close(server: &Server, old: &str, new: &str) -> Value {
    let request = format!(r#"{{"old_key_id":"{old}","new_key_id":"{new}"}}"#);
    let closed = server.post("/v1/scopes/platform/rotations/close", &request);
    closed.expect_status(200).json()
}

/// Makes sure that a key signs no more and that its public key is still served.
fn expect_retired(server: &Server, number: usize) {
    let path = path_of(&handle(number));
    let refused = server.post(&format!("{path}/sign"), &sign_request(&[1; 64]));
    assert_eq!(
        (refused.status, refused.problem_code()),
        (410, "key_retired".to_owned())
    );
    let public = server.get(&format!("{path}/public-key")).expect_status(200);
    assert_eq!(public.json()["state"], "retired");
}

/// The names in the JWK Set of the platform.
fn key_set(server: &Server, query: &str) -> usize {
    let set = server.get(&format!("/v1/scopes/platform/jwks{query}"));
    set.expect_status(200).json()["keys"]
        .as_array()
        .unwrap()
        .len()
}

#[test]
fn no_request_fails_while_the_keys_of_a_scope_are_rotated_under_load() {
    let seed = setting("SIGNER_TEST_SEED", SEED);
    let rotations = setting("SIGNER_TEST_ROTATIONS", ROTATIONS);
    println!("seed {seed:#x}");
    let place = Workplace::with_seed();
    let mut server = start(&place);
    server.generate(&name(1));
    let stage = Arc::new(Stage::default());
    stage.current.store(1, Ordering::SeqCst);
    let mut random = Random::new(seed);
    let ways = (0..CONNECTIONS).map(|number| match number {
        0 | 1 => Way::Batch,
        2 | 3 => Way::OldHandle,
        _ => Way::Scope,
    });
    let clients: Vec<_> = ways
        .map(|way| {
            let client = Client {
                socket: server.socket().to_owned(),
                stage: Arc::clone(&stage),
                random: random.fork(),
                releases: Vec::new(),
            };
            client.start(way)
        })
        .collect();
    for number in 1..=rotations {
        pause(Duration::from_millis(100));
        let (old, new) = (name(number), name(number + 1));
        let opened = open(&server, &new);
        stage.current.store(number + 1, Ordering::SeqCst);
        assert_eq!(
            (&opened["old_key_id"], &opened["closed_at"]),
            (&old.as_str().into(), &Value::Null)
        );
        assert_eq!(key_set(&server, ""), 2);
        pause(Duration::from_millis(100));
        stage.closing.store(number, Ordering::SeqCst);
        close(&server, &old, &new);
        stage.retired.store(number, Ordering::SeqCst);
        expect_retired(&server, number);
        assert_eq!(key_set(&server, ""), 1);
        assert_eq!(key_set(&server, "?include=retired"), number + 1);
    }
    pause(Duration::from_millis(100));
    stage.is_over.store(true, Ordering::SeqCst);
    let mut releases = Vec::new();
    for client in clients {
        releases.extend(client.join().unwrap());
    }
    let by_key = verify(&server, &releases);
    println!("{} signatures by {:?}", releases.len(), by_key);
    assert_eq!(by_key.len(), rotations + 1, "every key has signed");
    assert!(server.terminate().success());
}

/// Verifies each signature under the published key that its answer named; how many each key made.
fn verify(server: &Server, releases: &[Release]) -> BTreeMap<String, usize> {
    let mut keys: BTreeMap<&str, PublishedKey> = BTreeMap::new();
    let mut counts = BTreeMap::new();
    for release in releases {
        let key = keys.entry(&release.handle_id).or_insert_with(|| {
            let path = format!("{}/public-key", path_of(&release.handle_id));
            PublishedKey::of(&server.get(&path).expect_status(200).json())
        });
        assert!(
            key.accepts(&release.digest, &release.signature),
            "{release:?}"
        );
        *counts.entry(release.handle_id.clone()).or_default() += 1;
    }
    counts
}
