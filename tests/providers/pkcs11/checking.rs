//! `pkcs11 mechanisms` and `pkcs11 check`.

use std::fs;

use serde_json::{Value, json};
use signer_test_support::{copy_directory, eventually, path_of};

use super::token::{LABEL, PIN, Token};
use crate::suite::Installation as _;

#[test]
fn the_mechanisms_are_listed_as_a_table_and_as_a_document() {
    let token = Token::fresh();
    let listed = token.run("mechanisms", &[]).expect_status(0);
    let table = listed.text();
    assert!(table.starts_with("SLOT"), "{table}");
    let line = table
        .lines()
        .find(|line| line.starts_with("CKM_EDDSA "))
        .unwrap();
    let words: Vec<_> = line.split_whitespace().collect();
    assert_eq!(words, ["CKM_EDDSA", "yes", "-", "yes"]);
    let document = token
        .run("mechanisms", &["-o", "json"])
        .expect_status(0)
        .json();
    assert_eq!(document["token"]["label"], LABEL);
    assert_eq!(document["missing"], json!([]));
}

#[test]
fn a_check_passes_before_and_after_the_first_start_and_changes_nothing() {
    let token = Token::fresh();
    let before = token.sorted_objects();
    let first = token.run("check", &["-o", "json"]).expect_status(0).json();
    assert_eq!(first["usable"], true);
    assert_eq!(first["sentinel_public_key"], Value::Null);
    assert_eq!(token.sorted_objects(), before);

    let mut server = token.serve(&[]);
    server.generate("k1");
    assert!(server.terminate().success());
    let before = token.sorted_objects();
    let second = token.run("check", &["-o", "json"]).expect_status(0).json();
    assert_eq!(second["usable"], true);
    assert!(second["sentinel_public_key"].is_string(), "{second}");
    assert_eq!(token.sorted_objects(), before);
    let keys = second["steps"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(keys["detail"], "1 live, 0 retired");
}

#[test]
fn two_sentinels_are_told_of_and_keep_nobody_from_starting() {
    let token = Token::fresh();
    let mut server = token.serve(&[]);
    server.generate("k1");
    assert!(server.terminate().success());
    let login = ["--token-label", LABEL, "--login", "--pin", PIN];
    let make = ["--keypairgen", "--key-type", "EC:edwards25519"];
    let name = ["--label", "plexsphere:sentinel"];
    token.tool(&[&login[..], &make, &name].concat());

    let check = || token.run("check", &["-o", "json"]).expect_status(0).json();
    let found = check();
    assert_eq!(found["usable"], true);
    let steps = found["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["name"] == "sentinel");
    let detail = step.unwrap()["detail"].as_str().unwrap();
    assert!(
        detail.ends_with("; 2 pairs bear that name, which does no harm"),
        "{detail}"
    );

    let mut server = token.serve(&[]);
    server.generate("k2");
    assert_eq!(check()["sentinel_public_key"], found["sentinel_public_key"]);
    assert!(server.terminate().success());
    let log = server.take_log();
    let told = |line: &&str| line.contains("token holds several sentinels");
    let told: Vec<_> = log.lines().filter(told).collect();
    assert_eq!(told.len(), 1, "{log}");
    assert!(
        told[0].contains("\"pairs\":2") || told[0].contains("pairs=2"),
        "{told:?}"
    );
}

#[test]
fn the_step_that_fails_says_why() {
    let token = Token::fresh();
    token.write_pin("not-the-pin");
    let refused = token.run("check", &["-o", "json"]).expect_status(2);
    let steps = refused.json()["steps"].as_array().unwrap().clone();
    let last = steps.last().unwrap();
    assert_eq!(
        (&last["name"], &last["ok"]),
        (&"login".into(), &false.into())
    );
    assert!(
        last["detail"]
            .as_str()
            .unwrap()
            .contains("CKR_PIN_INCORRECT"),
        "{last}"
    );

    let token = Token::fresh();
    let mut line = vec!["pkcs11".to_owned(), "check".to_owned()];
    line.extend(token.token_flags());
    let at = line
        .iter()
        .position(|word| word == "--pkcs11-slot")
        .unwrap();
    line[at + 1] = "label:another".to_owned();
    let absent = token
        .program()
        .run(token.place.path(), line)
        .expect_status(6);
    assert!(
        absent.text().contains(&format!("label:{LABEL}")),
        "{absent:?}"
    );
}

/// A token whose store was put back to where it was before a retirement.
#[test]
fn a_retired_key_that_the_token_can_still_use_is_named_by_a_check_that_knows_the_registry() {
    let token = Token::fresh();
    let mut server = token.serve(&[]);
    server.generate("k1");
    server.generate("k2");
    assert!(server.terminate().success());
    let (store, backup) = (token.place.file("tokens"), token.place.file("backup"));
    copy_directory(&store, &backup);
    let mut server = token.serve(&[]);
    let retire = format!("{}/retire", path_of("pkcs11:plexsphere:platform:k1"));
    server.post(&retire, "").expect_status(200);

    let registry = format!("sqlite:{}", token.place.registry().display());
    let with_registry = ["-o", "json", "--registry", &registry];
    let beside = token.run("check", &with_registry).expect_status(0).json();
    assert_eq!(beside["retired_still_usable"], json!([]));
    server.get("/readyz").expect_status(200);
    server.kill();
    fs::remove_dir_all(&store).unwrap();
    copy_directory(&backup, &store);

    let files = ["registry.db", "registry.db-wal"].map(|name| token.place.file(name));
    let before = files.each_ref().map(|file| fs::read(file).unwrap());
    let found = token.run("check", &with_registry).expect_status(7).json();
    assert_eq!(
        found["retired_still_usable"],
        json!(["pkcs11:plexsphere:platform:k1"])
    );
    assert_eq!(found["usable"], true);
    let table = token
        .run("check", &["--registry", &registry])
        .expect_status(7);
    let lines = table.text();
    let line = lines.lines().find(|line| line.starts_with("retired "));
    let line = line.unwrap();
    assert!(
        line.contains("failed") && line.contains("platform:k1"),
        "{line}"
    );
    assert!(!line.contains("platform:k2"), "{line}");
    let named_by_environment = token
        .program()
        .with_variable("PLEXSPHERE_SIGNER_REGISTRY", &registry);
    let mut line = vec!["pkcs11".to_owned(), "check".to_owned()];
    line.extend(token.token_flags());
    named_by_environment
        .run(token.place.path(), line)
        .expect_status(7);
    let without = token.run("check", &["-o", "json"]).expect_status(0).json();
    assert_eq!(without["retired_still_usable"], Value::Null);
    assert!(files.each_ref().map(|file| fs::read(file).unwrap()) == before);

    // A start makes it unusable, soon after it serves.
    let mut server = token.serve(&[]);
    let beside = eventually("a token that has only what the registry knows", || {
        let found = token.run("check", &with_registry);
        (found.status == Some(0)).then(|| found.json())
    });
    assert_eq!(beside["retired_still_usable"], json!([]));
    assert!(server.terminate().success());
}

#[test]
fn a_registry_that_is_not_there_is_an_error_where_a_flag_names_it_and_none_where_the_environment_does()
 {
    let token = Token::fresh();
    let registry = format!("sqlite:{}", token.place.registry().display());
    let names = token.place.names();
    token
        .run("check", &["--registry", &registry])
        .expect_status(2);
    let mut line = ["pkcs11", "check", "-o", "json"]
        .map(str::to_owned)
        .to_vec();
    line.extend(token.token_flags());
    let found = token
        .program()
        .with_variable("PLEXSPHERE_SIGNER_REGISTRY", &registry)
        .run(token.place.path(), line)
        .expect_status(0)
        .json();
    assert_eq!(found["retired_still_usable"], Value::Null);
    assert_eq!(token.place.names(), names);
}
