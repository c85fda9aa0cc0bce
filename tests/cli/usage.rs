//! What the program says when it is used wrongly, and what it does without a custodian.

use std::fs;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use plexsphere_signer::PROVIDERS;
use signer_test_support::{Finished, Program, Workplace, shipped};

/// The providers of the catalogue, as a refusal tells them.
fn known_names() -> String {
    let names = PROVIDERS
        .iter()
        .map(|module| module.face().name.to_string());
    names.collect::<Vec<_>>().join(", ")
}

/// Runs `serve` in an empty place, and makes sure that it refuses without leaving anything behind.
fn refused(place: &Workplace, flags: &[&str]) -> Finished {
    refused_by(&shipped!(), place, flags)
}

fn refused_by(program: &Program, place: &Workplace, flags: &[&str]) -> Finished {
    let before = place.names();
    let line = ["serve"].iter().chain(flags);
    let finished = program.run(place.path(), line).expect_status(2);
    assert_eq!(finished.text(), "");
    assert_eq!(place.names(), before, "something was created");
    finished
}

#[test]
fn a_refusal_is_one_sentence_with_the_flag_and_nothing_is_created() {
    let place = Workplace::empty();
    for (flags, sentence) in [
        (
            &[][..],
            "--key-provider is required; name the provider that holds the keys, as in \
             --key-provider pkcs11, or try things out with --dev",
        ),
        (
            &["--key-provider", "vault"],
            "--key-provider \"vault\": must be one of KNOWN",
        ),
        (
            &["--key-provider", "software"],
            "--software-seed-file is required with --key-provider software; name a file of exactly \
             32 random bytes that only its owner can read",
        ),
        (
            &["--dev", "--drain-timeout", "soon"],
            "--drain-timeout \"soon\": must be a duration of at most 1h, such as 20s or 500ms",
        ),
        (
            &["--verbose", "policy.toml"],
            "unexpected argument '--verbose' found; --help tells more",
        ),
    ] {
        let sentence = sentence.replace("KNOWN", &known_names());
        assert_eq!(refused(&place, flags).sentence(), sentence);
    }
}

#[test]
fn the_scripted_double_is_no_provider_of_this_binary() {
    let place = Workplace::empty();
    let finished = refused(&place, &["--key-provider", "testdouble"]);
    let names = known_names();
    assert!(!names.contains("testdouble"), "{names}");
    assert_eq!(
        finished.sentence(),
        format!("--key-provider \"testdouble\": must be one of {names}")
    );
}

#[test]
fn a_seed_that_cannot_be_trusted_is_refused_before_anything_is_created() {
    let place = Workplace::with_seed();
    let flags = place.software_flags();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();

    fs::set_permissions(place.seed_file(), Permissions::from_mode(0o644)).unwrap();
    let open = refused(&place, &flags);
    assert!(
        open.sentence().starts_with("--software-seed-file "),
        "{open:?}"
    );

    fs::set_permissions(place.seed_file(), Permissions::from_mode(0o600)).unwrap();
    fs::write(place.seed_file(), [0; 31]).unwrap();
    let short = refused(&place, &flags);
    assert!(
        short.sentence().starts_with("--software-seed-file "),
        "{short:?}"
    );

    fs::remove_file(place.seed_file()).unwrap();
    let missing = refused(&place, &flags);
    assert!(
        missing.sentence().starts_with("--software-seed-file "),
        "{missing:?}"
    );
}

#[test]
fn a_registry_without_a_directory_is_refused_before_anything_is_created() {
    let place = Workplace::with_seed();
    let seed = place.seed_file().display().to_string();
    let socket = place.socket().display().to_string();
    let registry = format!("sqlite:{}", place.file("none/registry.db").display());
    let program = shipped!().with_variable("PLEXSPHERE_SIGNER_REGISTRY", &registry);
    let flags = [
        "--key-provider",
        "software",
        "--software-seed-file",
        &seed,
        "--socket",
        &socket,
    ];
    let finished = refused_by(&program, &place, &flags);
    let sentence = finished.sentence();
    assert!(
        sentence.starts_with(&format!("--registry {registry}: the directory")),
        "{sentence}"
    );
    assert!(
        sentence.ends_with("(set by PLEXSPHERE_SIGNER_REGISTRY)"),
        "{sentence}"
    );
}

#[test]
fn a_registry_that_cannot_be_relied_on_is_refused_before_anything_is_created() {
    for (file, content, problem) in [
        ("registry.db", "no database", "not a SQLite database"),
        ("registry.db", "", "the file is empty"),
        ("registry.db-wal", "a log", "the database is missing"),
    ] {
        let place = Workplace::with_seed();
        fs::write(place.file(file), content).unwrap();
        let flags = place.software_flags();
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let finished = refused(&place, &flags);
        let expected = format!(
            "--registry sqlite:{}: {problem}",
            place.registry().display()
        );
        assert!(finished.sentence().starts_with(&expected), "{finished:?}");
        assert_eq!(fs::read_to_string(place.file(file)).unwrap(), content);
    }
}

#[test]
fn a_socket_without_a_directory_is_refused_before_anything_is_created() {
    let place = Workplace::with_seed();
    let seed = place.seed_file().display().to_string();
    let socket = place.file("none/signer.sock").display().to_string();
    let registry = format!("sqlite:{}", place.registry().display());
    let flags = [
        "--key-provider",
        "software",
        "--software-seed-file",
        &seed,
        "--socket",
        &socket,
        "--registry",
        &registry,
    ];
    let finished = refused(&place, &flags);
    assert!(finished.sentence().starts_with("--socket"), "{finished:?}");
}

