//! The chain of SHA-256 hashes that holds the lines together.

use sha2::{Digest as _, Sha256};

use super::hex;
use super::record::AuditRecord;

/// Where a chain stands: behind its last line, or at its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// The number of the last line; 0 at the beginning.
    pub(super) seq: u64,
    /// The hash of the last line; zero at the beginning.
    pub(super) hash: [u8; 32],
}

const HEAD: &[u8] = br#"{"v":1,"seq":"#;
const PREV: &[u8] = br#","prev":""#;
const HASH: &[u8] = br#"","hash":""#;
const END: &[u8] = br#""}"#;

/// `,"prev":"<64 digits>","hash":"<64 digits>"}`
const TAIL_LEN: usize = PREV.len() + HASH.len() + END.len() + 2 * 64;

impl Position {
    /// The beginning of every log.
    pub(super) const BEGINNING: Self = Self {
        seq: 0,
        hash: [0; 32],
    };

    /// Appends the line that comes next, with `members` inside, and gives the position behind it.
    pub(super) fn seal(self, members: &str, lines: &mut Vec<u8>) -> Self {
        let seq = self.seq + 1;
        let start = lines.len();
        lines.extend_from_slice(HEAD);
        lines.extend_from_slice(seq.to_string().as_bytes());
        lines.push(b',');
        lines.extend_from_slice(members.as_bytes());
        lines.extend_from_slice(PREV);
        lines.extend_from_slice(hex::encode(&self.hash).as_bytes());
        let hash = hash_of(lines.get(start..).unwrap_or_default());
        lines.extend_from_slice(HASH);
        lines.extend_from_slice(hex::encode(&hash).as_bytes());
        lines.extend_from_slice(END);
        lines.push(b'\n');
        Self { seq, hash }
    }

    /// The position behind `line`, when it is the line that comes next.
    pub(super) fn follow(self, line: &Line) -> Result<Self, LineFault> {
        let expected = self.seq + 1;
        if line.seq != expected {
            return Err(LineFault::OutOfOrder { found: line.seq });
        }
        if line.prev != self.hash {
            return Err(LineFault::Unlinked);
        }
        Ok(line.position())
    }
}

/// The hash of a line, of which `open` is everything before `","hash":`. The object is closed for it.
fn hash_of(open: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(open);
    hasher.update(END);
    hasher.finalize().into()
}

/// A line that is sound in itself.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) seq: u64,
    pub(super) prev: [u8; 32],
    pub(super) hash: [u8; 32],
    pub(super) record: AuditRecord<'static>,
}

impl Line {
    /// Reads a line, less its line feed. Only the very bytes that would be written pass.
    pub(super) fn read(line: &[u8]) -> Result<Self, LineFault> {
        let (seq, members, tail) = split(line).ok_or(LineFault::NoEntry)?;
        let (prev, hash) = links(tail).ok_or(LineFault::NoEntry)?;
        let open = line
            .get(..line.len() - HASH.len() - 64 - END.len())
            .unwrap_or_default();
        if hash_of(open) != hash {
            return Err(LineFault::WrongHash);
        }
        let object = [b"{", members, b"}"].concat();
        let record: AuditRecord<'static> =
            serde_json::from_slice(&object).map_err(|_unspecific| LineFault::NoEntry)?;
        if record.members().as_bytes() != members {
            return Err(LineFault::NotCanonical);
        }
        Ok(Self {
            seq,
            prev,
            hash,
            record,
        })
    }

    /// The number that a line claims, whether or not the line is sound.
    pub(super) fn claimed_seq(line: &[u8]) -> Option<u64> {
        split(line).map(|(seq, _, _)| seq)
    }

    /// Whether a file with these first bytes may be one of lines.
    pub(super) fn may_begin_with(bytes: &[u8]) -> bool {
        bytes
            .iter()
            .zip(HEAD)
            .all(|(found, expected)| found == expected)
    }

    /// Whether these bytes, without a line feed, may be what a death left of a line.
    pub(super) fn may_be_torn(bytes: &[u8]) -> bool {
        let is_unwritten = || bytes.iter().all(|byte| *byte == 0);
        let at = bytes.windows(HASH.len()).position(|window| window == HASH);
        let behind_hash = at.map_or(0, |at| bytes.len() - at - HASH.len());
        is_unwritten() || (Self::may_begin_with(bytes) && behind_hash <= 64 + END.len())
    }

    /// Where the chain stands behind this line.
    pub(super) const fn position(&self) -> Position {
        Position {
            seq: self.seq,
            hash: self.hash,
        }
    }

    /// Where the chain stood before this line, if the line is right.
    pub(super) const fn before(&self) -> Position {
        Position {
            seq: self.seq.saturating_sub(1),
            hash: self.prev,
        }
    }
}

/// A line as number, members and tail.
fn split(line: &[u8]) -> Option<(u64, &[u8], &[u8])> {
    let rest = line.strip_prefix(HEAD)?;
    let comma = rest.iter().position(|byte| *byte == b',')?;
    let (digits, rest) = rest.split_at_checked(comma)?;
    let digits = std::str::from_utf8(digits).ok()?;
    let seq: u64 = digits.parse().ok().filter(|seq| *seq > 0)?;
    if seq.to_string() != digits {
        return None;
    }
    let rest = rest.strip_prefix(b",")?;
    let (members, tail) = rest.split_at_checked(rest.len().checked_sub(TAIL_LEN)?)?;
    Some((seq, members, tail))
}

fn links(tail: &[u8]) -> Option<([u8; 32], [u8; 32])> {
    let (prev, rest) = tail.strip_prefix(PREV)?.split_at_checked(64)?;
    let (hash, end) = rest.strip_prefix(HASH)?.split_at_checked(64)?;
    (end == END).then_some((hex::decode(prev)?, hex::decode(hash)?))
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    /// It is not of the form of an entry.
    #[error("is not an entry")]
    NoEntry,
    /// It says the same as an entry, in other bytes.
    #[error("is not written as the custodian writes it")]
    NotCanonical,
    /// Its hash is not that of its bytes.
    #[error("does not have the hash of its content")]
    WrongHash,
    /// Another line should stand here.
    #[error("is missing, {found} stands in its place")]
    OutOfOrder {
        /// The number of the line that stands here.
        found: u64,
    },
    /// It does not continue the line before it.
    #[error("does not continue the entry before it")]
    Unlinked,
    /// It ends without a line feed.
    #[error("is cut off")]
    CutOff,
    /// It is longer than any entry.
    #[error("is longer than any entry")]
    TooLong,
}

#[cfg(test)]
mod tests;
