//! Which files of the log this run may write, and which lines in them are its own.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use super::chain::Line;
use super::file::{self, Policy};
use super::lines::{LINES_KEPT, Next, next_line};
use super::refusal::AuditRefusal;
use signer_files::{ClaimError, FileId, has_a_second_name};

/// How many files are remembered: a rotation adds one.
const REMEMBERED: usize = 64;

/// The files that this run has claimed. Each is locked for as long as it is open, so that no other
/// custodian writes it, whatever it is called.
#[derive(Debug, Default)]
pub(super) struct OwnFiles {
    /// The file that stood at the path when the run began.
    first: Option<File>,
    known: Vec<FileId>,
}

impl OwnFiles {
    /// Claims the file that stands at the path of a log, if one does.
    pub(super) fn claim(path: &Path) -> Result<Self, AuditRefusal> {
        let inaccessible = |error| AuditRefusal::Inaccessible {
            path: path.to_owned(),
            error,
        };
        let Some(first) = file::open_existing(path, Policy::State)? else {
            return Ok(Self::default());
        };
        match signer_files::claim(&first) {
            Ok(()) => {}
            Err(ClaimError::Held(holder)) => return Err(AuditRefusal::InUse(holder)),
            Err(ClaimError::Io(error)) => return Err(inaccessible(error)),
        }
        let id = FileId::of(&first.metadata().map_err(inaccessible)?);
        Ok(Self {
            first: Some(first),
            known: vec![id],
        })
    }

    /// Opens and claims the file at the path, and makes it when there is none. A file with something in
    /// it that this run neither opened nor made is left alone: it may be what another one writes, or a
    /// copy that lacks what was written since.
    pub(super) fn open(&mut self, path: &Path) -> io::Result<File> {
        if let Some(first) = self.first.take()
            && FileId::at(path).ok() == Some(FileId::of(&first.metadata()?))
        {
            return Ok(first);
        }
        let file = file::open_or_create(path, Policy::State)?;
        let opened = file.metadata()?;
        let id = FileId::of(&opened);
        if has_a_second_name(&opened) {
            return Err(io::Error::other("it has a second name (a hard link)"));
        }
        let is_known = self.known.contains(&id);
        if opened.len() > 0 && !is_known {
            return Err(io::Error::other(
                "what stands at its path is a file that this custodian neither opened nor made; move \
                 it away",
            ));
        }
        match signer_files::claim(&file) {
            Ok(()) => {}
            Err(ClaimError::Held(holder)) => {
                let problem = format!("what stands at its path is in use by {holder}");
                return Err(io::Error::other(problem));
            }
            Err(ClaimError::Io(error)) => return Err(error),
        }
        if !is_known {
            let surplus = (self.known.len() + 1).saturating_sub(REMEMBERED);
            self.known.drain(..surplus);
            self.known.push(id);
        }
        Ok(file)
    }
}

/// What the last try appended and did not make durable.
#[derive(Debug, Default)]
pub(super) struct LastTry {
    bytes: Vec<u8>,
    is_over: bool,
}

impl LastTry {
    /// Notes what is about to be appended.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        if std::mem::take(&mut self.is_over) {
            self.bytes.clear();
            self.bytes.shrink_to(LINES_KEPT);
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Says that what follows belongs to the next try.
    pub(super) const fn end(&mut self) {
        self.is_over = true;
    }

    /// Whether nothing of another process is cut off behind `length`: what stands there is what the
    /// last try left, or no entry of a log.
    pub(super) fn may_cut(&self, mut file: &File, length: u64) -> io::Result<bool> {
        file.seek(SeekFrom::Start(length))?;
        let limit = u64::try_from(self.bytes.len()).unwrap_or(u64::MAX);
        let mut tail = Vec::new();
        file.take(limit.saturating_add(1)).read_to_end(&mut tail)?;
        if self.bytes.starts_with(&tail) {
            return Ok(true);
        }
        file.seek(SeekFrom::Start(length))?;
        let mut source = BufReader::new(file);
        let mut line = Vec::new();
        loop {
            match next_line(&mut source, &mut line)? {
                Next::Line if Line::read(&line).is_ok() => return Ok(false),
                Next::Line | Next::TooLong => {}
                Next::Partial | Next::End => return Ok(true),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;
    use crate::chain::Position;
    use crate::waiting::{self, Waiting};

    fn entry() -> Vec<u8> {
        let mut line = Vec::new();
        Waiting::unawaited(waiting::tests::entry()).with_members(|members| {
            Position::BEGINNING.seal(members, &mut line);
        });
        line
    }

    #[test]
    fn only_what_the_last_try_left_and_what_is_no_entry_is_cut() {
        let line = entry();
        let begun = &line[..line.len() / 2];
        let mut ours = LastTry::default();
        ours.append(b"of a try before");
        ours.end();
        ours.append(begun);
        ours.append(&line[begun.len()..]);
        let none = LastTry::default();
        for (last_try, tail, may_cut) in [
            (&ours, &line[..], true),
            (&ours, begun, true),
            (&ours, b"a note of an operator\n", true),
            (&ours, &[&line[..], &line[..]].concat(), false),
            (&none, &line[..], false),
            (&none, &[b"\n", &line[..]].concat(), false),
            (&none, begun, true),
        ] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(b"durable\n").unwrap();
            file.write_all(tail).unwrap();
            let found = last_try.may_cut(&file, 8).unwrap();
            assert_eq!(found, may_cut, "{}", String::from_utf8_lossy(tail));
        }
    }

    #[test]
    fn a_file_that_the_run_did_not_make_is_adopted_only_while_it_is_empty() {
        let place = tempfile::tempdir().unwrap();
        let (path, aside) = (place.path().join("log"), place.path().join("aside"));
        let mut files = OwnFiles::claim(&path).unwrap();
        let mut made = files.open(&path).unwrap();
        made.write_all(b"one").unwrap();
        drop(made);
        drop(files.open(&path).unwrap());
        fs::rename(&path, &aside).unwrap();
        fs::copy(&aside, &path).unwrap();
        let refused = files.open(&path).unwrap_err().to_string();
        assert!(refused.contains("neither opened nor made"), "{refused}");
        fs::write(&path, "").unwrap();
        drop(files.open(&path).unwrap());
        fs::rename(&aside, &path).unwrap();
        drop(files.open(&path).unwrap());
        fs::hard_link(&path, &aside).unwrap();
        let refused = files.open(&path).unwrap_err().to_string();
        assert!(refused.contains("second name"), "{refused}");
    }

    #[test]
    fn a_file_that_another_one_writes_is_not_opened_under_any_name() {
        let place = tempfile::tempdir().unwrap();
        let (path, aside) = (place.path().join("log"), place.path().join("aside"));
        let mut files = OwnFiles::claim(&path).unwrap();
        let _open = files.open(&path).unwrap();
        fs::rename(&path, &aside).unwrap();
        assert!(matches!(
            OwnFiles::claim(&aside),
            Err(AuditRefusal::InUse(_))
        ));
        let mut others = OwnFiles::claim(&path).unwrap();
        let _theirs = others.open(&path).unwrap();
        let refused = files.open(&path).unwrap_err().to_string();
        assert!(
            refused.contains("in use by another live process"),
            "{refused}"
        );
    }
}
