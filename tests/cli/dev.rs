//! `serve --dev`: the first minute of a new user.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use signer_test_support::{Server, Workplace, shipped};

fn start(place: &Workplace) -> Server {
    Server::start_in_development(&shipped!(), place)
}

fn start_and_read_lines(place: &Workplace) -> (Server, String) {
    let mut server = start(place);
    let lines = server.read_output_until("openssl pkeyutl -verify");
    (server, lines)
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

/// Runs the printed lines in a shell, as a person would paste them.
fn run_lines(place: &Workplace, lines: &str) -> String {
    let output = Command::new("sh")
        .args(["-e", "-c", lines])
        .current_dir(place.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "",
        "curl or openssl complained"
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_printed_lines_lead_to_a_signature_that_openssl_accepts() {
    let place = Workplace::empty();
    let (_server, lines) = start_and_read_lines(&place);
    for again in [false, true] {
        let said = run_lines(&place, &lines);
        assert!(
            said.contains(r#""handle_id":"software:platform|k1""#),
            "{again}: {said}"
        );
        assert!(
            said.contains("Signature Verified Successfully"),
            "{again}: {said}"
        );
    }
}

#[test]
fn the_printed_lines_work_after_the_first_key_was_retired_and_while_a_rotation_is_open() {
    let place = Workplace::empty();
    let mut server = start(&place);
    server.generate("k1");
    server
        .cli(&["keys", "retire", signer_test_support::K1_HANDLE])
        .expect_status(0);
    assert!(server.terminate().success());
    let (mut server, lines) = start_and_read_lines(&place);
    let said = run_lines(&place, &lines);
    assert!(
        said.contains(r#""handle_id":"software:platform|k2""#),
        "{said}"
    );

    let open = "rotations open --scope platform --new-key-id 2026-11";
    let open: Vec<&str> = open.split(' ').collect();
    server.cli(&open).expect_status(0);
    assert!(server.terminate().success());
    let (_server, lines) = start_and_read_lines(&place);
    assert!(lines.contains("software%3Aplatform%7C2026-11"), "{lines}");
    run_lines(&place, &lines);
}

#[test]
fn a_second_one_in_the_same_directory_is_told_what_to_do() {
    let place = Workplace::empty();
    let _server = start(&place);
    let finished = shipped!()
        .run(place.path(), ["serve", "--dev"])
        .expect_status(2);
    let expected = "--dev: another custodian serves in this directory already; use that one, stop \
                    it, or start in another directory";
    assert_eq!(finished.sentence(), expected);
}

#[test]
fn the_state_is_private_and_serves_again_at_the_next_start() {
    let place = Workplace::empty();
    let directory = place.file(".plexsphere-signer");
    let mut server = start(&place);
    server.generate("k1");
    let first = server.get(signer_test_support::K1).json();
    assert_eq!(mode(&directory), 0o700);
    for name in ["seed.bin", "registry.db", "signer.sock"] {
        assert_eq!(mode(&directory.join(name)), 0o600, "{name}");
    }
    assert_eq!(fs::metadata(directory.join("seed.bin")).unwrap().len(), 32);
    assert!(server.terminate().success());
    assert!(!directory.join("signer.sock").exists());

    let server = start(&place);
    assert_eq!(server.get(signer_test_support::K1).json(), first);
    server
        .cli(&["sign", "--scope", "platform", "/dev/null"])
        .expect_status(0);
}

#[test]
fn two_places_have_two_seeds() {
    let key = |place: &Workplace| {
        let server = start(place);
        server.generate("k1").json()["public_key"].clone()
    };
    assert_ne!(key(&Workplace::empty()), key(&Workplace::empty()));
}

#[test]
fn a_lost_seed_is_not_replaced_while_keys_that_came_from_it_are_registered() {
    let place = Workplace::empty();
    let mut server = start(&place);
    server.generate("k1");
    assert!(server.terminate().success());
    let seed = place.file(".plexsphere-signer/seed.bin");
    let aside = place.file("aside");
    fs::rename(&seed, &aside).unwrap();
    let finished = shipped!()
        .run(place.path(), ["serve", "--dev"])
        .expect_status(2);
    let expected = "--dev finds \".plexsphere-signer/registry.db\" without the seed of its keys: \
                    put \".plexsphere-signer/seed.bin\" back, or remove \".plexsphere-signer\" to \
                    start anew";
    assert_eq!(finished.sentence(), expected);
    assert!(!seed.exists());
    fs::rename(&aside, &seed).unwrap();
    start(&place)
        .cli(&["sign", "--scope", "platform", "/dev/null"])
        .expect_status(0);
}

#[test]
fn a_directory_that_others_can_enter_is_refused_untouched() {
    let place = Workplace::empty();
    let directory = place.file(".plexsphere-signer");
    fs::create_dir(&directory).unwrap();
    fs::set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
    let finished = shipped!()
        .run(place.path(), ["serve", "--dev"])
        .expect_status(2);
    let refusal = finished.sentence();
    assert!(refusal.contains("open to other users"), "{refusal}");
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
    assert_eq!(mode(&directory), 0o755);
}

#[test]
fn the_environment_of_a_client_does_not_disturb_it() {
    let place = Workplace::empty();
    let program = shipped!().with_variable("PLEXSPHERE_SIGNER_SOCKET", "/nowhere/signer.sock");
    Server::start_in_development(&program, &place).generate("k1");
}

#[test]
fn a_set_up_in_the_environment_is_refused_and_nothing_is_created() {
    let place = Workplace::empty();
    for (name, value) in [
        ("PLEXSPHERE_SIGNER_KEY_PROVIDER", "pkcs11"),
        ("PLEXSPHERE_SIGNER_DEPLOYMENT_PROFILE", "saas"),
        ("PLEXSPHERE_SIGNER_REGISTRY", "sqlite:registry.db"),
    ] {
        let finished = shipped!()
            .with_variable(name, value)
            .run(place.path(), ["serve", "--dev"])
            .expect_status(2);
        let expected = format!("{name} cannot be used with --dev");
        assert!(finished.sentence().starts_with(&expected), "{finished:?}");
        assert!(place.names().is_empty());
    }
}

/// The lines of the chapter of the README that shows how the program is used.
fn lines_of_readme() -> String {
    let readme = include_str!("../../README.md");
    let (_, chapter) = readme.split_once("\n## Using it\n").unwrap();
    let (chapter, _) = chapter.split_once("\n### ").unwrap();
    let blocks = chapter.split("```sh\n").skip(1);
    blocks
        .map(|block| block.split_once("```").unwrap().0)
        .collect()
}

#[test]
fn the_lines_of_the_readme_work_as_they_stand() {
    let place = Workplace::empty();
    let _server = start(&place);
    // What the reader has: the working copy, with the program that was built in it.
    fs::write(place.file("README.md"), "any file").unwrap();
    fs::create_dir_all(place.file("target/release")).unwrap();
    let built = place.file("target/release/plexsphere-signer");
    std::os::unix::fs::symlink(shipped!().path(), built).unwrap();
    let lines = lines_of_readme();
    assert!(lines.matches("plexsphere-signer ").count() >= 7, "{lines}");
    let said = run_lines(&place, &lines);
    assert!(said.contains("software:platform|k1"), "{said}");
    assert!(place.file("release.sig").exists());
}
