//! A log that was rewritten, with what would tell done away with: no verification passes it, and no start
//! signs it.

use std::fmt::Write as _;
use std::fs;

use sha2::{Digest as _, Sha256};
use signer_audit::{Acceptance, CheckpointLedger, CheckpointVerifier, Verdict, inspect, verify};
use signer_domain::ports::AuditTrail as _;

use crate::support::{Place, entry, first_note, intact, names};

/// A log of six entries, of which a custodian that ended in order, or died, left the last three.
async fn written(ended: bool) -> Place {
    let place = Place::new();
    place.add(names("a", 3)).await;
    let trail = place.open().unwrap();
    for name in names("b", 3) {
        trail.record(entry(&name)).await.unwrap();
    }
    if ended {
        trail.close().await;
        return place;
    }
    let left = Place::new();
    for name in place.names() {
        fs::copy(place.file(&name), left.file(&name)).unwrap();
    }
    trail.close().await;
    left
}

/// Says of the second entry that another user asked, and computes all hashes anew.
fn rewrite(place: &Place) {
    let mut prev = "0".repeat(64);
    let mut forged = String::new();
    for (at, line) in place.lines().iter().enumerate() {
        let (open, _) = line.rsplit_once(",\"prev\":").unwrap();
        let open = if at == 1 {
            open.replacen("\"uid\":1", "\"uid\":0", 1)
        } else {
            open.to_owned()
        };
        let open = format!("{open},\"prev\":\"{prev}\"");
        let bytes = Sha256::digest(format!("{open}}}"));
        prev.clear();
        for byte in bytes {
            write!(prev, "{byte:02x}").unwrap();
        }
        writeln!(forged, "{open},\"hash\":\"{prev}\"}}").unwrap();
    }
    fs::write(place.log(), forged).unwrap();
}

/// A way to do away with checkpoints.
type Hiding = fn(&Place);

fn remove(place: &Place, suffix: &str) {
    fs::remove_file(place.file(&format!("audit.jsonl{suffix}"))).unwrap();
}

fn change_notes(place: &Place, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let notes = fs::read(place.checkpoints()).unwrap();
    fs::write(place.checkpoints(), change(notes)).unwrap();
}

const HIDINGS: [(&str, Hiding); 6] = [
    ("kept", |_| {}),
    ("removed", |place| remove(place, ".checkpoint")),
    ("emptied", |place| change_notes(place, |_| Vec::new())),
    ("without empty lines", |place| {
        change_notes(place, |notes| {
            let text = String::from_utf8(notes).unwrap();
            text.replace("\n\n", "\n").into_bytes()
        });
    }),
    ("behind a line of 5 MiB", |place| {
        change_notes(place, |notes| {
            [&vec![b'x'; 5 * 1024 * 1024][..], b"\n", &notes].concat()
        });
    }),
    ("removed with the key", |place| {
        remove(place, ".checkpoint");
        remove(place, ".checkpoint-key");
        remove(place, ".checkpoint-key.pub");
    }),
];

fn is_intact(place: &Place, verifier: &CheckpointVerifier) -> bool {
    let ledger = if place.checkpoints().exists() {
        CheckpointLedger::read(&place.checkpoints(), verifier).unwrap()
    } else {
        CheckpointLedger::missing()
    };
    let ledger = ledger.with_last_run_of(&place.log());
    let verdict = verify(&[place.log()], Some(&ledger), |_, _| {}).unwrap();
    matches!(verdict, Verdict::Intact(_))
}

#[tokio::test]
async fn a_rewritten_log_is_never_intact_and_no_start_signs_it() {
    for ended in [true, false] {
        for (how, hide) in HIDINGS {
            let place = written(ended).await;
            let verifier = place.verifier();
            rewrite(&place);
            hide(&place);
            let told = format!("{how}, ended: {ended}");
            assert!(!is_intact(&place, &verifier), "{told}");
            for acceptance in [Acceptance::Nothing, Acceptance::Registry, Acceptance::Cut] {
                let before = fs::read(place.log()).unwrap();
                assert!(
                    place.open_accepting(acceptance).is_err(),
                    "{told}, {acceptance:?}"
                );
                assert_eq!(fs::read(place.log()).unwrap(), before, "{told}");
            }
            assert!(!is_intact(&place, &verifier), "{told}");
        }
    }
}

