//! Which users may read or change a file: one policy for every file that the custodian relies on.
//!
//! The owner must be the user of this process or root. A group that the process belongs to counts as
//! the process itself: Kubernetes gives each file of a volume to the `fsGroup` of the pod and lets that
//! group read and write. With a POSIX access control list the mode shows the list's mask in place of the
//! group's permission (acl(5)), so the list is read and each entry is judged by what it grants.

mod acl;
mod grantee;

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use signer_domain::OverflowIds;

use self::acl::ACCESS_LIST;

pub use self::grantee::Grantee;

/// The user id of root.
pub(crate) const ROOT: u32 = 0;

/// The user and the groups of a process.
#[derive(Debug, Clone)]
pub struct Process {
    /// The user.
    pub user: u32,
    /// The groups.
    pub groups: Vec<u32>,
}

impl Process {
    /// This process. Ids by which the kernel shows strangers too are none of its own.
    pub fn current() -> Self {
        let mut groups = vec![rustix::process::getegid().as_raw()];
        // Without the list only the effective group counts, which refuses more, never less.
        let others = rustix::process::getgroups().unwrap_or_default();
        groups.extend(others.into_iter().map(rustix::fs::Gid::as_raw));
        let overflow = OverflowIds::of_this_process();
        groups.retain(|group| overflow.certain_group(*group) == *group);
        Self {
            user: overflow.certain_user(rustix::process::geteuid().as_raw()),
            groups,
        }
    }
}

/// What a permission lets its holder do with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Reads it.
    Read,
    /// Changes it.
    Write,
}

impl Act {
    const fn bit(self) -> u32 {
        match self {
            Self::Read => 0o4,
            Self::Write => 0o2,
        }
    }
}

/// The owner of a file, and what each other user and group may do with it.
#[derive(Debug, Clone)]
pub struct FileAccess {
    /// The user that owns it.
    pub owner: u32,
    /// Its group.
    pub group: u32,
    /// The twelve permission bits, for messages.
    pub mode: u32,
    /// Each grantee with its three permission bits, after the list's mask.
    grants: Vec<(Grantee, u32)>,
}

impl FileAccess {
    /// Asks the system about an opened file.
    ///
    /// # Errors
    /// When its access control list cannot be read.
    pub fn of(file: &File, found: &Metadata) -> io::Result<Self> {
        let list = acl::read(|room| rustix::fs::fgetxattr(file, ACCESS_LIST, room))?;
        Self::judged_by(found, list.as_deref())
    }

    /// Asks the system about the file at `path`. The file is not opened: closing a file ends the locks
    /// that this process holds on it through SQLite (fcntl(2)).
    ///
    /// # Errors
    /// When its access control list cannot be read.
    pub fn at(path: &Path, found: &Metadata) -> io::Result<Self> {
        let list = acl::read(|room| rustix::fs::getxattr(path, ACCESS_LIST, room))?;
        Self::judged_by(found, list.as_deref())
    }

    fn judged_by(found: &Metadata, list: Option<&[u8]>) -> io::Result<Self> {
        let by_mode = Self::by_mode(found.uid(), found.gid(), found.mode() & 0o7777);
        match list {
            None => Ok(by_mode),
            Some(list) => by_mode.with_list(list),
        }
    }

    /// The access that a mode alone describes.
    pub(crate) fn by_mode(owner: u32, group: u32, mode: u32) -> Self {
        Self {
            owner,
            group,
            mode,
            grants: vec![
                (Grantee::Group(group), mode >> 3 & 0o7),
                (Grantee::Everyone, mode & 0o7),
            ],
        }
    }

    /// The access that a list describes, as `system.posix_acl_access` holds it.
    pub(crate) fn with_list(mut self, list: &[u8]) -> io::Result<Self> {
        self.grants = acl::grants(list, self.group)
            .ok_or_else(|| io::Error::other("its access control list cannot be understood"))?;
        Ok(self)
    }

    /// The owner, when the file belongs neither to the user of `process` nor to root.
    pub fn foreign_owner(&self, process: &Process) -> Option<u32> {
        (self.owner != process.user && self.owner != ROOT).then_some(self.owner)
    }

    /// A user or group other than those of `process` and root that may do `act`.
    pub fn stranger_that_may(&self, act: Act, process: &Process) -> Option<Grantee> {
        self.grantee_with_more_than(|grantee| match grantee {
            Grantee::User(user) if user == process.user || user == ROOT => 0o7,
            Grantee::Group(group) if process.groups.contains(&group) => 0o7,
            Grantee::User(_) | Grantee::Group(_) | Grantee::Everyone => 0o7 & !act.bit(),
        })
    }

    /// The first user or group beside the owner that has a permission which `allowed` does not name.
    pub fn grantee_with_more_than(&self, allowed: impl Fn(Grantee) -> u32) -> Option<Grantee> {
        let mut grants = self.grants.iter();
        let found = grants.find(|(grantee, permission)| permission & !allowed(*grantee) != 0);
        found.map(|(grantee, _)| *grantee)
    }
}

/// Reads the metadata of the file at `path`, following links, with what others may do with it.
///
/// # Errors
/// When the system does not tell.
pub fn look_at(path: &Path) -> io::Result<(Metadata, FileAccess)> {
    let found = fs::metadata(path)?;
    let access = FileAccess::at(path, &found)?;
    Ok((found, access))
}

#[cfg(test)]
mod tests;
