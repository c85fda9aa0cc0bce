//! No two settings may lead to one file: the custodian would take its own file for somebody's, or
//! lose one of them.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use signer_test_support::{Server, Workplace, is_as_shipped, shipped};

/// Every setting that leads to a file, its name in a workplace, and what is kept beside it.
const SETTINGS: &[(&str, &str, &[&str])] = &[
    (
        "--registry",
        "registry.db",
        &[
            "",
            "-wal",
            "-shm",
            "-journal",
            ".lock",
            ".new",
            ".new-wal",
            ".new-shm",
            ".new-journal",
        ],
    ),
    (
        "--audit-log",
        "audit.jsonl",
        &[
            "",
            ".lock",
            ".checkpoint",
            ".checkpoint-key",
            ".checkpoint-key.new",
            ".checkpoint-key.pub",
            ".checkpoint-key.pub.new",
        ],
    ),
    ("--socket", "signer.sock", &["", ".lock"]),
    ("--software-seed-file", "seed.bin", &[""]),
    ("--pkcs11-pin-file", "pin", &[""]),
    ("--pkcs11-module", "module.so", &[""]),
];

/// Whether the program has the provider whose settings lead to a PIN and to a module.
fn holds_pkcs11() -> bool {
    cfg!(feature = "pkcs11") && !is_as_shipped()
}

