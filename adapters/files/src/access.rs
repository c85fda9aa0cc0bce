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
const ROOT: u32 = 0;

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

    /// Whether `user` is the user of the process or root.
    pub const fn is_user_or_root(&self, user: u32) -> bool {
        user == self.user || user == ROOT
    }
}

/// What a file is to the custodian. It says who may own the file, and what others may do with it.
///
/// Root and the user of the process may own every one, and do everything. The first line of each says what
/// a group of the process may do, the second what anybody else may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// What the custodian keeps: the registry, the audit log, their locks.
    ///
    /// - The groups of the process: everything.
    /// - Others: read.
    State,
    /// A secret that the custodian keeps: the key that signs checkpoints.
    ///
    /// - The groups of the process: everything.
    /// - Others: nothing.
    KeptSecret,
    /// A secret that the custodian is given: the seed, the PIN.
    ///
    /// - The groups of the process: read, if root owns the file.
    /// - Others: nothing; where systemd puts secrets, read what root owns.
    GivenSecret(Place),
    /// Code that the custodian loads, and each directory on the way to it.
    ///
    /// - The groups of the process: read.
    /// - Others: read; in a sticky directory nobody replaces what belongs to another.
    Code,
}

/// Where a secret lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the directory in which systemd hands secrets to this service (`$CREDENTIALS_DIRECTORY`,
    /// systemd.exec(5)). systemd alone decides there which user may read a file of root.
    Credentials,
    /// Anywhere else.
    Elsewhere,
}

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objection {
    /// This user owns it, and is neither that of the process nor root.
    Owner(u32),
    /// These may do more with it than they should.
    Open(Grantee),
}

const ALL: u32 = 0o7;
const READ: u32 = 0o4;
const WRITE: u32 = 0o2;
const STICKY: u32 = 0o1000;

/// The owner of a file, and what each other user and group may do with it.
#[derive(Debug, Clone)]
pub struct FileAccess {
    /// The user that owns it.
    pub owner: u32,
    /// Its group.
    pub group: u32,
    /// The twelve permission bits, for messages.
    pub mode: u32,
    is_sticky_directory: bool,
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
        let mut by_mode = Self::by_mode(found.uid(), found.gid(), found.mode() & 0o7777);
        by_mode.is_sticky_directory = found.is_dir() && by_mode.mode & STICKY != 0;
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
            is_sticky_directory: false,
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

    /// Whether the file may be used as what `policy` says.
    ///
    /// # Errors
    /// With the first reason why not.
    pub fn judge(&self, policy: Policy, process: &Process) -> Result<(), Objection> {
        if !process.is_user_or_root(self.owner) {
            return Err(Objection::Owner(self.owner));
        }
        let mut grants = self.grants.iter();
        let open = grants.find(|(grantee, permission)| {
            permission & !self.allowed(*grantee, policy, process) != 0
        });
        open.map_or(Ok(()), |(grantee, _)| Err(Objection::Open(*grantee)))
    }

    fn allowed(&self, grantee: Grantee, policy: Policy, process: &Process) -> u32 {
        let is_ours = match grantee {
            // The kernel shows every user whom this namespace does not know by this number.
            Grantee::User(u32::MAX) => false,
            Grantee::User(user) if process.is_user_or_root(user) => return ALL,
            Grantee::User(_) | Grantee::Everyone => false,
            Grantee::Group(group) => process.groups.contains(&group),
        };
        let is_of_root = self.owner == ROOT;
        match policy {
            Policy::State | Policy::KeptSecret if is_ours => ALL,
            Policy::Code if self.is_sticky_directory => ALL,
            Policy::State | Policy::Code => ALL & !WRITE,
            Policy::KeptSecret => ALL & !WRITE & !READ,
            Policy::GivenSecret(_) if is_ours && is_of_root => READ,
            Policy::GivenSecret(Place::Credentials)
                if is_of_root && grantee != Grantee::Everyone =>
            {
                READ
            }
            Policy::GivenSecret(_) => 0,
        }
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
