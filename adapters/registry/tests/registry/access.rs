//! Files and directories that the user of the process may not write.

use signer_domain::ports::RegistryStore as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::thread;

use rustix::process::{Gid, Uid, getegid, geteuid};
use rustix::thread::{set_thread_gid, set_thread_groups, set_thread_uid};
use signer_registry::{OpenRegistryError, RegistryRefusal};

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
    for name in ["registry.db", "registry.db.lock"] {
        let file = place.directory().join(name);
        if geteuid().is_root() {
            chown(&file, Some(65534), Some(65534)).unwrap();
        }
    }
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

#[test]
fn refuses_a_registry_that_others_may_write_and_none_that_they_may_read() {
    for name in ["registry.db", "registry.db-wal", "registry.db-journal"] {
        // Only root gives files to a group that is none of its own.
        let by_group = geteuid().is_root().then_some(0o620);
        for mode in by_group.into_iter().chain([0o602, 0o666]) {
            let place = Place::new();
            run(async { place.open().await.close().await.unwrap() });
            let file = place.directory().join(name);
            fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(&file)
                .unwrap();
            chmod(&file, mode);
            if by_group == Some(mode) {
                chown(&file, None, Some(4711)).unwrap();
            }
            let before = place.snapshot();
            let error = run(open(&place.path())).unwrap_err();
            let shown = file.display();
            assert_eq!(
                error.to_string(),
                format!(
                    "--registry sqlite:{}: other users can write {shown} (mode {mode:04o}); close it \
                     with chmod go-w {shown}",
                    place.path().display()
                )
            );
            assert_eq!(place.snapshot(), before);
            chmod(&file, 0o644);
            run(open(&place.path())).unwrap();
        }
    }
}

/// The kubelet leaves every file of a volume like that to the `fsGroup` of the pod.
#[test]
fn takes_a_registry_that_a_group_of_the_process_may_write() {
    let place = Place::new();
    run(async { place.open().await.close().await.unwrap() });
    chown(place.path(), None, Some(getegid().as_raw())).unwrap();
    chmod(&place.path(), 0o660);
    run(async { place.open().await.close().await.unwrap() });
}

#[test]
fn refuses_a_registry_of_another_user_but_for_root() {
    if !geteuid().is_root() {
        println!("not run: only root gives files away");
        return;
    }
    let place = Place::new();
    run(async { place.open().await.close().await.unwrap() });
    chown(place.path(), Some(4711), None).unwrap();
    let before = place.snapshot();
    let error = run(open(&place.path())).unwrap_err().to_string();
    assert!(
        error.contains("belongs to uid 4711; it must belong to root or to uid 0, which runs"),
        "{error}"
    );
    assert_eq!(place.snapshot(), before);
}

#[test]
fn refuses_a_directory_in_which_everyone_may_replace_the_registry() {
    for is_there in [false, true] {
        let place = Place::new();
        if is_there {
            run(async { place.open().await.close().await.unwrap() });
        }
        chmod(place.directory(), 0o777);
        let before = place.snapshot();
        let error = run(open(&place.path())).unwrap_err().to_string();
        let shown = place.directory().canonicalize().unwrap();
        let cure = format!("chmod o-w {}", shown.display());
        assert!(error.contains("without the sticky bit"), "{error}");
        assert!(error.ends_with(&cure), "{error}");
        assert_eq!(place.snapshot(), before);
        chmod(place.directory(), 0o1777);
        run(open(&place.path())).unwrap();
    }
}
