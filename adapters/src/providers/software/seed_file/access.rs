//! Who may own a seed file and who may read it.

use std::fs::File;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

use super::refusal::Refusal;

/// The user id of root.
pub(super) const ROOT: u32 = 0;

/// What the rules look at.
pub(super) struct FileFacts {
    pub(super) kind: Kind,
    pub(super) links: u64,
    pub(super) owner: u32,
    pub(super) group: u32,
    pub(super) mode: u32,
    pub(super) length: u64,
}

/// What kind of file it is.
pub(super) enum Kind {
    Regular,
    Other(&'static str),
}

/// Who asks.
pub(super) struct Process {
    pub(super) user: u32,
    pub(super) groups: Vec<u32>,
}

impl FileFacts {
    /// Asks the system about an opened file.
    pub(super) fn of(file: &File) -> Result<Self, Refusal> {
        let metadata = file
            .metadata()
            .map_err(|cause| Refusal::io("examined", cause))?;
        let file_type = metadata.file_type();
        let kind = if file_type.is_file() {
            Kind::Regular
        } else if file_type.is_dir() {
            Kind::Other("a directory")
        } else if file_type.is_fifo() {
            Kind::Other("a FIFO")
        } else {
            Kind::Other("a device")
        };
        Ok(Self {
            kind,
            links: metadata.nlink(),
            owner: metadata.uid(),
            group: metadata.gid(),
            mode: metadata.mode() & 0o7777,
            length: metadata.len(),
        })
    }

    /// Whether `process` may take a secret from the file.
    pub(super) fn judge(&self, process: &Process) -> Result<(), Refusal> {
        if let Kind::Other(kind) = self.kind {
            return Err(Refusal::NotRegular(kind));
        }
        if self.links > 1 {
            return Err(Refusal::HardLinked);
        }
        if self.owner != process.user && self.owner != ROOT {
            return Err(Refusal::ForeignOwner {
                owner: self.owner,
                user: process.user,
            });
        }
        let is_mounted_for_our_group = self.owner == ROOT && process.groups.contains(&self.group);
        let forbidden = if is_mounted_for_our_group {
            0o037
        } else {
            0o077
        };
        if self.mode & forbidden == 0 {
            Ok(())
        } else {
            Err(Refusal::OpenToOthers { mode: self.mode })
        }
    }
}

impl Process {
    /// This process.
    pub(super) fn current() -> Self {
        let mut groups = vec![rustix::process::getegid().as_raw()];
        // Without the list only the effective group counts, which refuses more, never less.
        let others = rustix::process::getgroups().unwrap_or_default();
        groups.extend(others.into_iter().map(rustix::fs::Gid::as_raw));
        Self {
            user: rustix::process::geteuid().as_raw(),
            groups,
        }
    }
}
