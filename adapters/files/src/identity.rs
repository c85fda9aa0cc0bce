//! Which file it is.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Which file it is, as opposed to which path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// The file that was opened.
    pub fn of(file: &Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
        }
    }

    /// The file that stands at `path`; a link is not followed.
    ///
    /// # Errors
    /// When none can be seen there.
    pub fn at(path: &Path) -> io::Result<Self> {
        Ok(Self::of(&fs::symlink_metadata(path)?))
    }
}

/// What was left at a path is not there any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Displaced {
    /// The path does not lead to the file that was opened there.
    #[error("{} was removed or replaced while it was in use; restart the custodian", .0.display())]
    Replaced(PathBuf),
    /// The file is the same, and somebody else has written into it.
    #[error(
        "{} was overwritten while it was in use; stop the custodian, and start it with a state that \
         is whole",
        .0.display()
    )]
    Overwritten(PathBuf),
}
