//! What a custodian makes of its vault when it starts.

use signer_cloud_fakes::FakeVault;
use signer_test_support::{Program, Server, shipped};

use super::harness::{Envelope, Harness};
use crate::suite::service::Served as _;
use crate::suite::{Disruption, Installation as _, wait_for_warning};

/// The flags of a custodian that is to keep its keys in native mode, in a vault without Ed25519.
fn native_flags(harness: &Harness<Envelope>) -> Vec<String> {
    let mut flags = harness.flags();
    let at = flags.iter().position(|word| word == "envelope").unwrap();
    "native".clone_into(&mut flags[at]);
    flags
}

#[test]
fn credentials_that_are_there_by_half_end_the_start_with_status_2() {
    let harness = Harness::<Envelope>::new();
    let refused = |program: Program| {
        let refused = program.serve_in_vain(&harness.place, harness.flags());
        refused.expect_status(2).sentence().to_owned()
    };
    let bare = harness.without_identity(shipped!());
    let half = bare.with_variable("AZURE_CLIENT_SECRET", "throw-away");
    let sentence = refused(half);
    assert!(sentence.contains("AZURE_TENANT_ID is not"), "{sentence}");
    let no_file = harness
        .application(FakeVault::CLIENT_SECRET)
        .with_variable("AZURE_FEDERATED_TOKEN_FILE", "/nowhere/token");
    let sentence = refused(no_file);
    assert!(sentence.contains("/nowhere/token"), "{sentence}");
}

#[test]
fn a_vault_without_ed25519_ends_a_native_start_and_names_the_other_mode() {
    let harness = Harness::<Envelope>::new();
    let refused = harness
        .program()
        .serve_in_vain(&harness.place, native_flags(&harness))
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
    assert_eq!(
        harness.vault.names(),
        [""; 0],
        "nothing is left in the vault"
    );
    assert_eq!(harness.place.names(), ["root.pem"], "nothing is left here");
}

#[test]
fn a_vault_that_was_not_there_yet_says_then_that_it_has_no_ed25519() {
    let harness = Harness::<Envelope>::new();
    harness.begin(Disruption::Away);
    let native = Server::spawn(&harness.program(), &harness.place, native_flags(&harness));
    wait_for_warning(&native, "connecting to the key service");
    harness.end();
    wait_for_warning(&native, "use --azure-kv-mode envelope");
}

#[test]
fn who_gives_identities_may_be_away_for_a_while() {
    let harness = Harness::<Envelope>::new();
    harness.refuse_credentials();
    let mut server = harness.spawn(&[]);
    wait_for_warning(&server, "credentials are missing, expired or refused");
    harness.identity.stop();
    wait_for_warning(&server, "identity service cannot be reached");
    harness.identity.resume();
    harness.accept_credentials();
    server.wait_until_ready();
}
