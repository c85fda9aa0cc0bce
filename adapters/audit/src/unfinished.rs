//! What a run that did not end in order left behind, as the lock file beside the log tells it.
//!
//! A checkpoint vouches for the entries up to its own. Those behind it are in the file of the log only,
//! so that whoever moves that file away after a crash takes their numbers out of sight, and the next
//! run would give them again. So a run notes, before and behind its first entry in a file, that the file
//! is there and what it holds; an orderly end takes the note back.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::file;
use super::note::{Checkpoint, FileBoundary};

/// The last note of a run that did not take it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfinished {
    /// The file was there, and this entry was to be the next in it.
    Begun(u64),
    /// The file held this entry durably.
    Holds(u64),
}

/// How the last run ended, as far as its lock file tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LastRun {
    /// Nobody knows: there is no lock file, or a live run holds it, or its note is torn.
    Unknown,
    /// In order. Every entry is signed then.
    Ended,
    /// It died, or lives.
    Unfinished(Unfinished),
}

impl LastRun {
    /// What makes a lock file tell nothing. An empty one says that the last run ended in order.
    pub(super) const NOTHING_KNOWN: &[u8] = b"\n";

    /// Reads a lock file.
    pub(super) fn read(file: &mut File) -> Result<Self, ReadNotesError> {
        Ok(match Unfinished::read(file)? {
            Some(note) => Self::Unfinished(note),
            None if file.metadata()?.len() == 0 => Self::Ended,
            None => Self::Unknown,
        })
    }

    /// What the lock file of the log at `log` tells a reader. The reader takes no lock, which would keep a
    /// custodian from starting.
    pub(super) fn of(log: &Path) -> Self {
        let lock = file::beside(log, ".lock");
        let owner = fs::symlink_metadata(log).map(|found| found.uid());
        // The lock file of another user than that of the log does not count.
        let is_its_own = |lock: u32| lock == 0 || owner.as_ref().is_ok_and(|log| *log == lock);
        let read = file::open_to_read(&lock).ok().and_then(|mut file| {
            let found = file.metadata().ok()?;
            let counts = found.is_file() && is_its_own(found.uid());
            counts.then(|| Self::read(&mut file).ok()).flatten()
        });
        read.unwrap_or(Self::Unknown)
    }

    /// The note of a run that did not take it back.
    pub(super) const fn note(self) -> Option<Unfinished> {
        match self {
            Self::Unfinished(note) => Some(note),
            Self::Unknown | Self::Ended => None,
        }
    }
}

/// What the file of the log holds now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holding {
    /// There is no file.
    Absent,
    /// There is no entry in it.
    Empty,
    /// Its last entry.
    UpTo(u64),
}

/// What the file of the log does not hold any more of an unfinished run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost {
    /// What the file holds.
    pub(super) holding: Holding,
    /// The last entry that is known to have been in it; 0 when none is.
    pub(super) known: u64,
}

/// No line of a note is longer: a word, a space and a number of 64 bits.
const LONGEST_LINE: usize = 32;

const BEGUN: &str = "begun";
const HOLDS: &str = "holds";

/// Why the notes of a lock file were not read.
#[derive(Debug)]
pub(super) enum ReadNotesError {
    /// It holds something else than notes.
    Foreign,
    /// It cannot be read.
    Io(io::Error),
}

impl From<io::Error> for ReadNotesError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Unfinished {
    /// Reads the last note of a lock file; a torn one says nothing.
    ///
    /// An orderly end empties the file, so it has to hold notes and nothing else.
    pub(super) fn read(file: &mut File) -> Result<Option<Self>, ReadNotesError> {
        file.seek(SeekFrom::Start(0))?;
        let mut source = BufReader::new(file);
        let mut last = None;
        let mut line = Vec::new();
        let mut is_first = true;
        while read_line(&mut source, &mut line)? > 0 {
            let whole = line.pop_if(|end| *end == b'\n').is_some();
            // The line feed that opens a note comes first.
            let is_ours = line.len() < LONGEST_LINE
                && if is_first {
                    is_unwritten(&line)
                } else {
                    may_be_a_note(&line)
                };
            if !is_ours {
                return Err(ReadNotesError::Foreign);
            }
            if whole && let Some(note) = str::from_utf8(&line).ok().and_then(Self::parse) {
                last = Some(note);
            }
            is_first = false;
        }
        Ok(last)
    }

    fn parse(line: &str) -> Option<Self> {
        let (word, seq) = line.split_once(' ')?;
        let seq = seq.parse().ok().filter(|seq| *seq > 0)?;
        match word {
            BEGUN => Some(Self::Begun(seq)),
            HOLDS => Some(Self::Holds(seq)),
            _ => None,
        }
    }

    /// The note as it is appended. It begins with a line feed, because an earlier one may be torn.
    pub(super) fn line(self) -> String {
        match self {
            Self::Begun(seq) => format!("\n{BEGUN} {seq}\n"),
            Self::Holds(seq) => format!("\n{HOLDS} {seq}\n"),
        }
    }

    /// What there should be and is not. A run that died on its way into a new file, behind the
    /// checkpoint that says so, has left nothing in it yet.
    pub(super) fn misses(self, checkpoint: Option<&Checkpoint>, holding: Holding) -> Option<Lost> {
        let signed = checkpoint.map_or(0, |checkpoint| checkpoint.position.seq);
        let begins = checkpoint.is_none_or(|checkpoint| checkpoint.file == FileBoundary::Begins);
        let (next, held) = match self {
            Self::Begun(seq) => (seq, seq - 1),
            Self::Holds(seq) => (seq, seq),
        };
        // What was signed since in the same file was in it as well.
        let held = if held <= signed && begins {
            0
        } else {
            held.max(signed)
        };
        let is_missed = match holding {
            Holding::Absent => held > 0 || next > signed,
            Holding::Empty => held > 0,
            Holding::UpTo(last) => last < held,
        };
        is_missed.then_some(Lost {
            holding,
            known: held.max(signed),
        })
    }
}