/// The settings that count in this program.
fn settings() -> impl Iterator<Item = &'static (&'static str, &'static str, &'static [&'static str])>
{
    let counts = |flag: &str| holds_pkcs11() || !flag.starts_with("--pkcs11-");
    SETTINGS.iter().filter(move |(flag, ..)| counts(flag))
}

/// The flags of a custodian whose settings lead to these files in `place`.
fn flags_with(place: &Workplace, flag: &str, path: &str) -> Vec<String> {
    let mut flags = vec!["--key-provider".to_owned(), "software".to_owned()];
    if holds_pkcs11() {
        flags.extend(["--key-provider", "pkcs11", "--pkcs11-slot", "0"].map(str::to_owned));
    }
    for (setting, name, _) in settings() {
        let usual = place.file(name).display().to_string();
        let path = if *setting == flag { path } else { &usual };
        let scheme = if *setting == "--registry" {
            "sqlite:"
        } else {
            ""
        };
        flags.extend([(*setting).to_owned(), format!("{scheme}{path}")]);
    }
    flags
}

/// What is in a workplace: the bytes of each file by its name.
fn contents(place: &Workplace) -> BTreeMap<String, Vec<u8>> {
    let read = |name: String| {
        let bytes = fs::read(place.file(&name)).unwrap_or_default();
        (name, bytes)
    };
    place.names().into_iter().map(read).collect()
}

/// The file that is refused as one of `flag`, and by whom it is kept.
#[track_caller]
fn assert_refused(place: &Workplace, flag: &str, path: &str, keeper: &str) {
    let before = contents(place);
    let flags = flags_with(place, flag, path);
    let refused = shipped!().serve_in_vain(place, flags).expect_status(2);
    let sentence = refused.sentence();
    let both = [
        format!("{flag} and {keeper}: "),
        format!("{keeper} and {flag}: "),
    ];
    let names_both = both.iter().any(|names| sentence.starts_with(names));
    assert!(names_both, "{flag} {path} {keeper}: {sentence}");
    let canonical = place.path().canonicalize().unwrap();
    assert!(
        sentence.contains(&canonical.display().to_string()),
        "{sentence}"
    );
    assert!(
        sentence.ends_with("; choose another path for one of them"),
        "{sentence}"
    );
    assert_eq!(contents(place), before, "{flag} {path}");
}

/// A custodian of these names that was killed, so that all it keeps is still there.
fn place_of_a_killed_custodian() -> Workplace {
    let place = Workplace::with_seed();
    let mut server = Server::start(&shipped!(), &place, &[]);
    server.generate("k1");
    server.kill();
    place
}

#[test]
fn every_two_settings_that_lead_to_one_file_are_refused_and_nothing_is_touched() {
    for place in [Workplace::with_seed(), place_of_a_killed_custodian()] {
        for (flag, _, _) in settings() {
            for (keeper, name, suffixes) in settings().filter(|(other, ..)| other != flag) {
                for suffix in *suffixes {
                    let path = place.file(&format!("{name}{suffix}"));
                    assert_refused(&place, flag, &path.display().to_string(), keeper);
                }
            }
        }
    }
}

#[test]
fn every_file_that_a_custodian_leaves_is_known_as_its_own() {
    let place = place_of_a_killed_custodian();
    let made: Vec<String> = place
        .names()
        .into_iter()
        .filter(|name| name != "seed.bin")
        .collect();
    assert!(made.contains(&"registry.db-wal".to_owned()), "{made:?}");
    for name in made {
        let is_kept = |(_, base, suffixes): &&(&str, &str, &[&str])| {
            let rest = name.strip_prefix(base);
            rest.is_some_and(|suffix| suffixes.contains(&suffix))
        };
        assert!(settings().any(|setting| is_kept(&setting)), "{name}");
    }
}

#[test]
fn another_spelling_of_a_path_a_link_and_a_second_name_are_the_same_file() {
    let place = Workplace::with_seed();
    symlink(place.path(), place.file("link")).unwrap();
    let spelt = |path: &str| place.file(path).display().to_string();
    for spelling in ["link/registry.db-wal", "./link/./registry.db-wal"] {
        let absolute = spelt(spelling);
        assert_refused(&place, "--audit-log", &absolute, "--registry");
        assert_refused(&place, "--audit-log", spelling, "--registry");
    }
    fs::hard_link(place.seed_file(), place.file("audit.jsonl.lock")).unwrap();
    assert_refused(
        &place,
        "--audit-log",
        &spelt("audit.jsonl"),
        "--software-seed-file",
    );
}

#[test]
fn a_default_and_a_variable_are_told_as_what_they_are() {
    let place = Workplace::with_seed();
    let registry = format!("sqlite:{}", place.file("audit.jsonl").display());
    let program = shipped!().with_variable("PLEXSPHERE_SIGNER_REGISTRY", &registry);
    let flags = place.software_flags();
    let flags = flags
        .into_iter()
        .filter(|word| word != "--registry" && !word.starts_with("sqlite:"));
    let refused = program.serve_in_vain(&place, flags).expect_status(2);
    let path: PathBuf = place.path().canonicalize().unwrap().join("audit.jsonl");
    assert_eq!(
        refused.sentence(),
        format!(
            "--audit-log (by default) and --registry (set by PLEXSPHERE_SIGNER_REGISTRY): {} cannot \
             be the log of the one and the database of the other; choose another path for one of \
             them",
            path.display()
        )
    );
    assert_eq!(place.names(), ["seed.bin"]);
}

#[test]
fn accepting_a_registry_compares_the_log_with_it_as_well() {
    let place = Workplace::with_seed();
    let mut server = Server::start(&shipped!(), &place, &[]);
    server.generate("k1");
    assert!(server.terminate().success());
    let log = place.file("registry.db-wal").display().to_string();
    fs::copy(
        place.file("audit.jsonl.checkpoint"),
        place.file("registry.db-wal.checkpoint"),
    )
    .unwrap();
    let before = contents(&place);
    let registry = format!("sqlite:{}", place.registry().display());
    let line = [
        "audit",
        "accept-registry",
        "--audit-log",
        &log,
        "--registry",
        &registry,
    ];
    let refused = shipped!().run(place.path(), line).expect_status(2);
    let expected = "--audit-log and --registry: ";
    assert!(refused.sentence().starts_with(expected), "{refused:?}");
    assert_eq!(contents(&place), before);
}
