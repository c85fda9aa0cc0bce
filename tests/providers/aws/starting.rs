//! Where the custodian finds its region and its credentials.

use std::fs;

use signer_cloud_fakes::aws::REGION;
use signer_test_support::{Server, shipped};

use super::harness::Harness;
use crate::suite::{Installation as _, wait_for_readiness, wait_for_warning};

#[test]
fn the_region_may_come_from_the_files_of_the_sdk() {
    let harness = Harness::new();
    let profile = "[profile keys]\nregion = eu-central-1\n";
    fs::write(harness.place.file("aws-config"), profile).unwrap();
    harness.write_credentials("keys");
    let mut flags = harness.place.place_flags();
    flags.extend(["--key-provider", "aws-kms", "--aws-profile", "keys"].map(str::to_owned));
    flags.extend(["--aws-endpoint-url".to_owned(), harness.server.url()]);
    let program = harness.without_credentials(shipped!());
    Server::start_with(&program, &harness.place, flags).make("k1");
}

#[test]
fn credentials_that_come_late_are_found_without_a_restart() {
    let harness = Harness::new();
    let server = harness.spawn_as(&harness.without_credentials(shipped!()), &[]);
    wait_for_warning(&server, "credentials are missing, expired or refused");
    let asked = harness.server.requests();
    assert!(asked.is_empty(), "something was sent unsigned");
    harness.write_credentials("default");
    wait_for_readiness(&server, 200, "ready");
    server.make("k1");
    let asked = harness.server.requests();
    let authorization = asked.last().unwrap().header("authorization");
    assert!(authorization.contains("AKIDTHROWAWAY"), "{authorization}");
    assert!(authorization.contains(REGION), "{authorization}");
}
