//! Keys live in the vault and outlive everything else.

use std::fs;
use std::sync::OnceLock;
use std::time::Duration;

use signer_cloud_fakes::{Request, VaultKind};
use signer_test_support::{eventually, openssl_verifies, sign_request};

use super::house::{House, Mode, generate, path};

const DIGEST: [u8; 64] = [7; 64];

#[test]
fn a_key_signs_what_openssl_verifies_and_everybody_is_told_what_an_envelope_means() {
    let house = House::new(VaultKind::Premium);
    let mut server = house.serve(Mode::Envelope);
    let key = generate(&server, "k1");
    assert!(
        key.handle_id
            .starts_with("azure-kv:k-8819af2a8b51f9ccd84eb18177f035b924084f2a/")
    );

    openssl_verifies(
        &server,
        &house.place,
        ["--scope", "platform"],
        &key.handle_id,
    );

    let caution = "key provider \"azure-kv\": key material in process memory while signing";
    let alive = server.get("/livez").expect_status(200).json();
    assert_eq!(alive["warnings"], serde_json::json!([caution]), "{alive}");
    assert!(server.terminate().success());
    let log = server.take_log();
    let warnings = log.lines().filter(|line| line.contains("WARN"));
    let told = warnings.filter(|line| line.contains("key material in process memory"));
    assert_eq!(told.count(), 1, "{log}");
}

#[test]
fn keys_and_retirements_outlive_the_process_and_the_vault_remembers_them_by_itself() {
    for (kind, mode) in [
        (VaultKind::Premium, Mode::Envelope),
        (VaultKind::WithEd25519, Mode::Native),
    ] {
        let house = House::new(kind);
        let mut server = house.serve(mode);
        let (kept, gone) = (generate(&server, "kept"), generate(&server, "gone"));
        let digest = sign_request(&DIGEST);
        let signed = server
            .post(&path(&kept, "sign"), &digest)
            .expect_status(200);
        assert!(kept.has_signed(&DIGEST, &signed));
        for _ in 0..2 {
            server.post(&path(&gone, "retire"), "").expect_status(200);
        }
        assert!(server.terminate().success());
        assert_eq!(house.vault.enabled_versions(), 1, "{mode:?}");

        let mut server = house.serve(mode);
        let again = server
            .post(&path(&kept, "sign"), &digest)
            .expect_status(200);
        assert_eq!(again.json(), signed.json());
        server
            .post(&path(&gone, "sign"), &digest)
            .expect_status(410);
        let shown = server.get(&path(&gone, "public-key")).expect_status(200);
        assert_eq!(shown.json()["public_key"], gone.public_key.as_str());
        assert!(server.terminate().success());

        // Without its registry a custodian still makes no second key of a name. The audit log tells
        // of that registry, so it has to be put away as well.
        fs::remove_file(house.place.registry()).unwrap();
        for name in house.place.names() {
            if name.starts_with("audit.jsonl") {
                fs::remove_file(house.place.file(&name)).unwrap();
            }
        }
        let server = house.serve(mode);
        assert_eq!(generate(&server, "kept"), kept);
        let refused = server.post("/v1/keys", r#"{"scope":"platform","key_id":"gone"}"#);
        assert_eq!(refused.problem_code(), "key_retired");
        assert_eq!(house.vault.versions(), 2, "{mode:?}");
    }
}

/// The vault still decrypts while it is asked to disable, so signatures that were begun before come out.
#[test]
fn no_sign_that_begins_after_the_answer_to_retire_succeeds() {
    let house = House::new(VaultKind::Premium);
    let server = house.serve(Mode::Envelope);
    let key = generate(&server, "k1");
    house.server.set_latency(Duration::from_millis(20));
    let retired = OnceLock::new();
    std::thread::scope(|scope| {
        let signers: Vec<_> = (0..8)
            .map(|_| {
                let (mut connection, retired, path) =
                    (server.connect(), &retired, path(&key, "sign"));
                scope.spawn(move || {
                    let body = sign_request(&DIGEST);
                    let (mut before, mut after) = (Vec::new(), Vec::new());
                    while after.len() < 5 {
                        let is_retired = retired.get().is_some();
                        let answer = connection.ask("POST", &path, Some(&body)).unwrap();
                        let seen = if is_retired { &mut after } else { &mut before };
                        seen.push(answer.status);
                    }
                    (before, after)
                })
            })
            .collect();
        eventually("signatures", || {
            let seen = house.server.requests();
            let is_sign = |it: &&Request| it.path.ends_with("/unwrapkey");
            (seen.iter().filter(is_sign).count() > 40).then_some(())
        });
        server.post(&path(&key, "retire"), "").expect_status(200);
        retired.set(()).unwrap();
        for signer in signers {
            let (before, after) = signer.join().unwrap();
            assert_eq!(before.first(), Some(&200));
            assert!(
                before.iter().all(|it| [200, 410].contains(it)),
                "{before:?}"
            );
            assert_eq!(after, [410; 5]);
        }
    });
}

/// The vault has the key, and nobody has learned of it.
#[test]
fn a_custodian_that_dies_after_the_vault_made_a_key_adopts_it_and_makes_no_second_one() {
    for (kind, mode) in [
        (VaultKind::Premium, Mode::Envelope),
        (VaultKind::WithEd25519, Mode::Native),
    ] {
        let house = House::new(kind);
        let dying = house.program_that_dies_at("provider.generate.after:1");
        let mut server = house.spawn(&dying, mode);
        server.wait_until_ready();
        let document = r#"{"scope":"platform","key_id":"k1"}"#;
        let lost = server.connect().ask("POST", "/v1/keys", Some(document));
        assert!(lost.is_err(), "it was answered: {lost:?}");
        server.wait();
        assert_eq!(house.vault.versions(), 1, "{mode:?}");

        let server = house.serve(mode);
        let adopted = server.get("/v1/keys").expect_status(200).json();
        let key = generate(&server, "k1");
        assert_eq!(
            adopted["keys"][0]["handle_id"],
            key.handle_id.as_str(),
            "{adopted}"
        );
        let signed = server.post(&path(&key, "sign"), &sign_request(&DIGEST));
        assert!(key.has_signed(&DIGEST, &signed.expect_status(200)));
        assert_eq!(house.vault.versions(), 1, "{mode:?}");
    }
}
