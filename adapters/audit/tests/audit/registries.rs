//! The registry, held against what the log knows of it.

use signer_audit::{Acceptance, AuditOpening, KeyFact, RegistryMark, StaleRegistry, inspect};
use signer_domain::ports::{AuditEntry, AuditOutcome, AuditTrail as _};

use crate::support::{Place, entry, key, mark, state};

fn retiring(op: &'static str, handle: &str, outcome: AuditOutcome) -> AuditEntry {
    AuditEntry {
        op,
        outcome,
        key: key(handle),
        ..entry("r")
    }
}

fn opening(place: &Place) -> AuditOpening {
    AuditOpening::claim(&place.log(), Acceptance::Nothing).unwrap()
}

#[tokio::test]
async fn a_checkpoint_tells_which_registry_it_was_and_how_far_it_had_come() {
    let place = Place::new();
    let trail = opening(&place).start(mark("one", 41)).unwrap();
    trail.record(entry("a")).await.unwrap();
    trail.close().await;
    assert_eq!(inspect(&place.log()).unwrap(), Some(state("one", 41)));
    let opening = opening(&place);
    assert_eq!(opening.compare(&state("one", 41)), Ok(()));
    assert_eq!(opening.compare(&state("one", 99)), Ok(()));
    let (signed, found) = (41, 40);
    assert_eq!(
        opening.compare(&state("one", 40)),
        Err(StaleRegistry::Older { signed, found })
    );
    assert_eq!(
        opening.compare(&state("two", 99)),
        Err(StaleRegistry::Other {
            signed: "one".to_owned(),
            found: "two".to_owned(),
        })
    );
}

#[tokio::test]
async fn entries_behind_the_checkpoint_tell_what_the_registry_has_to_know_of_keys() {
    let place = Place::new();
    place.add(["signed".to_owned()]).await;
    let trail = opening(&place).start(mark("r", 1)).unwrap();
    for (op, handle, outcome) in [
        ("retire", "software:platform|a", AuditOutcome::Ok),
        ("rotation_close", "software:platform|b", AuditOutcome::Ok),
        ("retire", "software:platform|c", AuditOutcome::Denied),
        ("sign", "software:platform|d", AuditOutcome::Ok),
        ("rotation_open", "software:platform|e", AuditOutcome::Ok),
        // A repair may have been one of a key that is as active as ever.
        ("repair", "software:platform|f", AuditOutcome::Ok),
        ("generate", "software:platform|g", AuditOutcome::Ok),
        ("generate", "software:platform|h", AuditOutcome::Unavailable),
        ("sign_scope", "software:platform|e", AuditOutcome::Ok),
        ("retire", "software:platform|d", AuditOutcome::Ok),
        ("block", "software:platform|g", AuditOutcome::Ok),
        ("block", "software:platform|e", AuditOutcome::Ok),
        ("unblock", "software:platform|e", AuditOutcome::Ok),
    ] {
        trail.record(retiring(op, handle, outcome)).await.unwrap();
    }
    // The crash, before the next checkpoint.
    let crashed = Place::new();
    for name in &place.names() {
        std::fs::copy(place.file(name), crashed.file(name)).unwrap();
    }
    let opening = AuditOpening::claim(&crashed.log(), Acceptance::Nothing).unwrap();
    let known = opening.known_keys();
    let known: Vec<_> = known
        .iter()
        .map(|known| (known.handle.rest(), known.fact, known.entry))
        .collect();
    assert_eq!(
        known,
        [
            ("platform|a", KeyFact::Retired, 2),
            ("platform|b", KeyFact::Retired, 3),
            ("platform|e", KeyFact::Rotated, 6),
            ("platform|g", KeyFact::Stands, 8),
            ("platform|d", KeyFact::Retired, 11),
            ("platform|g", KeyFact::Blocked, 12),
        ]
    );
    trail.close().await;
}

#[tokio::test]
async fn a_registry_that_was_accepted_is_the_one_of_the_next_checkpoint() {
    let place = Place::new();
    place.add(["a".to_owned()]).await;
    let opening = AuditOpening::claim(&place.log(), Acceptance::Registry).unwrap();
    let restored = RegistryMark::new("restored".to_owned(), || 0);
    opening.start(restored).unwrap().close().await;
    assert_eq!(inspect(&place.log()).unwrap(), Some(state("restored", 0)));
    assert!(place.lines()[1].contains("\"op\":\"accept_registry\",\"outcome\":\"ok\""));
}
