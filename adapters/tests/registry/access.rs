//! Files and directories that the user of the process may not write.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::thread;

use rustix::process::{Gid, Uid, geteuid};
use rustix::thread::{set_thread_gid, set_thread_groups, set_thread_uid};
use signer_adapters::registry::{OpenRegistryError, RegistryRefusal};

use crate::support::{Place, open};

/// Runs `work` on a thread to which permission bits apply: root becomes nobody there.
fn as_ordinary_user<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let ordinary = scope.spawn(|| {
            if geteuid().is_root() {
                set_thread_groups(&[]).unwrap();
                set_thread_gid(Gid::from_raw(65534)).unwrap();
                set_thread_uid(Uid::from_raw(65534)).unwrap();
            }
            assert!(!geteuid().is_root());
            work()
        });
        ordinary.join().unwrap()
    })
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap().block_on(future)
}

fn open_as_ordinary_user(path: &Path) -> OpenRegistryError {
    as_ordinary_user(|| run(open(path)).unwrap_err())
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn refuses_a_directory_it_may_not_write() {
    let place = Place::new();
    chmod(place.directory(), 0o555);
    let error = open_as_ordinary_user(&place.path());
    let sentence = error.to_string();
    assert!(
        matches!(error.refusal, RegistryRefusal::Inaccessible { .. }),
        "{sentence}"
    );
    assert!(sentence.contains("registry.db.lock"), "{sentence}");
    assert!(
        sentence.contains("write access to its directory"),
        "{sentence}"
    );
    assert!(place.snapshot().is_empty());
    chmod(place.directory(), 0o755);
}

#[test]
fn refuses_a_directory_it_may_not_enter() {
    let place = Place::new();
    chmod(place.directory(), 0o000);
    let error = open_as_ordinary_user(&place.path());
    assert!(
        matches!(error.refusal, RegistryRefusal::Inaccessible { .. }),
        "{error}"
    );
    chmod(place.directory(), 0o755);
}

#[test]
fn refuses_a_registry_it_may_not_write() {
    let place = Place::new();
    run(async { place.open().await.close().await.unwrap() });
    chmod(place.directory(), 0o755);
    chmod(&place.path(), 0o444);
    let before = place.snapshot();
    let error = open_as_ordinary_user(&place.path());
    let RegistryRefusal::Inaccessible { path, .. } = &error.refusal else {
        panic!("{error}");
    };
    assert!(path.starts_with(place.directory()), "{error}");
    assert_eq!(place.snapshot(), before);
}

#[test]
fn refuses_a_registry_beside_which_it_may_not_write() {
    let place = Place::new();
    run(async { place.open().await.close().await.unwrap() });
    chmod(&place.path(), 0o666);
    chmod(&place.directory().join("registry.db.lock"), 0o666);
    chmod(place.directory(), 0o555);
    let before = place.snapshot();
    let error = open_as_ordinary_user(&place.path());
    assert!(
        matches!(error.refusal, RegistryRefusal::Unwritable(_)),
        "{error}"
    );
    assert!(error.to_string().contains("-wal and -shm"), "{error}");
    assert_eq!(place.snapshot(), before);
    chmod(place.directory(), 0o755);
}

#[test]
fn refuses_a_file_system_that_takes_no_files() {
    let error = run(open("/sys/registry.db".as_ref())).unwrap_err();
    assert!(
        matches!(error.refusal, RegistryRefusal::Inaccessible { .. }),
        "{error}"
    );
}
