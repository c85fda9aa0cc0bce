//! Whether a log is intact, judged by a second reading of `docs/audit.md` that shares no code with the
//! first: lines by a JSON parser, notes by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// What an intact log holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Content {
    /// Number, request and hash of each entry.
    pub(super) entries: Vec<(u64, String, String)>,
    pub(super) signed: u64,
    pub(super) torn: u64,
}

/// The files that `audit verify` reads.
#[derive(Debug, Clone)]
pub(super) struct Evidence {
    pub(super) files: Vec<PathBuf>,
    pub(super) checkpoints: PathBuf,
    pub(super) key: PathBuf,
    pub(super) lock: PathBuf,
}

struct Verifier {
    name: String,
    hash: [u8; 4],
    key: [u8; 32],
}

#[derive(Default)]
struct Notes {
    roots: BTreeMap<u64, [u8; 32]>,
    begins: BTreeSet<u64>,
    count: usize,
}

#[derive(PartialEq)]
enum Run {
    Ended,
    Unfinished,
    Unknown,
}

/// The content of the log, or why it is broken.
pub(super) fn judge(evidence: &Evidence) -> Result<Content, String> {
    let verifier = read_key(&evidence.key)?;
    let bytes = fs::read(&evidence.checkpoints).map_err(|_cause| "no checkpoint file")?;
    let notes = read_notes(&bytes, &verifier)?;
    if notes.count == 0 {
        return Err("no checkpoint".to_owned());
    }
    let signed = notes.roots.last_key_value().map_or(0, |(seq, _)| *seq);
    let run = read_lock(&evidence.lock);
    let mut content = Content {
        signed,
        ..Content::default()
    };
    let mut before: Option<(u64, String)> = None;
    let last_file = evidence.files.len().saturating_sub(1);
    for (number, file) in evidence.files.iter().enumerate() {
        let bytes = fs::read(file).unwrap();
        let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
        let rest = lines.pop().unwrap_or_default();
        for line in lines {
            let (seq, prev, hash, request) = read_line(line).ok_or("no line")?;
            let (seq_before, hash_before) = match &before {
                Some((seq, hash)) => (*seq, hash.clone()),
                None if seq == 1 => (0, "0".repeat(64)),
                None => {
                    let root = notes.roots.get(&(seq - 1)).ok_or("headless")?;
                    if !notes.begins.contains(&(seq - 1)) {
                        return Err("headless".to_owned());
                    }
                    (seq - 1, digits(root))
                }
            };
            if seq != seq_before + 1 || prev != hash_before {
                return Err(format!("{seq} does not follow {seq_before}"));
            }
            if notes
                .roots
                .get(&seq)
                .is_some_and(|root| digits(root) != hash)
            {
                return Err(format!("{seq} is not as it was signed"));
            }
            content.entries.push((seq, request, hash.clone()));
            before = Some((seq, hash));
        }
        if !rest.is_empty() {
            let last = content.entries.last().map_or(0, |(seq, _, _)| *seq);
            let is_signed = last >= signed || notes.begins.contains(&signed);
            let may_be_torn = number == last_file && run == Run::Unfinished && is_signed;
            if !may_be_torn || !is_prefix_of_a_line(rest) {
                return Err("torn".to_owned());
            }
            content.torn = rest.len().try_into().unwrap();
        }
    }
    let last = content.entries.last().map_or(0, |(seq, _, _)| *seq);
    let is_fresh = content.entries.is_empty() && notes.begins.contains(&signed);
    if last < signed && !is_fresh {
        return Err(format!("ends with {last}, signed up to {signed}"));
    }
    if run == Run::Ended && last > signed {
        return Err(format!("ended with {last}, signed up to {signed} only"));
    }
    Ok(content)
}

fn read_key(path: &Path) -> Result<Verifier, String> {
    let text = fs::read_to_string(path).map_err(|_cause| "no key")?;
    let line = text.strip_suffix('\n').ok_or("key cut")?;
    let mut parts = line.splitn(3, '+');
    let mut part = || parts.next().ok_or("key parts");
    let (name, hash, key) = (part()?, part()?, part()?);
    let bytes = STANDARD.decode(key).map_err(|_cause| "key base64")?;
    let (kind, key) = bytes.split_first().ok_or("key empty")?;
    let digest = Sha256::digest([name.as_bytes(), b"\n", &bytes].concat());
    let is_sound = *kind == 1 && digits(&digest[..4]) == hash;
    let key = key.try_into().map_err(|_cause| "key length")?;
    is_sound
        .then(|| Verifier {
            name: name.to_owned(),
            hash: digest[..4].try_into().unwrap(),
            key,
        })
        .ok_or_else(|| "key hash".to_owned())
}

fn read_notes(bytes: &[u8], verifier: &Verifier) -> Result<Notes, String> {
    let mut notes = Notes::default();
    let mut rest = bytes;
    loop {
        let blank = rest.windows(2).position(|pair| pair == b"\n\n");
        let end = blank.and_then(|blank| {
            let line = &rest[blank + 2..];
            let feed = line.iter().position(|byte| *byte == b'\n')?;
            Some((blank, blank + 2 + feed))
        });
        let Some((blank, end)) = end else { break };
        let text = str::from_utf8(&rest[..=blank]).map_err(|_cause| "note text")?;
        let signature = str::from_utf8(&rest[blank + 2..end]).map_err(|_cause| "note signature")?;
        take_note(text, signature, verifier, &mut notes)?;
        rest = &rest[end + 1..];
    }
    if rest.is_empty() || is_prefix_of_a_note(rest, &verifier.name) {
        Ok(notes)
    } else {
        Err("what follows the notes is no note".to_owned())
    }
}

