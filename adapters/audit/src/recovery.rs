//! What a log file says at its end, when nothing else is known any more.

use std::io::{self, BufRead as _, BufReader, Read, Seek, SeekFrom};

use super::chain::{Line, LineFault, Position};
use super::facts::Facts;
use super::lines::{Next, next_line};
use super::note::Checkpoint;

/// The end of a log file.
#[derive(Debug)]
pub(super) struct Tail {
    /// Where the chain stands.
    pub(super) position: Position,
    /// The last entry that the file itself holds, at or behind the checkpoint; 0 when there is none.
    pub(super) held: u64,
    /// The length up to which the file holds whole lines.
    pub(super) length: u64,
    /// How many bytes of a torn line follow.
    pub(super) torn: u64,
    /// What entries behind the checkpoint say of keys.
    pub(super) facts: Facts,
}

/// Why the end of a file cannot be continued.
#[derive(Debug)]
pub(super) enum TailFault {
    /// An entry is not what it has to be.
    Broken { seq: u64, fault: LineFault },
    /// Nothing in the file is of an audit log.
    NotALog,
    /// The file begins with an entry that continues nothing known.
    Unanchored { first: u64 },
    /// An entry is another one than the checkpoint speaks of.
    Disagrees { seq: u64 },
    /// The file cannot be read.
    Io(io::Error),
}

impl From<io::Error> for TailFault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads the end of a file: from the entry of the checkpoint on, from the beginning without one.
pub(super) fn read(
    file: &mut (impl Read + Seek),
    length: u64,
    checkpoint: Option<&Checkpoint>,
) -> Result<Tail, TailFault> {
    let anchor = checkpoint.map_or(Position::BEGINNING, |checkpoint| checkpoint.position);
    let start = find_start(file, length, anchor.seq)?;
    file.seek(SeekFrom::Start(start))?;
    let mut source = BufReader::new(file);
    let mut reader = TailReader {
        anchor,
        inside: start > 0,
        at: None,
        offset: start,
        facts: Facts::default(),
    };
    let mut line = Vec::new();
    let torn = loop {
        match next_line(&mut source, &mut line)? {
            Next::Line => {
                let end = reader.offset + size(&line) + 1;
                if !reader.take(&line, end == length)? {
                    break length - reader.offset;
                }
                reader.offset = end;
            }
            Next::Partial if reader.may_be_torn(&line) => {
                break length.saturating_sub(reader.offset);
            }
            Next::Partial => return Err(reader.not_an_entry(&line)),
            Next::TooLong if reader.is_foreign(&line) => return Err(TailFault::NotALog),
            Next::TooLong => return Err(reader.broken(&line, LineFault::TooLong)),
            Next::End => break 0,
        }
    };
    let claims_to_follow = Line::claimed_seq(&line).is_none_or(|seq| seq == anchor.seq + 1);
    let without_lines = if torn == 0 || claims_to_follow {
        anchor
    } else {
        Position::BEGINNING
    };
    Ok(Tail {
        position: reader.at.unwrap_or(without_lines),
        held: reader.at.map_or(0, |at| at.seq),
        length: reader.offset,
        torn,
        facts: reader.facts,
    })
}

struct TailReader {
    anchor: Position,
    /// Whether the reading begins inside of the file, at an entry that the checkpoint covers.
    inside: bool,
    at: Option<Position>,
    offset: u64,
    facts: Facts,
}

impl TailReader {
    /// Takes the next line; false when it is torn, which only the last one may be, and only behind
    /// the checkpoint: what is signed was durable before.
    fn take(&mut self, bytes: &[u8], is_last: bool) -> Result<bool, TailFault> {
        let line = match Line::read(bytes) {
            Ok(line) => line,
            Err(_torn)
                if is_last
                    && self.number_of(bytes) > self.anchor.seq
                    && self.may_be_torn(bytes) =>
            {
                return Ok(false);
            }
            Err(LineFault::NoEntry) => return Err(self.not_an_entry(bytes)),
            Err(fault) => return Err(self.broken(bytes, fault)),
        };
        let before = match self.at {
            Some(at) => at,
            None => self.beginning(&line)?,
        };
        let at = before.follow(&line).map_err(|fault| {
            let seq = before.seq + 1;
            TailFault::Broken { seq, fault }
        })?;
        if at.seq == self.anchor.seq && at.hash != self.anchor.hash {
            return Err(TailFault::Disagrees { seq: at.seq });
        }
        if at.seq > self.anchor.seq {
            self.facts.take(at.seq, &line.record);
        }
        self.at = Some(at);
        Ok(true)
    }

