//! What a custodian makes of its settings when it starts.

use signer_test_support::Finished;

use super::house::{House, KEY_RING};

fn refused(house: &House, flags: &[&str]) -> Finished {
    let mut line = vec!["serve".to_owned()];
    line.extend(house.place.place_flags());
    line.extend(["--key-provider", "gcp-kms"].map(str::to_owned));
    line.extend(flags.iter().map(|&flag| flag.to_owned()));
    let finished = house.program().run(house.place.path(), line);
    assert_eq!(house.place.names(), ["trusted.pem"], "nothing is created");
    finished.expect_status(2)
}

#[test]
fn every_setting_that_cannot_be_right_ends_the_start_with_status_2() {
    let house = House::with_emulator();
    let finished = refused(&house, &[]);
    let sentence = finished.sentence();
    assert!(
        sentence.starts_with("--gcp-key-ring is required"),
        "{sentence}"
    );
    let ring = ["--gcp-key-ring", KEY_RING];
    let finished = refused(&house, &ring);
    let sentence = finished.sentence();
    assert!(
        sentence.starts_with("--gcp-protection-level is required"),
        "{sentence}"
    );
    let ring = [&ring[..], &["--gcp-protection-level", "software"]].concat();
    for (flag, value, problem) in [
        (
            "--gcp-key-ring",
            "signer",
            "must be the full name of a key ring",
        ),
        (
            "--gcp-key-prefix",
            "a/b",
            "must be at most 20 ASCII letters",
        ),
        ("--gcp-protection-level", "HSM", "must be hsm or software"),
        ("--gcp-endpoint-url", "kms", "must be a URL without a path"),
        (
            "--gcp-endpoint-url",
            "http://kms.example.com",
            "must open with https://: plain http is only for an emulator on this machine",
        ),
        (
            "--gcp-max-in-flight",
            "0",
            "must be a number from 1 to 1024",
        ),
        (
            "--gcp-requests-per-second",
            "0",
            "must be a number from 1 to 100000",
        ),
    ] {
        let flags = match flag {
            "--gcp-key-ring" => vec![flag, value, "--gcp-protection-level", "software"],
            "--gcp-protection-level" => vec!["--gcp-key-ring", KEY_RING, flag, value],
            _ => [&ring[..], &[flag, value]].concat(),
        };
        let finished = refused(&house, &flags);
        let expected = format!("{flag} \"{value}\": {problem}");
        let sentence = finished.sentence();
        assert!(sentence.starts_with(&expected), "{sentence}");
    }
}

#[test]
fn an_emulator_in_the_configuration_is_told_by_livez() {
    let house = House::with_emulator();
    let server = house.serve(&[]);
    let text = server.get("/livez").expect_status(200).text().to_owned();
    assert!(text.contains("emulator"), "{text}");
}

#[test]
fn a_service_that_is_not_there_yet_is_waited_for() {
    let house = House::with_emulator();
    house.kms.stop();
    let mut server = house.spawn(&[]);
    super::house::wait_for_warning(&server, "connecting to the key service");
    server.get("/livez").expect_status(200);
    house.kms.resume();
    server.wait_until_ready();
    server.generate("k1");
}
