//! An attacker who may write every file beside a log that no custodian writes at the moment, and who has not
//! the checkpoint key.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use super::checker::{Content, Evidence, digits, judge};
use super::disk::Dice;
use super::world::{World, summary_of, verdict_of};

impl World {
    /// Has the files tampered with. Verification has to agree with the checker, and never passes what was not
    /// written; and a start must not make a broken log an intact one.
    pub(super) fn tamper(&mut self) {
        let evidence = self.evidence();
        if self.is_live() || !evidence.key.exists() || evidence.files.is_empty() {
            return;
        }
        let truth = judge(&evidence).unwrap();
        let attack = Attack {
            evidence: &evidence,
            dice: &mut self.dice,
        };
        let what = attack.strike();
        self.told.push(what);
        let judged = judge(&evidence);
        self.told
            .push(format!("judged {:?}", judged.as_ref().map(summary_of)));
        let verdict = verdict_of(&self.file(""), &evidence);
        match (&judged, &verdict) {
            (Ok(content), Ok(summary)) => {
                assert_eq!(*summary, summary_of(content));
                assert_nothing_forged(content, &truth, &evidence);
            }
            (Err(_), Err(_)) => {}
            _ => panic!("judged {judged:?}, but verified {verdict:?}"),
        }
        let heals = heals(&evidence);
        if self.start_on_a_sound_disk().is_ok() {
            self.told.push("starts".to_owned());
            self.stop();
            if judged.is_err() && !heals {
                let after = verdict_of(&self.file(""), &self.evidence());
                // A file that was emptied behind an orderly end is like one that was rotated and not given.
                let is_told = after.is_ok_and(|summary| summary.first == Some(1));
                assert!(!is_told, "a start made a broken log an intact one");
            }
        }
    }
}

/// What is shown as signed has to be what was written.
fn assert_nothing_forged(content: &Content, truth: &Content, evidence: &Evidence) {
    let ended = fs::read(&evidence.lock).is_ok_and(|lock| lock.is_empty());
    for entry in &content.entries {
        let is_vouched = entry.0 <= content.signed || ended;
        let is_true = truth.entries.contains(entry);
        assert!(is_true || !is_vouched, "forged: {entry:?}");
    }
}

/// Whether all that is wrong is a last line that a start cuts off and records, or a verifier key that it
/// writes anew.
fn heals(evidence: &Evidence) -> bool {
    let last = evidence.files.last().unwrap();
    let key = fs::read(&evidence.key).unwrap();
    let bytes = fs::read(last).unwrap();
    fs::write(&evidence.key, [key.trim_ascii_end(), b"\n"].concat()).unwrap();
    let body = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let end = body
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let heals = [&bytes[..], &bytes[..end]].iter().any(|left| {
        fs::write(last, left).unwrap();
        judge(evidence).is_ok()
    });
    fs::write(last, bytes).unwrap();
    fs::write(&evidence.key, key).unwrap();
    heals
}

struct Attack<'a> {
    evidence: &'a Evidence,
    dice: &'a mut Dice,
}

