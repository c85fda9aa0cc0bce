use std::fs;
use std::os::unix::fs::symlink;

use super::*;

fn refused(places: &[Place]) -> Option<String> {
    refuse_shared(places)
        .err()
        .map(|refusal| refusal.to_string())
}

/// A log and a registry at these names below `directory`.
fn log_and_registry(directory: &Path, log: &str, registry: &str) -> Option<String> {
    refused(&[
        Place::audit_log("--audit-log", &directory.join(log)),
        Place::registry("--registry", &directory.join(registry)),
    ])
}

#[test]
fn files_apart_are_let_be_whether_they_are_there_or_not() {
    let place = tempfile::tempdir().unwrap();
    for _round in ["absent", "present"] {
        assert_eq!(log_and_registry(place.path(), "a", "b"), None);
        assert_eq!(log_and_registry(place.path(), "a", "none/a"), None);
        for name in ["a", "a.lock", "b", "b-wal"] {
            fs::write(place.path().join(name), "").unwrap();
        }
    }
}

#[test]
fn every_file_that_is_kept_is_compared() {
    let place = tempfile::tempdir().unwrap();
    for suffix in [
        "",
        "-wal",
        "-shm",
        "-journal",
        ".lock",
        ".new",
        ".new-wal",
        ".new-shm",
        ".new-journal",
    ] {
        let met = log_and_registry(place.path(), &format!("r{suffix}"), "r");
        assert!(met.is_some(), "{suffix}");
    }
    for suffix in [
        ".lock",
        ".checkpoint",
        ".checkpoint-key",
        ".checkpoint-key.new",
        ".checkpoint-key.pub",
        ".checkpoint-key.pub.new",
    ] {
        let met = log_and_registry(place.path(), "a", &format!("a{suffix}"));
        assert!(met.is_some(), "{suffix}");
    }
}

#[test]
fn every_spelling_of_a_directory_is_one() {
    let place = tempfile::tempdir().unwrap();
    let inner = place.path().join("inner");
    fs::create_dir(&inner).unwrap();
    symlink(&inner, place.path().join("link")).unwrap();
    for spelling in ["inner/r-wal", "link/r-wal", "./inner/../inner//r-wal"] {
        let shown = inner.canonicalize().unwrap().join("r-wal");
        assert_eq!(
            log_and_registry(place.path(), spelling, "inner/r").unwrap(),
            format!(
                "--audit-log and --registry: {} cannot be the log of the one and the write-ahead log \
                 of the other; choose another path for one of them",
                shown.display()
            )
        );
    }
}

#[test]
fn a_link_to_the_registry_leads_to_what_is_kept_beside_the_file_itself() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("inner")).unwrap();
    fs::write(place.path().join("inner/r"), "").unwrap();
    symlink("inner/r", place.path().join("r")).unwrap();
    assert!(log_and_registry(place.path(), "inner/r-wal", "r").is_some());
    assert_eq!(log_and_registry(place.path(), "r-wal", "r"), None);
}

#[test]
fn two_names_of_one_file_are_one_file() {
    let place = tempfile::tempdir().unwrap();
    let file = |name: &str| place.path().canonicalize().unwrap().join(name);
    fs::write(file("seed"), "").unwrap();
    fs::hard_link(file("seed"), file("a.lock")).unwrap();
    let seed = || Place::new("--seed".to_owned(), &file("seed"), &[("", "the seed")]);
    let met = refused(&[Place::audit_log("--audit-log", &file("a")), seed()]);
    assert_eq!(
        met.unwrap(),
        format!(
            "--audit-log and --seed: {}, which is {} as well, cannot be the lock file of the one \
             and the seed of the other; choose another path for one of them",
            file("a.lock").display(),
            file("seed").display()
        )
    );
    symlink("seed", file("link")).unwrap();
    let link = Place::new("--pin".to_owned(), &file("link"), &[("", "the PIN")]);
    assert!(refused(&[link, seed()]).is_some());
}
