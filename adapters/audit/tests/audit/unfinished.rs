//! A log that was moved away after a custodian died, before the next start.

use std::fs;

use signer_audit::{Acceptance, inspect};
use signer_domain::ports::AuditTrail as _;

use crate::support::{Place, entry, intact, lines_of, names};

/// What a custodian leaves that dies behind these entries, of which `signed` are covered.
async fn crashed(signed: usize, unsigned: usize) -> Place {
    let place = Place::new();
    if signed > 0 {
        place.add(names("signed", signed)).await;
    }
    let trail = place.open().unwrap();
    for name in names("unsigned", unsigned) {
        trail.record(entry(&name)).await.unwrap();
    }
    let left = copy(&place);
    trail.close().await;
    left
}

fn copy(place: &Place) -> Place {
    let copy = Place::new();
    for name in place.names() {
        fs::copy(place.file(&name), copy.file(&name)).unwrap();
    }
    copy
}

fn refused(place: &Place) -> String {
    let before = place.names();
    let by_looking = inspect(&place.log()).unwrap_err().to_string();
    assert_eq!(place.open().unwrap_err(), by_looking);
    assert_eq!(place.names(), before);
    by_looking
}

#[tokio::test]
async fn moving_the_log_of_a_dead_run_away_is_refused_until_it_is_back() {
    for signed in [0, 3] {
        let place = crashed(signed, 2).await;
        fs::rename(place.log(), place.file("old")).unwrap();
        let refused = refused(&place);
        let log = place.log().display().to_string();
        let expected = format!(
            "--audit-log {log}: it is not there, although the custodian that wrote it died without \
             signing its last entries; put it back and start once before it is moved, or accept that \
             their numbers are given again with `plexsphere-signer audit accept-cut --audit-log {log}`"
        );
        assert_eq!(refused, expected);
        fs::rename(place.file("old"), place.log()).unwrap();
        place.add(["next".to_owned()]).await;
        assert_eq!(intact(&place.verify()), u64::try_from(signed + 3).unwrap());
        // After an orderly end moving it is all there is to rotating.
        fs::rename(place.log(), place.file("old")).unwrap();
        place.add(["next".to_owned()]).await;
        let files = [place.file("old"), place.log()];
        let entries = intact(&place.verify_files(&files));
        assert_eq!(entries, u64::try_from(signed + 4).unwrap());
    }
}

#[tokio::test]
async fn a_log_that_lacks_what_a_dead_run_wrote_is_refused() {
    let place = crashed(3, 2).await;
    fs::write(place.log(), "").unwrap();
    let sentence = refused(&place);
    assert!(sentence.contains("it is empty, although"), "{sentence}");
    // A file in which others wrote on, as one that is copied and truncated.
    let place = crashed(3, 2).await;
    let three = lines_of(&place.log())[..3].join("\n") + "\n";
    fs::write(place.log(), three).unwrap();
    let sentence = refused(&place);
    let expected =
        "it ends with entry 3, although the custodian that wrote it died behind entry 4; ";
    assert!(sentence.contains(expected), "{sentence}");
}

#[tokio::test]
async fn what_is_lost_can_be_accepted_and_is_recorded() {
    for signed in [0, 3] {
        let place = crashed(signed, 2).await;
        fs::remove_file(place.log()).unwrap();
        let trail = place.open_accepting_as_it_stands(Acceptance::Cut).unwrap();
        trail.close().await;
        let line = place.lines().pop().unwrap();
        let seq = signed + 1;
        assert!(line.contains(&format!("\"seq\":{seq},")), "{line}");
        assert!(line.contains("\"op\":\"accept_cut\""), "{line}");
        // As many as are known to be gone.
        assert!(line.contains("\"count\":1,"), "{line}");
        let again = place.open_accepting(Acceptance::Cut).unwrap_err();
        assert!(again.contains("there is nothing to accept"), "{again}");
        place.add(["next".to_owned()]).await;
        assert_eq!(intact(&place.verify()), 2);
    }
}

#[tokio::test]
async fn a_log_that_is_not_accepted_as_a_whole_stays_refused() {
    let place = crashed(2, 1).await;
    fs::remove_file(place.log()).unwrap();
    let refused = place.open_accepting(Acceptance::Registry).unwrap_err();
    assert!(refused.contains("accept-cut"), "{refused}");
}

#[tokio::test]
async fn a_dead_run_is_continued_wherever_it_stood_when_its_log_is_in_place() {
    let place = Place::new();
    let trail = place.open().unwrap();
    // Before its first entry, behind it, and in a new file before and behind the first entry.
    continued(&place, 0).await;
    trail.record(entry("a")).await.unwrap();
    continued(&place, 1).await;
    fs::rename(place.log(), place.file("old")).unwrap();
    trail.reopen().await.unwrap();
    continued(&place, 0).await;
    trail.record(entry("b")).await.unwrap();
    continued(&place, 1).await;
    // Opened anew without having been moved.
    trail.reopen().await.unwrap();
    continued(&place, 1).await;
    trail.record(entry("c")).await.unwrap();
    continued(&place, 2).await;
    trail.close().await;
    let lock = fs::metadata(place.file("audit.jsonl.lock")).unwrap();
    assert_eq!(lock.len(), 0, "nothing is noted behind an orderly end");
}

async fn continued(place: &Place, entries: u64) {
    let left = copy(place);
    for round in 1..=2 {
        left.add(["next".to_owned()]).await;
        assert_eq!(intact(&left.verify()), entries + round);
    }
}

#[tokio::test]
async fn a_new_file_in_which_nothing_was_written_may_go() {
    let place = Place::new();
    let trail = place.open().unwrap();
    trail.record(entry("a")).await.unwrap();
    fs::rename(place.log(), place.file("old")).unwrap();
    trail.reopen().await.unwrap();
    let left = copy(&place);
    trail.close().await;
    fs::remove_file(left.log()).unwrap();
    left.add(["b".to_owned()]).await;
    assert_eq!(
        intact(&left.verify_files(&[left.file("old"), left.log()])),
        2
    );
}
