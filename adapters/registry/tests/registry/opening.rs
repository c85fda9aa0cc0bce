//! What is opened, what is refused, and that a refusal changes nothing.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use signer_domain::ports::{RegistryStore as _, Retirements as _};
use signer_registry::RegistryRefusal;
use sqlx::Connection as _;

use crate::support::{PLATFORM, Place, at, find, generate, handle, open, reserve, url};

/// A place that holds a registry with some keys, closed in an orderly way.
async fn furnished() -> Place {
    let place = Place::new();
    let registry = place.open().await;
    for number in 0..50 {
        let key = generate(&registry, PLATFORM, &format!("k{number}")).await;
        registry.retire(&key, at(2)).await.unwrap();
    }
    registry.close().await.unwrap();
    place
}

/// Asserts that the place is refused and that every byte and time in it stays, and gives the refusal
/// after checking its sentence.
async fn refused(place: &Place, sentence_has: &[&str]) -> RegistryRefusal {
    let before = place.snapshot();
    let refusal = refused_unchanged(place, sentence_has).await;
    assert_eq!(place.snapshot(), before, "{refusal}");
    refusal
}

/// Like [`refused`], but admits an empty log beside the database: SQLite had to look into it.
async fn refused_unchanged(place: &Place, sentence_has: &[&str]) -> RegistryRefusal {
    let before = place.snapshot();
    let error = open(&place.path()).await.unwrap_err();
    let mut after = place.snapshot();
    after.retain(|path, _| before.contains_key(path));
    assert_eq!(after, before, "{error}");
    let sentence = error.to_string();
    let opening = format!("--registry {}: ", url(&place.path()));
    assert!(sentence.starts_with(&opening), "{sentence}");
    assert!(!sentence.contains('\n'), "{sentence}");
    for part in sentence_has {
        assert!(sentence.contains(part), "{part:?} in {sentence:?}");
    }
    error.refusal
}

#[tokio::test]
async fn makes_a_registry_that_only_its_owner_can_read() {
    let place = Place::new();
    let registry = place.open().await;
    generate(&registry, PLATFORM, "k1").await;
    let files = place.snapshot();
    let mut names: Vec<_> = files
        .keys()
        .map(|path| path.file_name().unwrap().to_str().unwrap())
        .collect();
    names.sort_unstable();
    let expected = [
        "registry.db",
        "registry.db-shm",
        "registry.db-wal",
        "registry.db.lock",
    ];
    assert_eq!(names, expected);
    for (path, facts) in files {
        assert_eq!(facts.mode & 0o777, 0o600, "{}", path.display());
    }
}

#[tokio::test]
async fn closing_leaves_one_file_that_holds_everything() {
    let place = furnished().await;
    let names: Vec<_> = place.snapshot().into_keys().collect();
    assert_eq!(
        names,
        [place.path(), place.directory().join("registry.db.lock")]
    );
    let registry = place.open().await;
    assert!(find(&registry, &handle(PLATFORM, "k49")).await.is_some());
}

#[tokio::test]
async fn opens_a_database_that_lacks_its_lock_file_and_its_log() {
    let place = furnished().await;
    let elsewhere = Place::new();
    fs::copy(place.path(), elsewhere.path()).unwrap();
    let registry = elsewhere.open().await;
    assert!(find(&registry, &handle(PLATFORM, "k0")).await.is_some());
}

#[tokio::test]
async fn follows_a_symbolic_link_to_the_one_registry() {
    let place = furnished().await;
    let link = Place::new();
    symlink(place.path(), link.path()).unwrap();
    let registry = open(&link.path()).await.unwrap();
    generate(&registry, PLATFORM, "through-the-link").await;
    let direct = open(&place.path()).await.unwrap_err();
    assert!(
        matches!(direct.refusal, RegistryRefusal::InUse(_)),
        "{direct}"
    );
    registry.close().await.unwrap();
    assert!(fs::symlink_metadata(link.path()).unwrap().is_symlink());
    assert_eq!(
        link.snapshot().len(),
        1,
        "everything stands beside the file itself"
    );
}

