//! Which users may own a file with a secret and read it.

use std::fs::File;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

use super::refusal::SecretFileRefusal;
use crate::access::{FileAccess, Objection, Place, Policy, Process};

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
        let policy = Policy::GivenSecret(place);
        match self.access.judge(policy, process) {
            Ok(()) => Ok(()),
            Err(Objection::Owner(owner)) => {
                let user = process.user;
                Err(SecretFileRefusal::ForeignOwner { owner, user })
            }
            Err(Objection::Open(stranger)) => Err(SecretFileRefusal::OpenToOthers {
                mode: self.access.mode,
                stranger,
            }),
        }
    }
}

#[cfg(test)]
mod tests;