#[test]
fn a_variable_that_nobody_obeys_is_refused() {
    let place = Workplace::empty();
    let program = shipped!().with_variable("PLEXSPHERE_SIGNER_POLICY_FILE", "policy.toml");
    let finished = refused_by(&program, &place, &["--dev"]);
    assert!(
        finished
            .sentence()
            .starts_with("PLEXSPHERE_SIGNER_POLICY_FILE "),
        "{finished:?}"
    );
}

#[test]
fn a_setting_that_looks_like_a_service_is_refused() {
    let place = Workplace::empty();
    let program = shipped!().with_variable("PLEXSPHERE_SIGNER_HEALTH_PORT", "9090");
    let finished = refused_by(&program, &place, &["--dev"]);
    assert!(
        finished
            .sentence()
            .starts_with("PLEXSPHERE_SIGNER_HEALTH_PORT is no setting"),
        "{finished:?}"
    );
}

#[test]
fn a_wrong_command_line_is_told_in_one_sentence() {
    let place = Workplace::empty();
    for line in [
        &["frobnicate"][..],
        &["keys", "generate", "--scope", "platform"],
        &["keys", "generate", "--scope", "Platform", "--key-id", "k1"],
        &[
            "keys", "generate", "--scope", "platform", "--key-id", "../k1",
        ],
        &["keys", "show", "software"],
        &["keys", "list", "--state", "gone"],
        &[
            "keys",
            "public-key",
            "software:platform|k1",
            "--format",
            "der",
        ],
        &[
            "keys",
            "public-key",
            "software:platform|k1",
            "--format",
            "jwk",
            "-o",
            "json",
        ],
        &["sign", "file"],
        &[
            "sign",
            "--scope",
            "platform",
            "--handle",
            "software:platform|k1",
            "file",
        ],
        &["sign", "--scope", "platform", "no-such-file"],
        &["verify", "file"],
        &["probe", "healthz"],
        &["completion", "tcsh"],
        &["--socket", "s", "openapi"],
        &["-o", "json", "serve", "--dev"],
    ] {
        let finished = shipped!().run(place.path(), line).expect_status(2);
        assert_eq!(finished.text(), "", "{line:?}");
        assert!(!finished.sentence().is_empty(), "{line:?}");
    }
    assert!(place.names().is_empty());
}

#[test]
fn help_and_version_are_data() {
    let place = Workplace::empty();
    let help = shipped!()
        .run(place.path(), ["serve", "--help"])
        .expect_status(0);
    assert!(help.text().contains("--software-seed-file"));
    assert!(help.text().contains("PLEXSPHERE_SIGNER_SOFTWARE_SEED_FILE"));
    assert_eq!(help.stderr, "");
    let version = shipped!().run(place.path(), ["--version"]).expect_status(0);
    assert!(version.text().starts_with("plexsphere-signer "));
}

#[test]
fn a_command_that_is_missing_brings_the_help_on_standard_error() {
    let place = Workplace::empty();
    for line in [&[][..], &["keys"]] {
        let finished = shipped!().run(place.path(), line).expect_status(2);
        assert_eq!(finished.text(), "");
        assert!(finished.stderr.contains("Usage:"), "{finished:?}");
    }
}

#[test]
fn the_openapi_document_is_json() {
    let place = Workplace::empty();
    let document = shipped!()
        .run(place.path(), ["openapi"])
        .expect_status(0)
        .json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(document["paths"]["/v1/keys"].is_object());
}

#[test]
fn every_shell_gets_a_completion_script() {
    let place = Workplace::empty();
    for shell in ["bash", "zsh", "fish"] {
        let script = shipped!()
            .run(place.path(), ["completion", shell])
            .expect_status(0);
        assert!(script.text().contains("plexsphere-signer"), "{shell}");
        assert!(script.text().contains("public-key"), "{shell}");
    }
    let script = shipped!().run(place.path(), ["completion", "bash"]);
    fs::write(place.file("complete.bash"), script.stdout).unwrap();
    let check = std::process::Command::new("bash")
        .args(["-n", "complete.bash"])
        .current_dir(place.path())
        .output();
    assert!(check.unwrap().status.success());
}

#[test]
fn a_reader_that_went_away_is_not_an_error_to_talk_about() {
    let place = Workplace::empty();
    let shell = format!("'{}' openapi | head -c 1", shipped!().path().display());
    let output = std::process::Command::new("sh")
        .args(["-c", &shell])
        .current_dir(place.path())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_flag_that_names_no_socket_is_a_wrong_usage_of_a_client_command() {
    let place = Workplace::with_seed();
    for socket in ["-", "s.sock\n", "s.sock "] {
        let line = ["keys", "list", "--socket", socket];
        let refused = shipped!().run(place.path(), line).expect_status(2);
        let expected = format!("--socket \"{}\": must ", socket.escape_debug());
        assert!(refused.sentence().starts_with(&expected), "{refused:?}");
    }
}

#[test]
fn a_variable_that_names_no_socket_is_a_wrong_usage_of_every_client_command() {
    let place = Workplace::empty();
    let program = shipped!().with_variable("PLEXSPHERE_SIGNER_SOCKET", "");
    for line in [
        &["keys", "list"][..],
        &["keys", "retire", "software:platform|k1"],
        &["sign", "--scope", "platform", "/dev/null"],
        &["rotations", "show", "--scope", "platform"],
    ] {
        let refused = program.run(place.path(), line).expect_status(2);
        assert_eq!(
            refused.sentence(),
            "--socket \"\": must be a path (set by PLEXSPHERE_SIGNER_SOCKET)"
        );
    }
}