#[tokio::test]
async fn refuses_a_link_that_leads_nowhere() {
    let place = Place::new();
    symlink("/nonexistent/registry.db", place.path()).unwrap();
    let refusal = refused(&place, &["symbolic link", "remove the link"]).await;
    assert!(matches!(refusal, RegistryRefusal::DanglingLink));
}

#[tokio::test]
async fn refuses_a_directory_that_is_not_there() {
    let place = Place::new();
    let path = place.directory().join("a/b/registry.db");
    let error = open(&path).await.unwrap_err();
    let sentence = error.to_string();
    assert!(
        sentence.contains("/a/b does not exist; create it"),
        "{sentence}"
    );
    assert!(matches!(error.refusal, RegistryRefusal::NoDirectory(_)));
    assert!(place.snapshot().is_empty());
}

#[tokio::test]
async fn refuses_what_is_not_a_regular_file() {
    let directory = Place::new();
    fs::create_dir(directory.path()).unwrap();
    let pipe = Place::new();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        pipe.path(),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    let socket = Place::new();
    let _listener = UnixListener::bind(socket.path()).unwrap();
    for place in [directory, pipe, socket] {
        let refusal = refused(&place, &["not a regular file"]).await;
        assert!(matches!(refusal, RegistryRefusal::NotAFile));
    }
    let device = open("/dev/null".as_ref()).await.unwrap_err();
    assert!(
        matches!(device.refusal, RegistryRefusal::NotAFile),
        "{device}"
    );
}

#[tokio::test]
async fn refuses_an_empty_file_rather_than_forget_what_was_in_it() {
    let place = Place::new();
    fs::write(place.path(), b"").unwrap();
    let refusal = refused(&place, &["empty", "restore it from a backup"]).await;
    assert!(matches!(refusal, RegistryRefusal::Empty));
}

#[tokio::test]
async fn refuses_files_that_are_not_databases() {
    let page_of_text = "root:x:0:0:root:/root:/bin/bash\n".repeat(128);
    let magic_alone = b"SQLite format 3\0".to_vec();
    for content in [
        b"x".to_vec(),
        page_of_text.into_bytes(),
        vec![0; 8192],
        magic_alone,
    ] {
        let place = Place::new();
        fs::write(place.path(), content).unwrap();
        let refusal = refused(&place, &["not a SQLite database"]).await;
        assert!(matches!(refusal, RegistryRefusal::NotADatabase));
    }
}

#[tokio::test]
async fn refuses_the_database_of_another_application() {
    let place = Place::new();
    let mut raw = place.open_raw().await;
    let theirs = "PRAGMA journal_mode = WAL; CREATE TABLE signing_key (id INTEGER);";
    sqlx::raw_sql(theirs).execute(&mut raw).await.unwrap();
    raw.close().await.unwrap();
    let refusal = refused(&place, &["another application"]).await;
    assert!(matches!(refusal, RegistryRefusal::Foreign));
}

#[tokio::test]
async fn refuses_a_schema_that_is_newer_than_the_program() {
    let place = furnished().await;
    let mut raw = place.open_raw().await;
    let newer = "PRAGMA user_version = 5";
    sqlx::raw_sql(newer).execute(&mut raw).await.unwrap();
    raw.close().await.unwrap();
    let refusal = refused(&place, &["newer version", "schema 5", "up to 4"]).await;
    let RegistryRefusal::Newer { found, supported } = refusal else {
        panic!("{refusal}");
    };
    assert_eq!((found, supported), (5, 4));
}

#[tokio::test]
async fn refuses_a_newer_schema_that_only_the_log_tells_of() {
    let place = furnished().await;
    let copy = Place::new();
    let mut raw = place.open_raw().await;
    let newer = "PRAGMA user_version = 7";
    sqlx::raw_sql(newer).execute(&mut raw).await.unwrap();
    for suffix in ["", "-wal"] {
        let from = format!("{}{suffix}", place.path().display());
        fs::copy(from, format!("{}{suffix}", copy.path().display())).unwrap();
    }
    raw.close().await.unwrap();
    let refusal = refused_unchanged(&copy, &["newer version", "schema 7"]).await;
    assert!(matches!(refusal, RegistryRefusal::Newer { found: 7, .. }));
}

