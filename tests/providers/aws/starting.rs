//! Where the custodian finds its region and its credentials.

use std::fs;

use signer_cloud_fakes::aws::REGION;
use signer_test_support::{Server, shipped};

use super::account::Account;
use crate::suite::{Installation as _, wait_for_readiness, wait_for_warning};

#[test]
fn the_region_may_come_from_the_files_of_the_sdk() {
    let account = Account::new();
    let profile = "[profile keys]\nregion = eu-central-1\n";
    fs::write(account.place.file("aws-config"), profile).unwrap();
    account.write_credentials("keys");
    let mut flags = account.place.place_flags();
    flags.extend(["--key-provider", "aws-kms", "--aws-profile", "keys"].map(str::to_owned));
    flags.extend(["--aws-endpoint-url".to_owned(), account.server.url()]);
    let program = account.without_credentials(shipped!());
    Server::start_with(&program, &account.place, flags).make("k1");
}

#[test]
fn credentials_that_come_late_are_found_without_a_restart() {
    let account = Account::new();
    let server = account.spawn_as(&account.without_credentials(shipped!()), &[]);
    wait_for_warning(&server, "credentials are missing, expired or refused");
    let asked = account.server.requests();
    assert!(asked.is_empty(), "something was sent unsigned");
    account.write_credentials("default");
    wait_for_readiness(&server, 200, "ready");
    server.make("k1");
    let asked = account.server.requests();
    let authorization = asked.last().unwrap().header("authorization");
    assert!(authorization.contains("AKIDTHROWAWAY"), "{authorization}");
    assert!(authorization.contains(REGION), "{authorization}");
}
