//! A log that goes on in another file.

use std::fs;
use std::time::Duration;

use signer_audit::LogTail;
use signer_domain::ports::AuditTrail as _;

use crate::support::{Place, entry, intact, lines_of, names};

#[tokio::test]
async fn a_renamed_log_is_closed_with_a_checkpoint_and_goes_on_in_a_new_file() {
    let place = Place::new();
    let trail = place.open().unwrap();
    for name in names("old", 3) {
        trail.record(entry(&name)).await.unwrap();
    }
    let old = place.file("audit.jsonl.1");
    fs::rename(place.log(), &old).unwrap();
    trail.reopen().await.unwrap();
    // Nothing is in the new file yet, which is no loss.
    assert_eq!(intact(&place.verify()), 0);
    assert!(
        fs::read_to_string(place.checkpoints())
            .unwrap()
            .contains("\n3\n")
    );
    trail.record(entry("new")).await.unwrap();
    trail.close().await;
    assert_eq!(lines_of(&old).len(), 3);
    let first = &place.lines()[0];
    assert!(first.starts_with("{\"v\":1,\"seq\":4,"), "{first}");
    assert_eq!(intact(&place.verify_files(&[old, place.log()])), 4);
    assert_eq!(
        intact(&place.verify()),
        1,
        "a checkpoint vouches for what came before"
    );
}

#[tokio::test]
async fn a_log_that_was_moved_while_nobody_wrote_it_goes_on_behind_its_checkpoint() {
    let place = Place::new();
    place.add(names("old", 5)).await;
    fs::rename(place.log(), place.file("old")).unwrap();
    place.add(names("new", 2)).await;
    assert_eq!(
        intact(&place.verify_files(&[place.file("old"), place.log()])),
        7
    );
}

#[tokio::test]
async fn reopening_in_place_goes_on_in_the_same_file() {
    let place = Place::new();
    let trail = place.open().unwrap();
    trail.record(entry("a")).await.unwrap();
    trail.reopen().await.unwrap();
    trail.record(entry("b")).await.unwrap();
    trail.close().await;
    assert_eq!(intact(&place.verify()), 2);
    assert_eq!(place.lines().len(), 2);
}

#[tokio::test]
async fn a_log_that_is_removed_while_it_is_written_is_noticed() {
    let place = Place::new();
    let trail = place.open().unwrap();
    trail.record(entry("a")).await.unwrap();
    fs::remove_file(place.log()).unwrap();
    trail.record(entry("b")).await.unwrap();
    trail.close().await;
    assert_eq!(intact(&place.verify()), 1);
    assert!(place.lines()[0].starts_with("{\"v\":1,\"seq\":2,"));
}

#[tokio::test]
async fn another_log_at_the_path_is_not_written_into_and_leaving_it_cures() {
    let place = Place::new();
    let other = Place::new();
    other.add(names("other", 2)).await;
    let trail = place.open().unwrap();
    trail.record(entry("a")).await.unwrap();
    fs::rename(place.log(), place.file("mine")).unwrap();
    let foreign = fs::read(other.log()).unwrap();
    fs::write(place.log(), &foreign).unwrap();
    trail.record(entry("b")).await.unwrap_err();
    assert_eq!(fs::read(place.log()).unwrap(), foreign);
    fs::remove_file(place.log()).unwrap();
    let mut tries = 0;
    while trail.record(entry("c")).await.is_err() {
        tries += 1;
        assert!(tries < 20);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    trail.close().await;
    let verdict = place.verify_files(&[place.file("mine"), place.log()]);
    assert!(intact(&verdict) >= 3);
}

#[tokio::test]
async fn a_follower_reads_on_in_the_file_that_follows() {
    let place = Place::new();
    let trail = place.open().unwrap();
    for name in names("old", 3) {
        trail.record(entry(&name)).await.unwrap();
    }
    let mut follower = LogTail::open(&place.log(), 1).unwrap();
    let mut next = || {
        let line = follower.next_line().unwrap();
        line.map(|line| line.entry.unwrap().0)
    };
    assert_eq!([next(), next()], [Some(3), None]);
    trail.record(entry("more")).await.unwrap();
    fs::rename(place.log(), place.file("old")).unwrap();
    assert_eq!([next(), next()], [Some(4), None]);
    trail.reopen().await.unwrap();
    trail.record(entry("new")).await.unwrap();
    assert_eq!([next(), next()], [Some(5), None]);
    trail.close().await;
}