#[tokio::test]
async fn refuses_damage_wherever_it_is() {
    let sound = furnished().await;
    let bytes = fs::read(sound.path()).unwrap();
    assert!(bytes.len() > 4 * 4096);
    let mut cases: Vec<(&str, Vec<u8>)> = Vec::new();
    cases.push((
        "cut off in the middle of a page",
        bytes[..bytes.len() - 2000].to_vec(),
    ));
    cases.push(("cut off after the first page", bytes[..4096].to_vec()));
    let mut zeroed = bytes.clone();
    zeroed[4096..8192].fill(0);
    cases.push(("a page of zeros", zeroed));
    let mut schema = bytes.clone();
    schema[100..4096].fill(0x5a);
    cases.push(("noise in the schema", schema));
    let mut noise = bytes.clone();
    for page in noise.chunks_mut(4096).skip(1) {
        page[..16].fill(0xa5);
    }
    cases.push(("noise at the head of every page", noise));
    for (damage, content) in cases {
        // The lock file tells that a registry was opened here before.
        let place = Place::new();
        fs::write(place.path(), content).unwrap();
        fs::write(place.directory().join("registry.db.lock"), b"").unwrap();
        let refusal = refused_unchanged(&place, &["damaged", "restore it from a backup"]).await;
        assert!(
            matches!(refusal, RegistryRefusal::Corrupt(_)),
            "{damage}: {refusal}"
        );
    }
}

#[tokio::test]
async fn refuses_to_start_anew_beside_the_log_of_a_lost_database() {
    for suffix in ["-wal", "-journal"] {
        let place = Place::new();
        let log = place.directory().join(format!("registry.db{suffix}"));
        fs::write(&log, b"what is left of it").unwrap();
        let refusal = refused(&place, &["missing", suffix]).await;
        assert!(matches!(refusal, RegistryRefusal::OrphanedLog(path) if path == log));
    }
}

#[tokio::test]
async fn the_second_to_open_a_registry_is_refused_and_the_first_works_on() {
    let place = Place::new();
    let registry = place.open().await;
    generate(&registry, PLATFORM, "k1").await;
    let refusal = refused(&place, &["in use by another live process"]).await;
    assert!(matches!(refusal, RegistryRefusal::InUse(_)));
    generate(&registry, PLATFORM, "k2").await;
    drop(registry);
    let registry = place.open().await;
    assert!(find(&registry, &handle(PLATFORM, "k2")).await.is_some());
}

#[tokio::test]
async fn a_lock_that_another_program_holds_is_refused_in_time() {
    let place = furnished().await;
    let mut raw = place.open_raw().await;
    let exclusive = "BEGIN EXCLUSIVE";
    sqlx::raw_sql(exclusive).execute(&mut raw).await.unwrap();
    let begun = Instant::now();
    let refusal = refused(&place, &["another program", "locked"]).await;
    assert!(matches!(refusal, RegistryRefusal::Locked), "{refusal}");
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    raw.close().await.unwrap();
    place.open().await;
}

#[tokio::test]
async fn an_unfinished_draft_of_a_registry_is_done_again() {
    let place = Place::new();
    for suffix in ["", "-journal", "-wal"] {
        let draft = place.directory().join(format!("registry.db.new{suffix}"));
        fs::write(draft, b"half of it").unwrap();
    }
    let registry = place.open().await;
    reserve(&registry, PLATFORM, "k1").await.unwrap();
    registry.close().await.unwrap();
    let names: Vec<_> = place.snapshot().into_keys().collect();
    assert_eq!(
        names,
        [place.path(), place.directory().join("registry.db.lock")]
    );
}

#[tokio::test]
async fn opening_a_registry_again_writes_nothing_into_it() {
    let place = furnished().await;
    let before = place.snapshot();
    place.open().await.close().await.unwrap();
    assert_eq!(place.snapshot(), before);
}