fn take_note(
    text: &str,
    signature: &str,
    verifier: &Verifier,
    notes: &mut Notes,
) -> Result<(), String> {
    let prefix = format!("\u{2014} {} ", verifier.name);
    let body = signature.strip_prefix(&prefix).ok_or("signer")?;
    let body = STANDARD.decode(body).map_err(|_cause| "signature base64")?;
    let (hash, signature) = body.split_at_checked(4).ok_or("signature length")?;
    let key = UnparsedPublicKey::new(&ED25519, verifier.key);
    if hash != verifier.hash || key.verify(text.as_bytes(), signature).is_err() {
        return Err("not signed".to_owned());
    }
    // The key has signed it, so it is well formed.
    let lines: Vec<&str> = text.lines().collect();
    let seq: u64 = lines[1].parse().unwrap();
    let root = STANDARD.decode(lines[2]).unwrap().try_into().unwrap();
    for line in &lines[5..] {
        let words: Vec<&str> = line.split(' ').collect();
        if words[0] == "cut" {
            let (first, last): (u64, u64) = (words[1].parse().unwrap(), words[2].parse().unwrap());
            notes.roots.retain(|seq, _| *seq < first || *seq > last);
        }
    }
    if notes
        .roots
        .insert(seq, root)
        .is_some_and(|known| known != root)
    {
        return Err(format!("two notes of {seq}"));
    }
    if lines[5..].iter().any(|line| line.starts_with("file ")) {
        notes.begins.insert(seq);
    }
    notes.count += 1;
    Ok(())
}

/// Whether bytes are the front of a note: each whole line in its form, the last one in its alphabet.
fn is_prefix_of_a_note(bytes: &[u8], name: &str) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end_matches('\u{fffd}');
    let lines: Vec<&str> = text.split('\n').collect();
    let blank = lines.iter().position(|line| line.is_empty());
    lines.iter().enumerate().all(|(at, line)| {
        let is_last = at + 1 == lines.len();
        let fits = |whole: &str| *line == whole || (is_last && whole.starts_with(*line));
        let is_of = |head: &str, others: &str| {
            line.starts_with(head)
                && line[head.len()..]
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || others.contains(c))
                || (is_last && head.starts_with(*line))
        };
        match at {
            0 => fits(name),
            1 => line.chars().all(|c| c.is_ascii_digit()) && (is_last || !line.is_empty()),
            2 => is_of("", "+/=") && (is_last || line.len() == 44),
            3 => {
                let words: Vec<&str> = line.split(' ').collect();
                let is_whole = words.len() == 3 && words[2].parse::<u64>().is_ok();
                is_of("registry ", " -") && (is_last || is_whole)
            }
            4 => is_of("time ", "-:.") && !line.ends_with('J'),
            _ if line.is_empty() => true,
            _ if blank.is_some_and(|blank| at == blank + 1) => {
                let dash = format!("\u{2014} {name} ");
                is_last && line.len() <= dash.len() + 92 && is_of(&dash, "+/=")
            }
            _ if is_last => is_of("cut ", " ") || is_of("file ", ""),
            _ => is_a_whole_addition(&lines, at),
        }
    })
}

/// Whether a whole line behind the first five says which entries are given up, or which one begins a file:
/// each at most once, in this order, with nothing behind its numbers.
fn is_a_whole_addition(lines: &[&str], at: usize) -> bool {
    let number = |word: &str| {
        let number = word.parse::<u64>().ok();
        number.filter(|number| number.to_string() == word)
    };
    let words: Vec<&str> = lines[at].split(' ').collect();
    match words[..] {
        ["cut", first, last] => at == 5 && number(first).is_some() && number(last).is_some(),
        ["file", next] => {
            let follows = at == 5 || lines[at - 1].starts_with("cut ");
            follows && number(next).is_some_and(|next| number(lines[1]) == next.checked_sub(1))
        }
        _ => false,
    }
}

fn is_prefix_of_a_line(bytes: &[u8]) -> bool {
    let head = br#"{"v":1,"seq":"#;
    let count = bytes.len().min(head.len());
    let text = String::from_utf8_lossy(bytes);
    let behind = text
        .split_once(r#"","hash":""#)
        .map_or(0, |(_, rest)| rest.len());
    bytes[..count] == head[..count] && behind <= 66
}

fn read_line(line: &[u8]) -> Option<(u64, String, String, String)> {
    let text = str::from_utf8(line).ok()?;
    let value: Value = serde_json::from_str(text).ok()?;
    let text_of = |name: &str| Some(value.get(name)?.as_str()?.to_owned());
    let hash = text_of("hash")?;
    let open = text.strip_suffix(&format!(",\"hash\":\"{hash}\"}}"))?;
    let is_its = digits(&Sha256::digest(format!("{open}}}"))) == hash;
    let seq = value.get("seq")?.as_u64()?;
    is_its.then_some((seq, text_of("prev")?, hash, text_of("request_id")?))
}

fn read_lock(path: &Path) -> Run {
    match fs::read_to_string(path) {
        Ok(text) if text.is_empty() => Run::Ended,
        Ok(text) => {
            let mut whole: Vec<&str> = text.split('\n').collect();
            whole.pop();
            let is_note = |line: &&str| {
                let number = line
                    .strip_prefix("begun ")
                    .or_else(|| line.strip_prefix("holds "));
                number.is_some_and(|number| number.parse::<u64>().is_ok_and(|seq| seq > 0))
            };
            if whole.iter().any(is_note) {
                Run::Unfinished
            } else {
                Run::Unknown
            }
        }
        Err(_) => Run::Unknown,
    }
}

pub(super) fn digits(bytes: &[u8]) -> String {
    let mut digits = String::new();
    for byte in bytes {
        write!(digits, "{byte:02x}").unwrap();
    }
    digits
}
