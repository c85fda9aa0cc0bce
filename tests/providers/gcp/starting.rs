//! What a custodian says of where its keys are.

use signer_test_support::{Server, eventually};

use super::harness::Harness;
use crate::suite::Installation as _;

#[test]
fn an_emulator_in_the_configuration_is_told_by_livez() {
    let harness = Harness::with_emulator();
    let server = harness.serve(&[]);
    let text = server.get("/livez").expect_status(200).text().to_owned();
    assert!(text.contains("emulator"), "{text}");
    let key = server.make("k1");
    let signed = server.sign(&key, &[7; 64]).expect_status(200);
    assert!(key.has_signed(&[7; 64], &signed));
}

#[test]
fn a_level_at_which_google_has_no_ed25519_is_told_by_the_log_and_by_readiness() {
    let harness = Harness::new();
    let mut flags = harness.flags();
    let at = flags.iter().position(|word| word == "software").unwrap();
    "hsm".clone_into(&mut flags[at]);
    let server = Server::start_with(&harness.program(), &harness.place, flags);
    let wanted = r#"{"scope":"platform","key_id":"k1"}"#;
    let refused = server.post("/v1/keys", wanted).expect_status(503);
    assert_eq!(refused.problem_code(), "provider_unavailable");
    let cure = "use --gcp-protection-level software";
    server.wait_for_log(cure, |line| line.contains(cure));
    // What there is signs on, so the custodian stays ready.
    let readiness = || server.get("/readyz").expect_status(200).text().to_owned();
    eventually("a warning", || readiness().contains(cure).then_some(()));
    harness.service.offer_hsm();
    server.make("k1");
    eventually("no warning", || (!readiness().contains(cure)).then_some(()));
}
