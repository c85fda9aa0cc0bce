//! `serve --dev`: the first minute of a new user.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use signer_test_support::{Program, Server, Workplace};

fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_plexsphere-signer"))
}

fn start(place: &Workplace) -> Server {
    let socket = place.file(".plexsphere-signer/signer.sock");
    Server::start_with(&program(), place.path(), &socket, ["--dev"])
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
    let mut server = start(&place);
    let lines = server.read_output_until("openssl pkeyutl -verify");
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
    let finished = program()
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
    let finished = program()
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
    let socket = place.file(".plexsphere-signer/signer.sock");
    let program = program().with_variable("PLEXSPHERE_SIGNER_SOCKET", "/nowhere/signer.sock");
    let server = Server::start_with(&program, place.path(), &socket, ["--dev"]);
    server.generate("k1");
}

#[test]
fn a_set_up_in_the_environment_is_refused_and_nothing_is_created() {
    let place = Workplace::empty();
    for (name, value) in [
        ("PLEXSPHERE_SIGNER_KEY_PROVIDER", "pkcs11"),
        ("PLEXSPHERE_SIGNER_DEPLOYMENT_PROFILE", "saas"),
        ("PLEXSPHERE_SIGNER_REGISTRY", "sqlite:registry.db"),
    ] {
        let finished = program()
            .with_variable(name, value)
            .run(place.path(), ["serve", "--dev"])
            .expect_status(2);
        let expected = format!("{name} cannot be used with --dev");
        assert!(finished.sentence().starts_with(&expected), "{finished:?}");
        assert!(place.names().is_empty());
    }
}
