//! Thousands of manipulated logs: each is noticed, and the first bad entry named where it can be.

use std::fs;
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};
use signer_audit::{Breach, CheckpointLedger, Verdict, verify};
use signer_domain::ports::AuditTrail as _;

use crate::support::{Place, entry, intact, names};

const ENTRIES: usize = 30;

/// xorshift64*: enough to choose, and the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).unwrap() % sides
    }
}

/// A log with checkpoints at a few entries, and another one to splice from.
struct Scene {
    place: Place,
    lines: Vec<String>,
    others: Vec<String>,
    /// The entries that checkpoints speak of.
    signed: Vec<usize>,
    file: PathBuf,
    ledger: CheckpointLedger,
}

impl Scene {
    async fn new() -> Self {
        let (place, other) = (Place::new(), Place::new());
        let parts = [5, 7, 9, 9];
        let mut signed = Vec::new();
        for count in parts {
            place.add(names("a", count)).await;
            signed.push(signed.last().unwrap_or(&0) + count);
        }
        let trail = other.open().unwrap();
        for name in names("b", ENTRIES) {
            trail.note(entry(&name));
        }
        trail.close().await;
        Self {
            lines: place.lines(),
            others: other.lines(),
            signed,
            file: place.file("forged.jsonl"),
            ledger: place.ledger(),
            place,
        }
    }

    fn verdict(&self, forged: &[u8], with_checkpoints: bool) -> Verdict {
        fs::write(&self.file, forged).unwrap();
        let ledger = with_checkpoints.then_some(&self.ledger);
        verify(std::slice::from_ref(&self.file), ledger, |_, _| {}).unwrap()
    }

    /// The first bad entry of a manipulated log, which has to be noticed.
    #[track_caller]
    fn first_bad(&self, forged: &[u8], with_checkpoints: bool, what: &str) -> u64 {
        match self.verdict(forged, with_checkpoints) {
            Verdict::Broken(breach) => breach.seq().unwrap(),
            Verdict::Intact(summary) => panic!("not noticed: {what}: {summary:?}"),
        }
    }
}

fn text(lines: &[String]) -> Vec<u8> {
    let mut text = lines.join("\n").into_bytes();
    text.push(b'\n');
    text
}

fn number(at: usize) -> u64 {
    u64::try_from(at).unwrap() + 1
}

/// The line with another predecessor and the hash that belongs to it; gives the hash, too.
fn rechained(line: &str, prev: &str) -> (String, String) {
    let (open, _) = line.rsplit_once(",\"prev\":").unwrap();
    let open = format!("{open},\"prev\":\"{prev}\"");
    let bytes = Sha256::digest(format!("{open}}}"));
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    let hash = digits.collect::<Vec<_>>().concat();
    (format!("{open},\"hash\":\"{hash}\"}}"), hash)
}

/// Edits entry `at` and computes every hash from there up to `end` anew.
fn rewritten(lines: &[String], at: usize, end: usize) -> Vec<String> {
    let mut forged = lines.to_vec();
    forged[at] = forged[at].replacen("\"uid\":1", "\"uid\":0", 1);
    let mut prev = match at {
        0 => "0".repeat(64),
        _ => lines[at - 1].rsplit('"').nth(1).unwrap().to_owned(),
    };
    for line in &mut forged[at..end] {
        let (sealed, hash) = rechained(line, &prev);
        *line = sealed;
        prev = hash;
    }
    forged
}

/// A manipulated log, and what it takes to find it out.
struct Forgery {
    bytes: Vec<u8>,
    /// The entry at which the chain itself breaks.
    breaks_at: u64,
    /// Entries, first and last, that are sound links of a chain but not the ones that were written.
    rewritten: Option<(u64, u64)>,
    what: String,
}

impl Forgery {
    fn new(bytes: Vec<u8>, breaks_at: u64, what: String) -> Self {
        Self {
            bytes,
            breaks_at,
            rewritten: None,
            what,
        }
    }

    /// A checkpoint tells earlier when it speaks of an entry that was rewritten.
    fn first_bad(&self, signed: &[usize]) -> u64 {
        let told = |seq: &u64| {
            self.rewritten
                .is_some_and(|(first, last)| (first..=last).contains(seq))
        };
        let signed = signed.iter().map(|seq| u64::try_from(*seq).unwrap());
        signed.filter(told).min().unwrap_or(self.breaks_at)
    }
}

#[tokio::test]
async fn every_manipulation_is_noticed_and_the_first_bad_entry_is_named() {
    let scene = Scene::new().await;
    assert_eq!(scene.lines.len(), ENTRIES);
    let whole = text(&scene.lines);
    for with_checkpoints in [false, true] {
        let verdict = scene.verdict(&whole, with_checkpoints);
        assert_eq!(intact(&verdict), number(ENTRIES - 1));
    }
    let mut dice = Dice(0x5eed);
    for round in 0..6_000 {
        let forgery = manipulate(&scene, &mut dice, round % 10);
        assert_ne!(forgery.bytes, whole, "{}", forgery.what);
        let what = &forgery.what;
        if dice.roll(2) == 1 {
            let found = scene.first_bad(&forgery.bytes, true, what);
            assert_eq!(found, forgery.first_bad(&scene.signed), "{what}");
        } else {
            let found = scene.first_bad(&forgery.bytes, false, what);
            assert_eq!(found, forgery.breaks_at, "{what}");
        }
    }
}