#[tokio::test]
async fn a_key_without_a_checkpoint_is_refused_with_the_cure_even_when_no_entry_is_left() {
    for entries in [0, 2] {
        let place = Place::new();
        place.add(names("a", entries)).await;
        let notes = fs::read(place.checkpoints()).unwrap();
        fs::remove_file(place.checkpoints()).unwrap();
        fs::remove_file(place.log()).unwrap();
        let log = place.log().display().to_string();
        let expected = format!(
            "--audit-log {log}: {log}.checkpoint holds no checkpoint, although a custodian signs one \
             before the first entry, so they were removed; restore that file (the newest note of the \
             log stream will do), or move {log} and every file whose name begins with it away as \
             evidence, and the next start begins a new log"
        );
        assert_eq!(inspect(&place.log()).unwrap_err().to_string(), expected);
        assert_eq!(place.open().unwrap_err(), expected);
        // The newest note alone will do.
        let newest = if entries == 0 { 0 } else { first_note(&notes) };
        fs::write(place.checkpoints(), &notes[newest..]).unwrap();
        place.add(names("b", 1)).await;
        let first = u64::try_from(entries).unwrap() + 1;
        assert!(place.lines()[0].starts_with(&format!("{{\"v\":1,\"seq\":{first},")));
    }
}

#[tokio::test]
async fn checkpoints_that_are_cut_behind_an_orderly_end_are_noticed_by_verification_and_start() {
    let place = written(true).await;
    let notes = fs::read(place.checkpoints()).unwrap();
    assert_eq!(intact(&place.verify()), 6);
    for length in 0..notes.len() {
        fs::write(place.checkpoints(), &notes[..length]).unwrap();
        assert!(matches!(place.verify(), Verdict::Broken(_)), "{length}");
        assert!(place.open().is_err(), "{length}");
    }
    fs::write(place.checkpoints(), &notes[..first_note(&notes)]).unwrap();
    let refused = place.open().unwrap_err();
    assert!(
        refused.contains("it goes on to entry 6 while its last checkpoint speaks of entry 0"),
        "{refused}"
    );
}

/// The log, the checkpoints and the verifier key: whatever of them is changed in one bit, or cut, is found.
#[tokio::test]
async fn every_flipped_bit_and_every_cut_of_every_input_is_found() {
    let place = Place::new();
    place.add(names("a", 1)).await;
    let key = place.file("audit.jsonl.checkpoint-key.pub");
    let is_intact = || {
        let text = fs::read(&key).unwrap();
        let text = String::from_utf8_lossy(&text);
        CheckpointVerifier::parse_file(&text).is_ok_and(|verifier| is_intact(&place, &verifier))
    };
    assert!(is_intact());
    for path in [place.log(), place.checkpoints(), key.clone()] {
        let sound = fs::read(&path).unwrap();
        for at in 0..sound.len() {
            for bit in 0..8 {
                let mut forged = sound.clone();
                forged[at] ^= 1 << bit;
                fs::write(&path, forged).unwrap();
                assert!(!is_intact(), "bit {bit} of byte {at} of {}", path.display());
            }
            fs::write(&path, &sound[..at]).unwrap();
            assert!(!is_intact(), "{at} bytes left of {}", path.display());
        }
        fs::write(&path, &sound).unwrap();
        assert!(is_intact());
    }
}

/// Where a custodian died, its last line may be torn; what it signed may not.
#[tokio::test]
async fn the_torn_line_of_a_custodian_that_died_is_told_and_is_no_breach() {
    let place = written(false).await;
    let bytes = fs::read(place.log()).unwrap();
    let last = place.lines()[5].len() + 1;
    let signed: usize = place.lines()[..3].iter().map(|line| line.len() + 1).sum();
    for left in signed..bytes.len() {
        fs::write(place.log(), &bytes[..left]).unwrap();
        let Verdict::Intact(summary) = place.verify() else {
            panic!("{left} bytes left");
        };
        if left > bytes.len() - last {
            assert_eq!(summary.last, Some(5));
            let torn = u64::try_from(left - (bytes.len() - last)).unwrap();
            assert_eq!(summary.torn, torn);
        }
    }
    for left in 0..signed {
        fs::write(place.log(), &bytes[..left]).unwrap();
        assert!(matches!(place.verify(), Verdict::Broken(_)), "{left}");
    }
    // One that ended in order tears nothing.
    fs::write(place.file("audit.jsonl.lock"), "").unwrap();
    fs::write(place.log(), &bytes[..bytes.len() - 9]).unwrap();
    assert!(matches!(place.verify(), Verdict::Broken(_)));
}
