//! Whether a file still has the content that this process left in it.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::data_lock::{OF_SERVERS, is_one_of};
use super::identity::{Displaced, FileId};

/// File systems that may tell another time of the last write later than at once, because it is set
/// elsewhere, besides those of servers: FUSE and virtiofs, 9P, Ceph, and shared folders of `VirtualBox`.
const OF_OTHERS: [u32; 4] = [0x6573_5546, 0x0102_1997, 0x00c3_6400, 0x786f_4256];

/// Tells when somebody else writes into a file that is this process's alone. Clones are one seal.
///
/// It goes by the length of the file and by the instant of the last write. What is written into a file
/// while its seal is broken, is not told from what this process writes.
#[derive(Debug, Clone)]
pub struct Seal(Arc<Sealed>);

#[derive(Debug)]
struct Sealed {
    path: PathBuf,
    id: FileId,
    /// Whether the length alone counts.
    is_timeless: bool,
    left: Mutex<Left>,
}

/// How this process left the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// As this tells.
    As(Stamp),
    /// It is writing, and this is how it was before.
    Writing(Stamp),
    /// Somebody else has written. There is no way back from it.
    Lost,
}

/// What every write changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    length: u64,
    written: (i64, i64),
}

impl Seal {
    /// Seals the file that stands at `path` now.
    ///
    /// # Errors
    /// When none can be seen there.
    pub fn over(path: &Path) -> io::Result<Self> {
        let found = fs::symlink_metadata(path)?;
        let file_system = || rustix::fs::statfs(path);
        let is_timeless =
            is_one_of(&OF_SERVERS, file_system()) || is_one_of(&OF_OTHERS, file_system());
        let stamp = Stamp::of(&found, is_timeless);
        Ok(Self(Arc::new(Sealed {
            path: path.to_owned(),
            id: FileId::of(&found),
            is_timeless,
            left: Mutex::new(Left::As(stamp)),
        })))
    }

    /// Looks whether the content is as it was left. A path that leads elsewhere says nothing.
    ///
    /// # Errors
    /// When it is not.
    pub fn look(&self) -> Result<(), Displaced> {
        self.judge(&mut self.0.left.lock())
    }

    /// Looks, and breaks the seal: this process writes from here on.
    ///
    /// # Errors
    /// When the content is not as it was left.
    pub fn open(&self) -> Result<(), Displaced> {
        let mut left = self.0.left.lock();
        self.judge(&mut left)?;
        if let Left::As(stamp) = *left {
            *left = Left::Writing(stamp);
        }
        Ok(())
    }

    /// Seals what this process has written, and tells whether it has. A file that is not at its path stays
    /// as it is.
    pub fn close(&self) -> bool {
        let mut left = self.0.left.lock();
        let (Left::Writing(before), Some(stamp)) = (*left, self.stamp()) else {
            return false;
        };
        *left = Left::As(stamp);
        stamp != before
    }

    /// Notes that the content is not what this process left.
    pub fn give_up(&self) -> Displaced {
        *self.0.left.lock() = Left::Lost;
        Displaced::Overwritten(self.0.path.clone())
    }

    fn judge(&self, left: &mut Left) -> Result<(), Displaced> {
        if let Left::As(stamp) = *left
            && self.stamp().is_some_and(|found| found != stamp)
        {
            *left = Left::Lost;
        }
        match *left {
            Left::As(_) | Left::Writing(_) => Ok(()),
            Left::Lost => Err(Displaced::Overwritten(self.0.path.clone())),
        }
    }

    fn stamp(&self) -> Option<Stamp> {
        let found = fs::symlink_metadata(&self.0.path).ok()?;
        (FileId::of(&found) == self.0.id).then(|| Stamp::of(&found, self.0.is_timeless))
    }
}

impl Stamp {
    fn of(file: &Metadata, is_timeless: bool) -> Self {
        let written = if is_timeless {
            (0, 0)
        } else {
            (file.mtime(), file.mtime_nsec())
        };
        let length = file.len();
        Self { length, written }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::os::unix::fs::FileExt as _;
    use std::time::SystemTime;

    use super::*;

    /// Writes over the beginning, as nobody does within the same tick of the clock.
    fn overwrite(path: &Path) {
        let file = OpenOptions::new().write(true).open(path).unwrap();
        file.write_all_at(b"x", 0).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }

    #[test]
    fn what_others_write_is_seen_for_good_and_what_this_process_writes_is_not() {
        let place = tempfile::tempdir().unwrap();
        let (path, aside) = (place.path().join("data"), place.path().join("aside"));
        fs::write(&path, "content").unwrap();
        let seal = Seal::over(&path).unwrap();
        seal.look().unwrap();
        seal.open().unwrap();
        overwrite(&path);
        seal.look().unwrap();
        assert!(seal.close());
        seal.open().unwrap();
        assert!(!seal.close());
        fs::rename(&path, &aside).unwrap();
        fs::write(&path, "another file").unwrap();
        seal.look().unwrap();
        fs::rename(&aside, &path).unwrap();
        seal.look().unwrap();
        let before = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, "longer than before").unwrap();
        let told = seal.look().unwrap_err();
        assert!(told.to_string().contains("was overwritten"), "{told}");
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(7).unwrap();
        file.set_modified(before).unwrap();
        seal.look().unwrap_err();
        seal.open().unwrap_err();
        assert!(!seal.close());
        seal.look().unwrap_err();
    }
}
