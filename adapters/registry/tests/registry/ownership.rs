//! Whose a registry is: what is taken for its lock file, and which files are its own.

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::PathBuf;

use rustix::fs::{CWD, Mode, mkfifoat};
use signer_domain::LockHolder;
use signer_domain::ports::RegistryStore as _;
use signer_registry::RegistryRefusal;

use crate::support::{PLATFORM, Place, generate, open};

fn lock_of(place: &Place) -> PathBuf {
    place.directory().join("registry.db.lock")
}

#[tokio::test]
async fn whatever_is_no_regular_file_at_the_place_of_the_lock_is_refused_and_left_alone() {
    for make in [
        |place: &Place| symlink("nowhere", lock_of(place)).unwrap(),
        |place: &Place| {
            fs::write(place.directory().join("diary"), "dear diary").unwrap();
            symlink("diary", lock_of(place)).unwrap();
        },
        |place: &Place| {
            fs::write(place.directory().join("diary"), "dear diary").unwrap();
            fs::hard_link(place.directory().join("diary"), lock_of(place)).unwrap();
        },
        |place: &Place| mkfifoat(CWD, lock_of(place), Mode::from_raw_mode(0o600)).unwrap(),
        |place: &Place| fs::create_dir(lock_of(place)).unwrap(),
    ] {
        let place = Place::new();
        make(&place);
        let names: Vec<_> = place.snapshot().into_keys().collect();
        let refused = open(&place.path()).await.unwrap_err();
        assert!(
            matches!(&refused.refusal, RegistryRefusal::NotALockFile(path) if path.ends_with("registry.db.lock")),
            "{refused}"
        );
        assert!(refused.to_string().ends_with("; move it away"), "{refused}");
        let after: Vec<_> = place.snapshot().into_keys().collect();
        assert_eq!(after, names);
    }
}

#[tokio::test]
async fn a_lock_file_of_another_user_does_not_count_even_while_it_is_locked() {
    let place = Place::new();
    fs::write(lock_of(&place), "").unwrap();
    // Only root can give a file away; anybody else shows nothing here and must not seem to.
    chown(lock_of(&place), Some(65534), Some(65534)).unwrap();
    let held = fs::File::open(lock_of(&place)).unwrap();
    held.try_lock().unwrap();
    let registry = place.open().await;
    generate(&registry, PLATFORM, "k1").await;
    let second = open(&place.path()).await.unwrap_err();
    let ours = LockHolder::Process {
        pid: std::process::id(),
        uid: rustix::process::geteuid().as_raw(),
    };
    assert!(
        matches!(second.refusal, RegistryRefusal::InUse(holder) if holder == ours),
        "{second}"
    );
    registry.lease_holds().unwrap();
}

#[tokio::test]
async fn a_registry_that_is_open_is_refused_whatever_its_path_and_without_its_lock_file() {
    let (place, elsewhere) = (Place::new(), Place::new());
    let registry = place.open().await;
    generate(&registry, PLATFORM, "k1").await;
    fs::remove_file(lock_of(&place)).unwrap();
    registry.check().await.unwrap_err();
    registry.lease_holds().unwrap_err();
    let refused = open(&place.path()).await.unwrap_err();
    assert!(
        matches!(refused.refusal, RegistryRefusal::InUse(_)),
        "{refused}"
    );
    fs::rename(place.path(), elsewhere.path()).unwrap();
    let refused = open(&elsewhere.path()).await.unwrap_err();
    assert!(
        matches!(refused.refusal, RegistryRefusal::InUse(_)),
        "{refused}"
    );
    fs::rename(elsewhere.path(), place.path()).unwrap();
    drop(registry);
    // What was refused has taken nothing away.
    let registry = place.open().await;
    generate(&registry, PLATFORM, "k2").await;
}

#[tokio::test]
async fn a_registry_with_a_second_name_is_refused_and_left_as_it_is() {
    let place = Place::new();
    place.open().await.close().await.unwrap();
    let name = place.directory().join("second");
    fs::hard_link(place.path(), &name).unwrap();
    let before = place.snapshot();
    for path in [place.path(), name.clone()] {
        let refused = open(&path).await.unwrap_err();
        assert!(
            matches!(refused.refusal, RegistryRefusal::SecondName),
            "{refused}"
        );
        assert!(
            refused.to_string().contains("remove that name"),
            "{refused}"
        );
    }
    assert_eq!(place.snapshot(), before);
    fs::remove_file(name).unwrap();
    place.open().await;
}
