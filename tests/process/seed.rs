//! A custodian that is started with another seed file than the one its registered keys came from.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::fs;
use std::path::Path;

use serde_json::Value;
use signer_test_support::{K1, Server, Workplace, eventually, shipped, sign_request};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

const SENTENCE: &str = "the seed file is not the one that the registered keys were made from; \
                        put the old one back";
const OLD_SEED: [u8; 32] = [7; 32];
const OTHER_SEED: [u8; 32] = [8; 32];

/// Starts a custodian that will not become ready, and waits until it says why.
fn start_down(place: &Workplace, flags: &[&str]) -> Server {
    let all = place.software_flags();
    let all = all.iter().map(String::as_str).chain(flags.iter().copied());
    let server = Server::spawn(&shipped!(), place, all);
    server.wait_for_log("the reason", |line| line.contains(SENTENCE));
    server
}

/// How many audit lines tell of an operation.
fn recorded(place: &Workplace, op: &str) -> usize {
    let log = fs::read_to_string(place.file("audit.jsonl")).unwrap();
    let lines = log.lines().map(serde_json::from_str::<Value>);
    lines
        .filter(|line| line.as_ref().unwrap()["op"] == op)
        .count()
}

#[test]
fn another_seed_file_makes_the_provider_unready_and_the_old_one_heals_it() {
    let place = Workplace::with_seed();
    fs::write(place.seed_file(), OLD_SEED).unwrap();
    let mut server = Server::start(&shipped!(), &place, &[]);
    server.generate("k1");
    let body = sign_request(&[0x5a; 64]);
    let sign = format!("{K1}/sign");
    let signed = server.post(&sign, &body).expect_status(200).json();
    assert!(server.terminate().success());

    fs::write(place.seed_file(), OTHER_SEED).unwrap();
    // Not even where signatures are not verified does another key sign in the place of this one.
    for flags in [[].as_slice(), ["--no-verify-after-sign"].as_slice()] {
        let mut server = start_down(&place, flags);
        eventually("the warning", || {
            let readiness = server.get("/readyz").expect_status(503).json();
            assert_ne!(readiness["checks"]["providers"]["software"], "ready");
            let warnings = readiness["warnings"].as_array()?;
            let tells = |it: &Value| it.as_str().is_some_and(|it| it.ends_with(SENTENCE));
            warnings.iter().any(tells).then_some(())
        });
        for (path, body) in [
            ("/v1/keys", r#"{"scope":"platform","key_id":"k2"}"#),
            ("/v1/scopes/platform/rotations", r#"{"new_key_id":"k2"}"#),
            ("/v1/scopes/platform/sign", body.as_str()),
            (sign.as_str(), body.as_str()),
        ] {
            let refused = server.post(path, body).expect_status(503);
            assert_eq!(refused.problem_code(), "provider_unavailable", "{path}");
        }
        assert_eq!(
            server.get("/livez").expect_status(200).json()["status"],
            "ok"
        );
        assert!(server.terminate().success());
    }

    fs::write(place.seed_file(), OLD_SEED).unwrap();
    let server = Server::start(&shipped!(), &place, &[]);
    let keys = server.get("/v1/keys").json();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1, "{keys}");
    assert_eq!(server.post(&sign, &body).expect_status(200).json(), signed);
    assert_eq!(server.generate("k2").status, 201);
    assert_eq!(recorded(&place, "repair"), 0);
}

#[test]
fn another_seed_file_is_welcome_where_no_key_came_from_the_old_one() {
    let place = Workplace::with_seed();
    let mut server = Server::start(&shipped!(), &place, &[]);
    server.generate("k1");
    server.post(&format!("{K1}/retire"), "").expect_status(200);
    assert!(server.terminate().success());
    fs::write(place.seed_file(), OTHER_SEED).unwrap();
    let server = Server::start(&shipped!(), &place, &[]);
    assert_eq!(server.generate("k2").status, 201);
}

#[test]
fn another_seed_file_is_noticed_behind_thousands_of_keys_of_another_provider() {
    let place = Workplace::with_seed();
    let flags = ["--audit-log", "none"];
    assert!(
        Server::start(&shipped!(), &place, &flags)
            .terminate()
            .success()
    );
    register_elsewhere(&place.file("registry.db"), 10_100);
    let mut server = Server::start(&shipped!(), &place, &flags);
    server.generate("k1");
    assert!(server.terminate().success());
    fs::write(place.seed_file(), OTHER_SEED).unwrap();
    let server = start_down(&place, &["--audit-log", "none", "--no-verify-after-sign"]);
    let sign = server.post(&format!("{K1}/sign"), &sign_request(&[0x5a; 64]));
    assert_eq!(sign.problem_code(), "provider_unavailable");
}

/// Writes keys of a provider that is not configured into the registry of a custodian that does not run.
fn register_elsewhere(registry: &Path, count: u32) {
    let insert = "
        WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?1)
        INSERT INTO signing_key (id, listed, scope, key_id, provider, state, is_current, handle_id,
            public_key, reserved_at, valid_from, version, seq)
        SELECT 2 * n, 2 * n + 1, 'platform', 'other-' || n, 'pkcs11', 'active', 0,
            'pkcs11:plexsphere:platform:other-' || n, randomblob(32), 0, 0, 1, 2 * n + 1
        FROM number";
    let advance = "UPDATE registry_change SET seq = (SELECT max(seq) + 1 FROM signing_key)";
    let options = SqliteConnectOptions::new().filename(registry);
    actix_rt::Runtime::new().unwrap().block_on(async {
        let mut connection = options.connect().await.unwrap();
        let insert = sqlx::query(insert).bind(count);
        insert.execute(&mut connection).await.unwrap();
        sqlx::query(advance).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}
