//! What a custodian makes of its vault when it starts.

use signer_cloud_fakes::{FakeVault, VaultKind};

use super::house::{House, Mode, generate, wait_for_warning};

#[test]
fn every_setting_that_cannot_be_right_ends_the_start_with_status_2_and_nothing_is_created() {
    let house = House::new(VaultKind::Premium);
    let before = house.place.names();
    for (flag, value, problem) in [
        (
            "--azure-vault-url",
            "v.vault.azure.net",
            "must be the https address of a vault",
        ),
        (
            "--azure-vault-url",
            "http://v.vault.azure.net",
            "must be the https address of a vault",
        ),
        ("--azure-kv-mode", "wrapped", "must be native"),
        ("--azure-wrapping-key-type", "ec", "must be rsa-hsm"),
        (
            "--azure-wrapping-key-size",
            "1024",
            "must be one of 2048, 3072, 4096",
        ),
        (
            "--azure-token-resource",
            "vault",
            "must be the https address of a service",
        ),
        ("--azure-max-in-flight", "0", "must be a number from 1"),
        (
            "--azure-requests-per-second",
            "fast",
            "must be a number from 1",
        ),
    ] {
        let mut line = vec!["serve".to_owned()];
        line.extend(house.flags(Mode::Envelope));
        match line.iter().position(|word| word == flag) {
            Some(at) => line[at + 1] = value.to_owned(),
            None => line.extend([flag, value].map(str::to_owned)),
        }
        let refused = house
            .program()
            .run(house.place.path(), line)
            .expect_status(2);
        let sentence = refused.sentence();
        assert!(
            sentence.starts_with(flag) && sentence.contains(problem),
            "{sentence}"
        );
    }
    for (missing, problem) in [
        ("--azure-vault-url", "name the vault"),
        (
            "--azure-kv-mode",
            "choose native, where the vault itself signs",
        ),
    ] {
        let mut line = vec!["serve".to_owned()];
        line.extend(house.flags(Mode::Envelope));
        let at = line.iter().position(|word| word == missing).unwrap();
        line.drain(at..at + 2);
        let refused = house
            .program()
            .run(house.place.path(), line)
            .expect_status(2);
        let sentence = refused.sentence();
        assert!(
            sentence.starts_with(missing) && sentence.contains(problem),
            "{sentence}"
        );
    }
    assert_eq!(house.place.names(), before);
}

#[test]
fn credentials_that_are_there_by_half_end_the_start_with_status_2() {
    let house = House::new(VaultKind::Premium);
    let mut line = vec!["serve".to_owned()];
    line.extend(house.flags(Mode::Envelope));
    let half = house
        .bare_program()
        .with_variable("AZURE_CLIENT_SECRET", "throw-away");
    let refused = half.run(house.place.path(), &line).expect_status(2);
    assert!(
        refused.sentence().contains("AZURE_TENANT_ID is not"),
        "{refused:?}"
    );
    let no_file = house
        .application(FakeVault::CLIENT_SECRET)
        .with_variable("AZURE_FEDERATED_TOKEN_FILE", "/nowhere/token");
    let refused = no_file.run(house.place.path(), &line).expect_status(2);
    assert!(refused.sentence().contains("/nowhere/token"), "{refused:?}");
}

#[test]
fn a_vault_without_ed25519_ends_a_native_start_and_names_the_other_mode() {
    let house = House::new(VaultKind::Premium);
    let mut line = vec!["serve".to_owned()];
    line.extend(house.flags(Mode::Native));
    let refused = house
        .program()
        .run(house.place.path(), line)
        .expect_status(2);
    let sentence = refused.sentence();
    assert!(
        sentence.starts_with("--azure-kv-mode native: the vault offers no Ed25519"),
        "{sentence}"
    );
    assert!(
        sentence.contains("use --azure-kv-mode envelope"),
        "{sentence}"
    );
    assert_eq!(house.vault.names(), [""; 0], "nothing is left in the vault");
    assert_eq!(house.place.names(), ["root.pem"], "nothing is left here");
}

#[test]
fn a_vault_that_is_not_there_yet_is_waited_for_and_says_then_that_it_has_no_ed25519() {
    let house = House::new(VaultKind::Premium);
    house.server.stop();
    let mut enveloping = house.spawn(&house.program(), Mode::Envelope);
    wait_for_warning(&enveloping, "connecting to the key service");
    house.server.resume();
    enveloping.wait_until_ready();
    generate(&enveloping, "k1");
    assert!(enveloping.terminate().success());

    house.server.stop();
    let native = house.spawn(&house.program(), Mode::Native);
    wait_for_warning(&native, "connecting to the key service");
    house.server.resume();
    wait_for_warning(&native, "use --azure-kv-mode envelope");
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_told_and_gets_no_token() {
    let house = House::of_a_stranger();
    let server = house.spawn(&house.program(), Mode::Envelope);
    wait_for_warning(&server, "checking the certificate of the key service");
    assert!(house.server.requests().is_empty());
    assert!(house.identity.requests().is_empty());
}

#[test]
fn an_identity_that_is_refused_is_told_and_taken_up_when_it_is_good() {
    let house = House::new(VaultKind::Premium);
    house.vault.forget_identity();
    let mut server = house.spawn(&house.program(), Mode::Envelope);
    wait_for_warning(&server, "credentials are missing, expired or refused");
    house.identity.stop();
    wait_for_warning(&server, "identity service cannot be reached");
    house.identity.resume();
    house.vault.remember_identity();
    server.wait_until_ready();
    house.vault.deny("unwrapkey");
    wait_for_warning(&server, "permissions do not allow the call");
    house.vault.permit_all();
    server.wait_until_ready();
}
