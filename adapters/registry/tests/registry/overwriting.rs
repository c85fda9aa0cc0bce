//! A registry whose files somebody else writes over while it is open.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signer_domain::KeyMark;
use signer_domain::ports::{
    KeyRecords as _, KeyRegistryError, RegistryStore as _, Retirements as _,
};

use crate::support::{PLATFORM, Place, generate, handle, name, open, reserve};

fn beside(place: &Place, suffix: &str) -> PathBuf {
    place.directory().join(format!("registry.db{suffix}"))
}

/// What stood there before the newest changes, and another registry.
struct Others {
    backup: Vec<u8>,
    index: Vec<u8>,
    another: Place,
}

impl Others {
    async fn of(place: &Place) -> Self {
        let another = Place::new();
        let registry = another.open().await;
        generate(&registry, PLATFORM, "k9").await;
        registry.close().await.unwrap();
        Self {
            backup: fs::read(place.path()).unwrap(),
            index: fs::read(beside(place, "-shm")).unwrap_or_default(),
            another,
        }
    }
}

type Harm = fn(&Place, &Others);

const HARMS: [(&str, Harm); 5] = [
    ("an older backup", |place, others| {
        fs::write(place.path(), &others.backup).unwrap();
    }),
    ("another registry", |place, others| {
        fs::copy(others.another.path(), place.path()).unwrap();
    }),
    ("nothing", |place, _| {
        File::create(place.path()).unwrap();
    }),
    ("the log emptied", |place, _| {
        File::create(beside(place, "-wal")).unwrap();
    }),
    ("the log of something else", |place, _| {
        fs::write(beside(place, "-wal"), [0x5a; 5000]).unwrap();
    }),
];

/// A registry with one key in its database and another in its log.
async fn stage() -> (Place, Others) {
    let place = Place::new();
    let registry = place.open().await;
    generate(&registry, PLATFORM, "k1").await;
    registry.close().await.unwrap();
    let others = Others::of(&place).await;
    (place, others)
}

/// Waits for as long as one look serves.
async fn later() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}

fn is_told<T: std::fmt::Debug>(answer: &Result<T, KeyRegistryError>, what: &str) {
    let cause = answer.as_ref().err().and_then(std::error::Error::source);
    let cause = cause.map(ToString::to_string).unwrap_or_default();
    assert!(
        cause.contains("was overwritten while it was in use"),
        "{what}: {answer:?}"
    );
}

#[tokio::test]
async fn what_is_written_over_an_open_registry_is_refused_by_name_and_left_as_it_is() {
    for (what, harm) in HARMS {
        let (place, others) = stage().await;
        let registry = place.open().await;
        generate(&registry, PLATFORM, "k2").await;
        registry.check().await.unwrap();
        let content = |path: &Path| fs::read(path).unwrap();
        harm(&place, &others);
        later().await;
        let files = [place.path(), beside(&place, "-wal")];
        let after_the_harm = files.each_ref().map(|path| content(path));
        is_told(&registry.lease_holds(), what);
        is_told(&registry.find(&handle(PLATFORM, "k1")).await, what);
        is_told(&reserve(&registry, PLATFORM, "k3").await, what);
        is_told(&registry.check().await, what);
        registry.close().await.unwrap();
        let aside = beside(&place, "-wal.aside");
        let [database, log] = &files;
        // SQLite would mix the log into what stands there now.
        let is_mixture = !what.starts_with("the log");
        let log = if is_mixture { &aside } else { log };
        assert_eq!(aside.exists(), is_mixture, "{what}");
        let at_the_end = [content(database), content(log)];
        assert!(at_the_end == after_the_harm, "{what}");
    }
}

/// The index tells how much of the log counts. It is mapped into memory, and so it is not sealed.
#[tokio::test]
async fn an_index_that_lets_changes_disappear_is_seen_by_the_next_change_and_by_the_check() {
    for asks_first in [true, false] {
        let (place, _) = stage().await;
        let registry = place.open().await;
        generate(&registry, PLATFORM, "k2").await;
        let others = Others::of(&place).await;
        generate(&registry, PLATFORM, "k3").await;
        let index = OpenOptions::new().write(true).open(beside(&place, "-shm"));
        index.unwrap().write_all_at(&others.index, 0).unwrap();
        if asks_first {
            is_told(&registry.check().await, "check");
        } else {
            is_told(&reserve(&registry, PLATFORM, "k4").await, "change");
        }
        is_told(&registry.lease_holds(), "stands");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_change_that_begins_after_the_harm_is_acknowledged_whatever_was_under_way() {
    for round in 0..40 {
        let (what, harm) = HARMS[round % HARMS.len()];
        let (place, others) = stage().await;
        let place = Arc::new(place);
        let registry = place.open().await;
        generate(&registry, PLATFORM, "k2").await;
        let is_done = Arc::new(AtomicBool::new(false));
        let harming = {
            let (place, is_done) = (Arc::clone(&place), Arc::clone(&is_done));
            let delay = Duration::from_micros(300 * u64::try_from(round).unwrap());
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                harm(&place, &others);
                is_done.store(true, Ordering::Release);
            })
        };
        let key = handle(PLATFORM, "k2");
        for number in 0.. {
            let was_done = is_done.load(Ordering::Acquire);
            let answer = if number % 2 == 0 {
                registry.mark(&key, KeyMark::Blocked).await
            } else {
                registry.unmark(&key, KeyMark::Blocked).await
            };
            if was_done {
                answer.expect_err(what);
                break;
            }
        }
        harming.await.unwrap();
        is_told(&registry.lease_holds(), what);
    }
}

/// The log is moved into the database again and again, which is no harm.
#[tokio::test]
async fn hundreds_of_changes_move_the_log_into_the_database_and_are_no_harm() {
    let place = Place::new();
    let registry = place.open().await;
    generate(&registry, PLATFORM, "k1").await;
    let (key, log) = (handle(PLATFORM, "k1"), beside(&place, "-wal"));
    let length = || fs::metadata(&log).unwrap().len();
    let mut lengths = Vec::new();
    for _ in 0..400 {
        registry.mark(&key, KeyMark::Blocked).await.unwrap();
        registry.unmark(&key, KeyMark::Blocked).await.unwrap();
        lengths.push(length());
    }
    // It begins anew instead of growing.
    assert_eq!(lengths.last(), lengths.get(200));
    registry.check().await.unwrap();
    registry.lease_holds().unwrap();
    drop(registry);
    let found = open(&place.path()).await.unwrap();
    let found = found.find(&key).await.unwrap().unwrap();
    assert!(!found.marks.blocked);
    assert_eq!(found.key_id, name("k1"));
}
