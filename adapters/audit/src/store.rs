//! The log as a file.

use std::fs::{self, File};
use std::io::{self, BufReader, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use super::chain::Position;
use super::own_files::{LastTry, OwnFiles};
use super::recovery;
use super::sink::{Place, Sink, Standing, Store};

/// The log file at one path.
#[derive(Debug)]
pub(super) struct FileStore {
    path: PathBuf,
    files: OwnFiles,
}

impl FileStore {
    pub(super) const fn new(path: PathBuf, files: OwnFiles) -> Self {
        Self { path, files }
    }
}

impl Store for FileStore {
    type Sink = FileSink;

    fn open(&mut self, position: Position) -> io::Result<(FileSink, u64)> {
        let mut file = self.files.open(&self.path)?;
        let length = file.metadata()?.len();
        let durable = if length == 0 {
            0
        } else {
            file.seek(SeekFrom::Start(0))?;
            recovery::end_of(&mut BufReader::new(&file), length, position)?
                .ok_or_else(|| io::Error::other("what stands at its path is another log"))?
        };
        let opened = file.metadata()?;
        let sink = FileSink {
            path: self.path.clone(),
            device: opened.dev(),
            inode: opened.ino(),
            file,
            last_try: LastTry::default(),
        };
        Ok((sink, durable))
    }
}

/// An open log file.
#[derive(Debug)]
pub(super) struct FileSink {
    path: PathBuf,
    device: u64,
    inode: u64,
    file: File,
    last_try: LastTry,
}

impl Sink for FileSink {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.last_try.append(bytes);
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.last_try.end();
        self.file.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        if !self.last_try.may_cut(&self.file, length)? {
            return Err(io::Error::other(
                "another process writes entries into it, and they are not cut off; stop that process \
                 and move the file away",
            ));
        }
        self.file.set_len(length)?;
        self.file.sync_data()
    }

    fn standing(&mut self) -> io::Result<Standing> {
        self.last_try.end();
        let is_in_place = match fs::symlink_metadata(&self.path) {
            Ok(found) => found.dev() == self.device && found.ino() == self.inode,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        let opened = self.file.metadata()?;
        Ok(Standing {
            place: match opened.nlink() {
                _ if is_in_place => Place::Kept,
                0 => Place::Removed,
                _ => Place::Renamed,
            },
            length: opened.len(),
        })
    }
}