    /// Whether these bytes may be what a death left of an entry. At the beginning of a file nothing else
    /// shows that it is an audit log at all, and it may be somebody's only copy of something.
    fn may_be_torn(&self, bytes: &[u8]) -> bool {
        let is_unwritten = || bytes.iter().all(|byte| *byte == 0);
        self.offset > 0 || Line::may_begin_with(bytes) || is_unwritten()
    }

    /// Where the chain has to stand before the first line that is read.
    fn beginning(&self, line: &Line) -> Result<Position, TailFault> {
        if self.inside {
            return Ok(line.before());
        }
        match line.seq {
            1 => Ok(Position::BEGINNING),
            seq if seq == self.anchor.seq + 1 => Ok(self.anchor),
            seq if seq <= self.anchor.seq => Ok(line.before()),
            first => Err(TailFault::Unanchored { first }),
        }
    }

    /// Whether a file that begins with these bytes has nothing to do with an audit log, as far as is
    /// known: none was ever signed at its path.
    fn is_foreign(&self, bytes: &[u8]) -> bool {
        self.anchor == Position::BEGINNING && self.offset == 0 && !Line::may_begin_with(bytes)
    }

    fn not_an_entry(&self, bytes: &[u8]) -> TailFault {
        if self.is_foreign(bytes) {
            TailFault::NotALog
        } else {
            self.broken(bytes, LineFault::NoEntry)
        }
    }

    fn broken(&self, bytes: &[u8], fault: LineFault) -> TailFault {
        let seq = self.number_of(bytes);
        TailFault::Broken { seq, fault }
    }

    /// The number of an entry that is not sound: the next one, or as it says itself where the file
    /// begins before the checkpoint.
    fn number_of(&self, bytes: &[u8]) -> u64 {
        let claimed = || Line::claimed_seq(bytes).filter(|seq| *seq <= self.anchor.seq);
        let next = self.at.map(|at| at.seq + 1);
        next.or_else(claimed).unwrap_or(self.anchor.seq + 1)
    }
}

/// How much of the end of a file is looked at first.
const WINDOW: u64 = 1024 * 1024;

/// Where to begin in order to meet entry `seq`: at a line not behind it, but not far before it.
fn find_start(file: &mut (impl Read + Seek), length: u64, seq: u64) -> io::Result<u64> {
    let mut window = WINDOW;
    while seq > 0 && window < length {
        let start = length - window;
        if let Some((offset, found)) = first_line_from(file, start)?
            && found <= seq
        {
            return Ok(offset);
        }
        window = window.saturating_mul(4);
    }
    Ok(0)
}

/// The first whole line behind `start`, where it begins and which number it claims.
fn first_line_from(file: &mut (impl Read + Seek), start: u64) -> io::Result<Option<(u64, u64)>> {
    file.seek(SeekFrom::Start(start))?;
    let mut source = BufReader::new(file);
    let mut line = Vec::new();
    if next_line(&mut source, &mut line)? != Next::Line {
        return Ok(None);
    }
    let offset = start + size(&line) + 1;
    if next_line(&mut source, &mut line)? != Next::Line {
        return Ok(None);
    }
    Ok(Line::claimed_seq(&line).map(|seq| (offset, seq)))
}

/// Where the line at `position` ends in a file that already holds something; the beginning when it
/// holds no more than what a failed try left. `None` when it is not the file of this chain.
pub(super) fn end_of(
    source: &mut BufReader<impl Read + Seek>,
    length: u64,
    position: Position,
) -> io::Result<Option<u64>> {
    let file = source.get_mut();
    let start = find_start(file, length, position.seq)?;
    source.seek(SeekFrom::Start(start))?;
    let mut offset = start;
    let mut line = Vec::new();
    let mut holds_a_line = start > 0;
    while next_line(source, &mut line)? == Next::Line {
        offset += size(&line) + 1;
        if let Ok(sound) = Line::read(&line) {
            if sound.position() == position {
                return Ok(Some(offset));
            }
            holds_a_line |= sound.seq != position.seq + 1;
        }
    }
    source.seek(SeekFrom::Start(0))?;
    let head = source.fill_buf()?;
    let is_ours = Line::may_begin_with(head);
    Ok((is_ours && !holds_a_line).then_some(0))
}

fn size(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
