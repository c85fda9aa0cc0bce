//! Private keys and credentials, looked for in everything that leaves the custodian.

use std::fs;

use signer_cloud_fakes::{FakeVault, VaultKind};
use signer_test_support::{Canary, Server, sign_request};

use super::house::{House, Mode, generate, path, wait_for_warning};

#[test]
fn no_private_key_and_no_credential_is_in_anything_that_leaves_the_custodian() {
    let house = House::new(VaultKind::Premium);
    let program = house.application(FakeVault::CLIENT_SECRET);
    let mut flags = house.flags(Mode::Envelope);
    flags.extend(["--log-level", "trace"].map(str::to_owned));
    let mut server = Server::start_with(&program, &house.place, flags);
    let key = generate(&server, "k1");
    let mut places = Vec::new();
    let mut answer = |server: &Server, wanted: u16| {
        let answer = server.post(&path(&key, "sign"), &sign_request(&[7; 64]));
        assert_eq!(answer.status, wanted, "{answer:?}");
        places.push((format!("an answer with {wanted}"), answer.body));
    };
    answer(&server, 200);
    house.vault.deny("unwrapkey");
    answer(&server, 503);
    house.vault.permit_all();
    house.vault.forget_identity();
    answer(&server, 503);
    let told = wait_for_warning(&server, "credentials are missing, expired or refused");
    places.push(("/readyz with 503".to_owned(), told.into_bytes()));
    house.vault.remember_identity();
    server.wait_until_ready();
    for path in ["/metrics", "/livez", "/readyz", "/v1/keys", "/openapi.json"] {
        places.push((path.to_owned(), server.get(path).body));
    }
    let command_line = format!("/proc/{}/cmdline", server.pid().as_raw_nonzero());
    places.push((command_line.clone(), fs::read(command_line).unwrap()));
    assert!(server.terminate().success());
    let log = server.take_log();
    assert!(log.contains("AADSTS7000215"), "the log tells why: {log}");
    places.push(("the log".to_owned(), log.into_bytes()));
    places.push(("the output".to_owned(), server.take_output().into_bytes()));
    for name in house.place.names() {
        if house.place.file(&name).is_file() {
            let bytes = fs::read(house.place.file(&name)).unwrap();
            places.push((name, bytes));
        }
    }
    assert!(places.iter().any(|(name, _)| name == "audit.jsonl"));

    let keys = house.vault.secrets();
    assert!(!keys.is_empty());
    for key in &keys {
        let canary = Canary::new("a private key", key);
        for (name, bytes) in &places {
            canary.assert_absent(name, bytes);
        }
    }
    let requests = house.server.requests();
    for credential in house.vault.credentials() {
        let is_in = |bytes: &[u8]| {
            let mut windows = bytes.windows(credential.len());
            windows.any(|window| window == credential.as_bytes())
        };
        for (name, bytes) in &places {
            assert!(!is_in(bytes), "{credential} is in {name}");
        }
    }
    let sent = |secret: &str| {
        requests
            .iter()
            .any(|it| String::from_utf8_lossy(&it.body).contains(secret))
    };
    assert!(
        sent(FakeVault::CLIENT_SECRET),
        "what is looked for was used"
    );
}
