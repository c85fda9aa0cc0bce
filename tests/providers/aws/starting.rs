//! What is told before anything is created.

use std::fs;

use signer_test_support::{Finished, Workplace};

use super::account::Account;

fn serve(place: &Workplace, more: &[&str]) -> Finished {
    let mut line = vec!["serve".to_owned()];
    line.extend(place.place_flags());
    line.extend(["--key-provider", "aws-kms"].map(str::to_owned));
    line.extend(more.iter().map(|&flag| flag.to_owned()));
    let binary = env!("CARGO_BIN_EXE_signer-as-shipped");
    Account::program_without_credentials(binary, place).run(place.path(), line)
}

#[test]
fn settings_that_cannot_be_right_are_told_and_nothing_is_created() {
    let place = Workplace::empty();
    let region = ["--aws-region", "eu-central-1"];
    for (flags, sentence) in [
        (
            &[][..],
            "--aws-region is required with --key-provider aws-kms where neither \
             PLEXSPHERE_SIGNER_AWS_REGION, AWS_REGION nor an AWS profile names a region; name the \
             region that holds the keys, as in --aws-region eu-central-1",
        ),
        (
            &["--aws-region", "Frankfurt"],
            "--aws-region \"Frankfurt\": must be the name of an AWS region, such as eu-central-1",
        ),
        (
            &["--aws-endpoint-url", "127.0.0.1:4567"],
            "--aws-endpoint-url \"127.0.0.1:4567\": must be a URL such as \
             https://vpce-0a1b.kms.eu-central-1.vpce.amazonaws.com, without user or query",
        ),
        (
            &["--aws-alias-prefix", "aws/mine"],
            "--aws-alias-prefix \"aws/mine\": must be 1 to 200 ASCII letters, digits and the \
             characters _ - /, with no slash at either end or beside another, and not aws",
        ),
        (
            &["--aws-schedule-deletion-days", "1"],
            "--aws-schedule-deletion-days \"1\": must be a number of days from 7 to 30",
        ),
        (
            &["--aws-profile", ""],
            "--aws-profile \"\": must be the name of a profile",
        ),
        (
            &["--aws-max-in-flight", "0"],
            "--aws-max-in-flight \"0\": must be a number from 1 to 1024",
        ),
        (
            &["--aws-requests-per-second", "fast"],
            "--aws-requests-per-second \"fast\": must be a number from 1 to 100000",
        ),
    ] {
        let mut all = flags.to_vec();
        if !flags.is_empty() && flags[0] != "--aws-region" {
            all.extend(region);
        }
        let refused = serve(&place, &all).expect_status(2);
        assert_eq!(refused.sentence_after_the_log(), sentence);
        assert_eq!(place.names(), Vec::<String>::new(), "{flags:?}");
    }
}

#[test]
fn the_region_may_come_from_the_files_of_the_sdk() {
    let account = Account::empty();
    let profile = "[profile keys]\nregion = eu-central-1\n";
    fs::write(account.place.file("aws-config"), profile).unwrap();
    let mut flags = account.place.place_flags();
    flags.extend(["--key-provider", "aws-kms", "--aws-profile", "keys"].map(str::to_owned));
    flags.extend(["--aws-endpoint-url".to_owned(), account.server.url()]);
    let credentials =
        "[keys]\naws_access_key_id = AKIDTHROWAWAY\naws_secret_access_key = throw-away\n";
    fs::write(account.place.file("aws-credentials"), credentials).unwrap();
    let binary = env!("CARGO_BIN_EXE_signer-as-shipped");
    let program = Account::program_without_credentials(binary, &account.place);
    let server = signer_test_support::Server::start_with(&program, &account.place, flags);
    server.generate("k1");
}