impl Attack<'_> {
    fn strike(mut self) -> String {
        let log = self.some_log();
        let notes = self.evidence.checkpoints.clone();
        let key = self.evidence.key.clone();
        let kind = self.dice.roll(22);
        match kind {
            0 | 1 => self.flip(&log),
            2 => self.cut(&log),
            3 | 4 => self.flip_a_whole_note(),
            5 | 6 => self.cut(&notes),
            7 => self.flip(&key),
            8 => self.cut(&key),
            9 => self.change_lines(&log, |lines, at, _| {
                lines.remove(at);
            }),
            10 => self.change_lines(&log, |lines, at, _| lines.insert(at, lines[at].clone())),
            11 => self.change_lines(&log, |lines, at, other| lines.swap(at, other)),
            12 => {
                fs::write(&log, "").unwrap();
                format!("emptied {}", log.display())
            }
            13 => {
                let bytes = fs::read(&log).unwrap();
                fs::write(&log, [&bytes[..], b"garbage\n"].concat()).unwrap();
                format!("garbage behind {}", log.display())
            }
            14 => {
                let bytes = fs::read(&notes).unwrap();
                fs::write(&notes, [&bytes[..], b"garbage\n"].concat()).unwrap();
                "garbage behind the notes".to_owned()
            }
            _ => {
                let rewritten = self.rewrite();
                let hidden = self.hide(kind);
                format!("{rewritten}; {hidden}")
            }
        }
    }

    /// Does away with the checkpoints that would tell.
    fn hide(&mut self, kind: usize) -> String {
        let path = &self.evidence.checkpoints;
        let notes = fs::read(path).unwrap();
        match kind {
            15 => "notes kept".to_owned(),
            16 => {
                fs::remove_file(path).unwrap();
                "notes removed".to_owned()
            }
            17 => {
                fs::write(path, "").unwrap();
                "notes emptied".to_owned()
            }
            18 => {
                let long = vec![b'x'; 5 * 1024 * 1024];
                fs::write(path, [&long[..], b"\n", &notes].concat()).unwrap();
                "notes behind a line without end".to_owned()
            }
            19 => {
                let text = String::from_utf8_lossy(&notes).replace("\n\n", "\n");
                fs::write(path, text).unwrap();
                "notes without empty lines".to_owned()
            }
            _ => {
                let ends = ends_of_notes(&notes);
                let kept = self.dice.roll(ends.len() + 1);
                let end = kept.checked_sub(1).map_or(0, |last| ends[last]);
                fs::write(path, &notes[..end]).unwrap();
                format!("{kept} notes left")
            }
        }
    }

    /// Edits an entry, and computes all hashes from there on anew, through all files.
    fn rewrite(&mut self) -> String {
        let files = &self.evidence.files;
        let texts: Vec<String> = files
            .iter()
            .map(|file| fs::read_to_string(file).unwrap_or_default())
            .collect();
        let count = texts.iter().map(|text| text.matches('\n').count()).sum();
        if count == 0 {
            return "nothing to rewrite".to_owned();
        }
        let at = self.dice.roll(count);
        let mut number = 0;
        let mut prev: Option<String> = None;
        for (file, text) in files.iter().zip(texts) {
            let mut forged = String::new();
            for line in text.split_inclusive('\n') {
                let is_later = number >= at && line.ends_with('\n');
                if is_later {
                    let (open, chain) = line.rsplit_once(",\"prev\":\"").unwrap();
                    let before = prev.clone().unwrap_or_else(|| chain[..64].to_owned());
                    let open = if number == at {
                        open.replacen("\"latency_us\":0", "\"latency_us\":9", 1)
                    } else {
                        open.to_owned()
                    };
                    let open = format!("{open},\"prev\":\"{before}\"");
                    let hash = digits(&Sha256::digest(format!("{open}}}")));
                    writeln!(forged, "{open},\"hash\":\"{hash}\"}}").unwrap();
                    prev = Some(hash);
                } else {
                    forged.push_str(line);
                }
                number += 1;
            }
            fs::write(file, forged).unwrap();
        }
        format!("rewritten from line {at} on")
    }

    fn some_log(&mut self) -> PathBuf {
        let files = &self.evidence.files;
        files[self.dice.roll(files.len())].clone()
    }

    fn flip(&mut self, path: &PathBuf) -> String {
        let mut bytes = fs::read(path).unwrap();
        if bytes.is_empty() {
            return "nothing to flip".to_owned();
        }
        let (at, bit) = (self.dice.roll(bytes.len()), self.dice.roll(8));
        bytes[at] ^= 1 << bit;
        fs::write(path, bytes).unwrap();
        format!("bit {bit} of byte {at} of {} flipped", path.display())
    }

    /// A note that a death tore may be anything, so only whole ones are worth a flip.
    fn flip_a_whole_note(&mut self) -> String {
        let path = &self.evidence.checkpoints;
        let mut bytes = fs::read(path).unwrap();
        let end = ends_of_notes(&bytes).last().copied().unwrap();
        let (at, bit) = (self.dice.roll(end), self.dice.roll(8));
        bytes[at] ^= 1 << bit;
        fs::write(path, bytes).unwrap();
        format!("bit {bit} of byte {at} of the notes flipped")
    }

    fn cut(&mut self, path: &PathBuf) -> String {
        let bytes = fs::read(path).unwrap();
        let left = self.dice.roll(bytes.len().max(1));
        fs::write(path, &bytes[..left]).unwrap();
        format!("{left} of {} bytes left of {}", bytes.len(), path.display())
    }

    fn change_lines(
        &mut self,
        path: &PathBuf,
        change: impl FnOnce(&mut Vec<String>, usize, usize),
    ) -> String {
        let text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        if lines.is_empty() {
            return "no line to change".to_owned();
        }
        let (at, other) = (self.dice.roll(lines.len()), self.dice.roll(lines.len()));
        change(&mut lines, at, other);
        fs::write(path, lines.concat()).unwrap();
        format!("lines {at} and {other} of {} changed", path.display())
    }
}

/// Where each whole note ends.
fn ends_of_notes(bytes: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut at = 0;
    while let Some(blank) = bytes[at..].windows(2).position(|pair| pair == b"\n\n") {
        let signature = at + blank + 2;
        let Some(feed) = bytes[signature..].iter().position(|byte| *byte == b'\n') else {
            break;
        };
        at = signature + feed + 1;
        ends.push(at);
    }
    ends
}
