//! Who may own a file with a secret and who may read it.

use std::fs::File;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

use super::SecretFileRefusal;

/// The user id of root.
pub(in crate::providers) const ROOT: u32 = 0;

/// What the rules look at.
pub(in crate::providers) struct FileFacts {
    pub(in crate::providers) kind: Kind,
    pub(in crate::providers) links: u64,
    pub(in crate::providers) owner: u32,
    pub(in crate::providers) group: u32,
    pub(in crate::providers) mode: u32,
    pub(in crate::providers) length: u64,
}

/// What kind of file it is.
pub(in crate::providers) enum Kind {
    Regular,
    Other(&'static str),
}

/// Who asks.
pub(in crate::providers) struct Process {
    pub(in crate::providers) user: u32,
    pub(in crate::providers) groups: Vec<u32>,
}

impl FileFacts {
    /// Asks the system about an opened file.
    pub(in crate::providers) fn of(file: &File) -> Result<Self, SecretFileRefusal> {
        let metadata = file
            .metadata()
            .map_err(|cause| SecretFileRefusal::io("examined", cause))?;
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
    pub(in crate::providers) fn judge(&self, process: &Process) -> Result<(), SecretFileRefusal> {
        if let Kind::Other(kind) = self.kind {
            return Err(SecretFileRefusal::NotRegular(kind));
        }
        if self.links > 1 {
            return Err(SecretFileRefusal::HardLinked);
        }
        if self.owner != process.user && self.owner != ROOT {
            return Err(SecretFileRefusal::ForeignOwner {
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
            Err(SecretFileRefusal::OpenToOthers { mode: self.mode })
        }
    }
}

impl Process {
    /// This process.
    pub(in crate::providers) fn current() -> Self {
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