/// One manipulation that breaks the chain.
fn manipulate(scene: &Scene, dice: &mut Dice, kind: usize) -> Forgery {
    let lines = &scene.lines;
    let at = dice.roll(ENTRIES - 1);
    let mut forged = lines.clone();
    match kind {
        0 | 1 => {
            let mut bytes = text(lines);
            let start = lines[..at].iter().map(|line| line.len() + 1).sum::<usize>();
            let byte = start + dice.roll(lines[at].len() + 1);
            let change = u8::try_from(dice.roll(255)).unwrap() + 1;
            bytes[byte] ^= change;
            Forgery::new(
                bytes,
                number(at),
                format!("byte {byte}, in {at}, ^ {change}"),
            )
        }
        2 => {
            forged.remove(at);
            Forgery::new(text(&forged), number(at), format!("{at} deleted"))
        }
        3 => {
            let at = at.max(1);
            let other = at + 1 + dice.roll(ENTRIES - 1 - at);
            forged.swap(at, other);
            Forgery::new(
                text(&forged),
                number(at),
                format!("{at} and {other} swapped"),
            )
        }
        4 => {
            forged.insert(at + 1, lines[at].clone());
            Forgery::new(text(&forged), number(at + 1), format!("{at} duplicated"))
        }
        5 => {
            let mut cut = text(&lines[..=at]);
            let inside = 1 + dice.roll(lines[at + 1].len());
            cut.extend_from_slice(&lines[at + 1].as_bytes()[..inside]);
            Forgery::new(
                cut,
                number(at + 1),
                format!("{inside} bytes left of {}", at + 1),
            )
        }
        6 => {
            let at = at.max(1);
            forged[at].clone_from(&scene.others[at]);
            Forgery::new(text(&forged), number(at), format!("{at} of another log"))
        }
        7 => {
            let at = at.max(1);
            forged.truncate(at);
            forged.extend_from_slice(&scene.others[at..]);
            Forgery::new(
                text(&forged),
                number(at),
                format!("another log from {at} on"),
            )
        }
        8 => {
            // The beginning of another log: sound up to where ours goes on.
            forged[..=at].clone_from_slice(&scene.others[..=at]);
            Forgery {
                rewritten: Some((1, number(at))),
                ..Forgery::new(
                    text(&forged),
                    number(at + 1),
                    format!("another log to {at}"),
                )
            }
        }
        _ => {
            let end = at + 1 + dice.roll(ENTRIES - 1 - at);
            let forged = rewritten(lines, at, end);
            Forgery {
                rewritten: Some((number(at), number(end - 1))),
                ..Forgery::new(
                    text(&forged),
                    number(end),
                    format!("{at} to {end} rewritten"),
                )
            }
        }
    }
}

#[tokio::test]
async fn what_the_chain_alone_cannot_show_is_noticed_against_the_checkpoints() {
    let scene = Scene::new().await;
    for at in 0..ENTRIES {
        let mut cut = text(&scene.lines[..at]);
        if at == 0 {
            cut.clear();
        }
        assert_eq!(
            scene.first_bad(&cut, true, "tail cut"),
            number(at),
            "{at} left"
        );
        assert_eq!(intact(&scene.verdict(&cut, false)), number(at) - 1);

        let forged = rewritten(&scene.lines, at, ENTRIES);
        let signed = scene.signed.iter().find(|seq| **seq > at).unwrap();
        let found = scene.first_bad(&text(&forged), true, "rewritten to the end");
        assert_eq!(found, number(*signed) - 1, "from {at} on");
        assert_eq!(
            intact(&scene.verdict(&text(&forged), false)),
            number(ENTRIES - 1)
        );

        if at > 0 {
            let headless = text(&scene.lines[at..]);
            for with_checkpoints in [false, true] {
                assert_eq!(scene.first_bad(&headless, with_checkpoints, "headless"), 1);
            }
        }
    }
    let found = scene.first_bad(&text(&scene.others), true, "another log");
    assert_eq!(found, number(scene.signed[0]) - 1);
}

#[tokio::test]
async fn a_manipulated_checkpoint_is_noticed_and_one_of_another_key_too() {
    let scene = Scene::new().await;
    let path = scene.place.checkpoints();
    let sound = fs::read(&path).unwrap();
    let end_of_last_text = sound.windows(2).rposition(|pair| pair == b"\n\n").unwrap();
    let mut noticed = 0;
    for at in (0..end_of_last_text).step_by(3) {
        let mut forged = sound.clone();
        forged[at] ^= 1;
        fs::write(&path, &forged).unwrap();
        let ledger = CheckpointLedger::read(&path, &scene.place.verifier()).unwrap();
        let verdict = verify(&[scene.place.log()], Some(&ledger), |_, _| {}).unwrap();
        let Verdict::Broken(Breach::Checkpoint { .. }) = verdict else {
            panic!("byte {at}: {verdict:?}");
        };
        noticed += 1;
    }
    assert!(noticed > 200, "{noticed}");
    fs::write(&path, &sound).unwrap();
    let other = Place::new();
    other.add(names("b", 1)).await;
    let ledger = CheckpointLedger::read(&path, &other.verifier()).unwrap();
    let verdict = verify(&[scene.place.log()], Some(&ledger), |_, _| {}).unwrap();
    assert!(matches!(verdict, Verdict::Broken(_)), "{verdict:?}");
}
