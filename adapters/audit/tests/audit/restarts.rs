//! The chain across restarts and crashes.

use std::fs::{self, OpenOptions};
use std::io::Write as _;

use signer_domain::ports::{AuditStatus, AuditTrail as _, AuditUnavailable, CheckState};

use crate::support::{Place, entry, intact, names};

#[tokio::test]
async fn numbers_and_hashes_go_on_after_a_restart() {
    let place = Place::new();
    for round in 0..4 {
        place.add(names(&format!("r{round}"), 3)).await;
    }
    assert_eq!(intact(&place.verify()), 12);
    let last = place.lines().pop().unwrap();
    assert!(last.starts_with("{\"v\":1,\"seq\":12,"), "{last}");
}

#[tokio::test]
async fn a_torn_last_line_is_cut_and_recorded_wherever_it_was_torn() {
    let place = Place::new();
    let trail = place.open().unwrap();
    for name in names("a", 3) {
        trail.record(entry(&name)).await.unwrap();
    }
    let whole = fs::read(place.log()).unwrap();
    // The crash: no checkpoint is signed, and the file of the live log is taken as it is.
    let lines = place.lines();
    let last = lines[2].len() + 1;
    for missing in 1..last {
        let crashed = Place::new();
        for file in [
            "audit.jsonl.checkpoint",
            "audit.jsonl.checkpoint-key",
            "audit.jsonl.checkpoint-key.pub",
        ] {
            fs::copy(place.file(file), crashed.file(file)).unwrap();
        }
        fs::write(crashed.log(), &whole[..whole.len() - missing]).unwrap();
        crashed.add(["after".to_owned()]).await;
        let found = crashed.lines();
        assert_eq!(found[..2], lines[..2], "{missing} bytes missing");
        let (cut, bytes) = (&found[2], last - missing);
        assert!(
            cut.contains("\"op\":\"tail_cut\",\"outcome\":\"error\""),
            "{cut}"
        );
        assert!(
            cut.contains(&format!("\"count\":{bytes},\"prev\"")),
            "{cut}"
        );
        assert_eq!(intact(&crashed.verify()), 4, "{missing} bytes missing");
    }
    trail.close().await;
}

#[tokio::test]
async fn a_last_line_of_zeros_and_one_with_a_wrong_hash_are_torn_too() {
    for garbage in [&[0; 5_000][..], b"{\"v\":1,\"seq\":3,garbage}\n", b"\n"] {
        let place = Place::new();
        place.add(names("a", 2)).await;
        let mut log = OpenOptions::new().append(true).open(place.log()).unwrap();
        log.write_all(garbage).unwrap();
        place.add(["after".to_owned()]).await;
        assert_eq!(intact(&place.verify()), 4);
        assert!(place.lines()[2].contains("tail_cut"));
    }
}

#[tokio::test]
async fn anything_else_that_is_broken_is_refused_with_its_number_and_left_alone() {
    let place = Place::new();
    let trail = place.open().unwrap();
    for name in names("a", 5) {
        trail.record(entry(&name)).await.unwrap();
    }
    let text = fs::read_to_string(place.log()).unwrap();
    trail.close().await;
    fs::remove_file(place.checkpoints()).unwrap();
    for (from, to, expected) in [
        (
            "a-2",
            "b-2",
            "entry 3 does not have the hash of its content",
        ),
        ("\"seq\":4", "\"seq\":5", "entry 4 does not have the hash"),
        (
            "\n{\"v\":1,\"seq\":2",
            "\n\n{\"v\":1,\"seq\":2",
            "entry 2 is not an entry",
        ),
    ] {
        let forged = text.replacen(from, to, 1);
        fs::write(place.log(), &forged).unwrap();
        let refused = place.open().unwrap_err();
        assert!(refused.contains(expected), "{refused}");
        assert!(refused.starts_with("--audit-log "), "{refused}");
        assert_eq!(fs::read_to_string(place.log()).unwrap(), forged);
    }
    let without_the_third: Vec<&str> = text
        .lines()
        .enumerate()
        .filter(|(at, _)| *at != 2)
        .map(|(_, line)| line)
        .collect();
    fs::write(place.log(), without_the_third.join("\n") + "\n").unwrap();
    let refused = place.open().unwrap_err();
    assert!(
        refused.contains("entry 3 is missing, 4 stands in its place"),
        "{refused}"
    );
}

#[tokio::test]
async fn concurrent_callers_each_have_their_entry() {
    let place = Place::new();
    let trail = std::sync::Arc::new(place.open().unwrap());
    let callers: Vec<_> = (0..32)
        .map(|caller| {
            let trail = std::sync::Arc::clone(&trail);
            tokio::spawn(async move {
                for name in names(&format!("c{caller}"), 25) {
                    trail.record(entry(&name)).await.unwrap();
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    trail.close().await;
    assert_eq!(intact(&place.verify()), 800);
    let text = fs::read_to_string(place.log()).unwrap();
    for caller in 0..32 {
        for name in names(&format!("c{caller}"), 25) {
            assert_eq!(text.matches(&format!("\"{name}\"")).count(), 1, "{name}");
        }
    }
}

#[tokio::test]
async fn a_long_log_is_taken_up_from_its_end() {
    let place = Place::new();
    let trail = place.open().unwrap();
    let waiting: Vec<_> = names("x", 6_000);
    for name in &waiting {
        trail.note(entry(name));
    }
    trail.close().await;
    assert!(fs::metadata(place.log()).unwrap().len() > 2_000_000);
    // What lies before the last checkpoint is for `audit verify`, not for the start.
    let mut bytes = fs::read(place.log()).unwrap();
    bytes[300] ^= 1;
    fs::write(place.log(), &bytes).unwrap();
    place.add(["after".to_owned()]).await;
    bytes[300] ^= 1;
    let mut now = fs::read(place.log()).unwrap();
    now[300] ^= 1;
    fs::write(place.log(), now).unwrap();
    assert_eq!(intact(&place.verify()), 6_001);
}

#[tokio::test]
async fn checkpoints_follow_the_entries_and_the_end() {
    let place = Place::new();
    let trail = place.open().unwrap();
    for name in names("x", 2_500) {
        trail.note(entry(&name));
    }
    trail.record(entry("last")).await.unwrap();
    trail.close().await;
    let text = fs::read_to_string(place.checkpoints()).unwrap();
    let sizes: Vec<u64> = text.lines().filter_map(|line| line.parse().ok()).collect();
    let steps = sizes.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(steps.max().unwrap() < 1_300, "{sizes:?}");
    assert!(sizes.len() >= 3, "{text}");
    assert_eq!(sizes.last(), Some(&2_501), "{text}");
}

#[tokio::test]
async fn a_log_that_nobody_may_write_any_more_says_so() {
    let place = Place::new();
    let trail = place.open().unwrap();
    trail.close().await;
    assert_eq!(trail.record(entry("a")).await, Err(AuditUnavailable));
    assert_eq!(trail.status(), AuditStatus::Kept(CheckState::Ok));
    assert_eq!(place.names().len(), 5, "{:?}", place.names());
}
