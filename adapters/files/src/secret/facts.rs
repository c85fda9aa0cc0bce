//! Which users may own a file with a secret and read it.

use std::fs::File;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

use super::refusal::SecretFileRefusal;
use crate::access::{FileAccess, Grantee, Process, ROOT};

/// What the rules look at.
pub(super) struct FileFacts {
    pub(super) kind: Kind,
    pub(super) links: u64,
    pub(super) access: FileAccess,
    pub(super) length: u64,
}

/// What kind of file it is.
pub(super) enum Kind {
    Regular,
    Other(&'static str),
}

/// Where the file lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the directory in which systemd hands secrets to this service (`$CREDENTIALS_DIRECTORY`,
    /// systemd.exec(5)). systemd alone decides there which user may read a file of root.
    Credentials,
    Elsewhere,
}

impl FileFacts {
    /// Asks the system about an opened file.
    pub(super) fn of(file: &File) -> Result<Self, SecretFileRefusal> {
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
        let access = FileAccess::of(file, &metadata)
            .map_err(|cause| SecretFileRefusal::io("examined", cause))?;
        Ok(Self {
            kind,
            links: metadata.nlink(),
            access,
            length: metadata.len(),
        })
    }

    /// Whether `process` may take a secret from the file.
    pub(super) fn judge(&self, process: &Process, place: Place) -> Result<(), SecretFileRefusal> {
        if let Kind::Other(kind) = self.kind {
            return Err(SecretFileRefusal::NotRegular(kind));
        }
        if self.links > 1 {
            return Err(SecretFileRefusal::HardLinked);
        }
        if let Some(owner) = self.access.foreign_owner(process) {
            let user = process.user;
            return Err(SecretFileRefusal::ForeignOwner { owner, user });
        }
        match self.stranger(process, place) {
            None => Ok(()),
            Some(stranger) => Err(SecretFileRefusal::OpenToOthers {
                mode: self.access.mode,
                stranger,
            }),
        }
    }

    /// A user or group that has a permission which it should not have. A group of the process may read
    /// what root has mounted for it, and may do nothing else.
    fn stranger(&self, process: &Process, place: Place) -> Option<Grantee> {
        let is_of_root = self.access.owner == ROOT;
        let is_given_by_systemd = is_of_root && place == Place::Credentials;
        let allowed = |grantee| match grantee {
            Grantee::User(user) if user == process.user || user == ROOT => ALL,
            Grantee::Group(group) if is_of_root && process.groups.contains(&group) => READ,
            Grantee::User(_) | Grantee::Group(_) if is_given_by_systemd => READ,
            Grantee::User(_) | Grantee::Group(_) | Grantee::Everyone => 0,
        };
        self.access.grantee_with_more_than(allowed)
    }
}

const ALL: u32 = 0o7;
const READ: u32 = 0o4;

#[cfg(test)]
mod tests;