fn read_line(source: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<usize> {
    line.clear();
    let limit = u64::try_from(LONGEST_LINE).unwrap_or(u64::MAX);
    source.take(limit).read_until(b'\n', line)
}

/// Whether the line is a note, or what a death or a loss of power left of one.
fn may_be_a_note(line: &[u8]) -> bool {
    let written = line.len() - line.iter().rev().take_while(|byte| **byte == 0).count();
    let written = line.get(..written).unwrap_or_default();
    [BEGUN, HOLDS].into_iter().any(|word| {
        let word = word.as_bytes();
        let number = written
            .strip_prefix(word)
            .and_then(|rest| rest.strip_prefix(b" "));
        word.starts_with(written)
            || number.is_some_and(|number| number.iter().all(u8::is_ascii_digit))
    })
}

fn is_unwritten(line: &[u8]) -> bool {
    line.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::RegistryState;
    use crate::chain::Position;

    fn signed(seq: u64, file: FileBoundary) -> Checkpoint {
        Checkpoint {
            origin: "o".to_owned(),
            position: Position { seq, hash: [1; 32] },
            registry: RegistryState {
                id: "r".to_owned(),
                last_change: 1,
            },
            time: "t".to_owned(),
            cut: None,
            file,
        }
    }

    fn lock_file(text: &str) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn read(text: &str) -> Option<Unfinished> {
        Unfinished::read(&mut lock_file(text)).unwrap()
    }

    #[test]
    fn the_last_whole_note_counts() {
        assert_eq!(read(""), None);
        assert_eq!(read("\nbegun 1\n"), Some(Unfinished::Begun(1)));
        assert_eq!(read("\nbegun 1\n\nholds 1\n"), Some(Unfinished::Holds(1)));
        assert_eq!(read("\nholds 7\n\nholds 1"), Some(Unfinished::Holds(7)));
        assert_eq!(
            read("\nholds 7\n\nholds 1\nholds 12\n"),
            Some(Unfinished::Holds(12))
        );
        for torn in ["\nho", "\nholds", "\nholds 0\n", "\nbegun\n", "\nbegun 1"] {
            assert_eq!(read(torn), None, "{torn:?}");
        }
        for unwritten in ["\0\0\0", "\nho\0\0", "\n\0\0\0", "\0\0\n\nho"] {
            assert_eq!(read(unwritten), None, "{unwritten:?}");
        }
        let long = "\nbegun 1\n".repeat(10_000) + &Unfinished::Holds(9).line();
        assert_eq!(read(&long), Some(Unfinished::Holds(9)));
    }

    #[test]
    fn a_file_that_holds_anything_else_is_no_lock_file() {
        let long = "\0".repeat(100);
        for foreign in [
            "4711",
            "begun 1\n",
            "\nholds many\n",
            "\nbegun 1\nbread\n\nholds 1\n",
            "\nbegun 1 2\n",
            "\nbegun 00000000000000000000000000000000000000000001\n",
            &long,
        ] {
            let refused = Unfinished::read(&mut lock_file(foreign));
            assert!(
                matches!(refused, Err(ReadNotesError::Foreign)),
                "{foreign:?}"
            );
        }
    }

    #[test]
    fn a_file_that_lacks_what_it_held_is_missed_and_any_other_is_not() {
        use Holding::{Absent, Empty, UpTo};
        use Unfinished::{Begun, Holds};
        let none = None;
        let same = signed(5, FileBoundary::None);
        let same = Some(&same);
        let begins = signed(5, FileBoundary::Begins);
        let begins = Some(&begins);
        for (note, checkpoint, sound, lost) in [
            (
                Begun(1),
                none,
                &[Empty, UpTo(1), UpTo(9)][..],
                &[Absent][..],
            ),
            (Holds(1), none, &[UpTo(1), UpTo(9)], &[Absent, Empty]),
            (
                Holds(6),
                same,
                &[UpTo(6), UpTo(9)],
                &[Absent, Empty, UpTo(5)],
            ),
            // The checkpoint came later, in the same file.
            (
                Holds(2),
                same,
                &[UpTo(5), UpTo(9)],
                &[Absent, Empty, UpTo(4)],
            ),
            // A file was begun behind the checkpoint.
            (Holds(2), begins, &[Absent, Empty, UpTo(6)], &[]),
            (Begun(6), begins, &[Empty, UpTo(6)], &[Absent]),
            (Holds(6), begins, &[UpTo(6)], &[Absent, Empty]),
            // The run went on in a file of an earlier one.
            (Begun(6), same, &[UpTo(5), UpTo(6)], &[Absent, Empty]),
            (Begun(9), same, &[UpTo(8)], &[Absent, Empty, UpTo(7)]),
        ] {
            for holding in sound {
                assert_eq!(
                    note.misses(checkpoint, *holding),
                    None,
                    "{note:?} {holding:?}"
                );
            }
            for holding in lost {
                assert!(
                    note.misses(checkpoint, *holding).is_some(),
                    "{note:?} {holding:?}"
                );
            }
        }
        let lost = Holds(7).misses(same, UpTo(5)).unwrap();
        assert_eq!(lost.known, 7);
    }
}
