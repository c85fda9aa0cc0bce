//! The end of a log, and what is added to it.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::chain::Line;
use super::file::open_for_review;
use super::lines::{Next, next_line};
use super::record::AuditRecord;

/// Reads a log from near its end. Verifies nothing.
#[derive(Debug)]
pub struct LogTail {
    path: PathBuf,
    source: BufReader<File>,
    /// What has been read of a line that is not complete yet.
    partial: Vec<u8>,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TailLine {
    /// Its bytes, without the line feed.
    pub bytes: Vec<u8>,
    /// Its number and what it says; `None` when it is not an entry.
    pub entry: Option<(u64, AuditRecord<'static>)>,
}

impl LogTail {
    /// Opens a log before its last `count` lines.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(path: &Path, count: usize) -> io::Result<Self> {
        let mut file = open_for_review(path)?;
        let start = before_the_last(&mut file, count)?;
        file.seek(SeekFrom::Start(start))?;
        Ok(Self {
            path: path.to_owned(),
            source: BufReader::new(file),
            partial: Vec::new(),
        })
    }

    /// The next whole line; `None` as long as there is none. When the log goes on in another file, as
    /// after a rotation, reads on in that one.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn next_line(&mut self) -> io::Result<Option<TailLine>> {
        if let Some(line) = self.read_line()? {
            return Ok(Some(line));
        }
        if !self.goes_on_elsewhere()? {
            return Ok(None);
        }
        // Whatever was added before the file was left has to be read first.
        if let Some(line) = self.read_line()? {
            return Ok(Some(line));
        }
        self.source = BufReader::new(open_for_review(&self.path)?);
        self.partial.clear();
        self.read_line()
    }

    fn read_line(&mut self) -> io::Result<Option<TailLine>> {
        let mut more = Vec::new();
        let next = next_line(&mut self.source, &mut more)?;
        self.partial.append(&mut more);
        match next {
            Next::Line => {}
            Next::Partial | Next::TooLong | Next::End => return Ok(None),
        }
        let bytes = std::mem::take(&mut self.partial);
        let line = Line::read(&bytes).ok();
        Ok(Some(TailLine {
            bytes,
            entry: line.map(|line| (line.seq, line.record)),
        }))
    }

    fn goes_on_elsewhere(&self) -> io::Result<bool> {
        let opened = self.source.get_ref().metadata()?;
        match fs::metadata(&self.path) {
            Ok(now) => Ok((now.dev(), now.ino()) != (opened.dev(), opened.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

const CHUNK: u64 = 64 * 1024;

/// Where the last `count` whole lines begin.
fn before_the_last(file: &mut (impl Read + Seek), count: usize) -> io::Result<u64> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut end = length;
    let mut left = count;
    let mut chunk = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(CHUNK);
        file.seek(SeekFrom::Start(start))?;
        chunk.clear();
        file.by_ref().take(end - start).read_to_end(&mut chunk)?;
        for (behind, byte) in (start + 1..=end).rev().zip(chunk.iter().rev()) {
            if *byte != b'\n' {
                continue;
            }
            if left == 0 {
                return Ok(behind);
            }
            left -= 1;
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_counted_from_the_last_line_feed() {
        let mut text = io::Cursor::new(b"one\ntwo\nthree\npart".to_vec());
        let mut start = |count| before_the_last(&mut text, count).unwrap();
        assert_eq!([start(0), start(1), start(2)], [14, 8, 4]);
        assert_eq!([start(3), start(9)], [0, 0]);
        let long = vec![b'\n'; 200_000];
        let start = before_the_last(&mut io::Cursor::new(long), 150_000).unwrap();
        assert_eq!(start, 50_000);
    }
}
