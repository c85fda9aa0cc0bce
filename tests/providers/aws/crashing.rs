//! A custodian that dies while AWS is asked to make a key: afterwards there is one key, and nothing beside it.

use std::time::Duration;

use signer_cloud_fakes::Fault;
use signer_cloud_fakes::aws::refusal;
use signer_test_support::eventually;

use super::harness::Harness;
use crate::suite::Installation as _;
use crate::suite::making::comes_to_one_key;

const GENERATE: &str = r#"{"scope":"platform","key_id":"k1"}"#;

#[test]
fn a_death_between_any_two_calls_to_aws_leaves_one_key() {
    for (operation, made_before) in [
        ("CreateKey", 1),
        ("CreateAlias", 1),
        ("GetPublicKey", 1),
        ("DescribeKey", 0),
    ] {
        let harness = Harness::new();
        let mut server = harness.serve(&[]);
        // AWS does what it is asked, and its answer finds nobody any more.
        harness.fail_at(1, operation, Fault::Slow(Duration::from_secs(30)));
        let mut connection = server.connect();
        connection
            .start("POST", "/v1/keys", Some(GENERATE))
            .unwrap();
        eventually("the call to AWS", || {
            (harness.count_of(operation) > 0).then_some(())
        });
        eventually("its effect", || {
            (harness.fake.keys().len() == made_before).then_some(())
        });
        server.kill();
        comes_to_one_key(&harness);
        assert_eq!(harness.made(), 1);
    }
}

#[test]
fn a_start_that_cannot_look_leaves_the_doubt_to_the_next_call() {
    let harness = Harness::new();
    let mut server = harness.serve(&[]);
    harness.fail_at(1, "CreateKey", Fault::LoseAnswer);
    server.post("/v1/keys", GENERATE).expect_status(503);
    server.kill();
    // The service answers the checks of the start and no search.
    let denied = refusal(400, "AccessDeniedException", "no");
    harness.fail_at(1000, "ListAliases", Fault::Answer(denied));
    let mut server = harness.serve(&[]);
    let refused = server.post("/v1/keys", GENERATE);
    assert_eq!(refused.problem_code(), "provider_unavailable");
    harness.server.clear_faults();
    server.post("/v1/keys", GENERATE).expect_status(201);
    assert_eq!(harness.fake.keys().len(), 1);
    assert!(server.terminate().success());
    comes_to_one_key(&harness);
    assert_eq!(harness.made(), 1);
}
