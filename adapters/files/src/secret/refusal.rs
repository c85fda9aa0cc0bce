//! Why no secret is taken from a file.

use std::io;
use std::path::{Path, PathBuf};

use signer_domain::io_cure;

use crate::access::Grantee;

/// Why no secret is taken from a file. The text is the operator's sentence behind flag and path.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileRefusal {
    /// There is none.
    #[error("there is no such file; mount the secret there")]
    Missing,
    /// A link leads out of its directory.
    #[error(
        "the symbolic link leads out of its directory; name the file itself, or keep the link's target in the same directory"
    )]
    LeadsAway,
    /// Links lead to each other.
    #[error("the symbolic links lead in a circle; name the file itself")]
    LinkLoop,
    /// It is something else, which is named.
    #[error("this is {0}; name a regular file")]
    NotRegular(&'static str),
    /// It has a second name.
    #[error("the file has more than one hard link; give the secret a file of its own")]
    HardLinked,
    /// It belongs to a user who may not own it.
    #[error(
        "the file belongs to uid {owner}; it must belong to root or to uid {user}, which runs this process: use `chown`"
    )]
    ForeignOwner {
        /// The owner.
        owner: u32,
        /// The user of this process.
        user: u32,
    },
    /// Others may use it.
    #[error(
        "others may read or change the file (mode {mode:04o}); {}", cure(*stranger)
    )]
    OpenToOthers {
        /// The mode of the file.
        mode: u32,
        /// Who may.
        stranger: Grantee,
    },
    /// The way to it is closed to this process.
    #[error(
        "uid {user} may not pass the directory {} or one above it; let that user pass each (its `x` permission)",
        directory.display()
    )]
    Closed {
        /// The directory of the file.
        directory: PathBuf,
        /// The user of this process.
        user: u32,
    },
    /// The kernel cannot open it safely.
    #[error("the kernel has no `openat2`, which opens the file safely; use Linux 5.6 or later")]
    OldKernel,
    /// The system refused.
    #[error(
        "the file cannot be {action}: {cause}; {}",
        io_cure(.cause).unwrap_or("check the path and its permissions")
    )]
    Io {
        /// What was to be done, as in "the file cannot be read".
        action: &'static str,
        /// What the system said.
        cause: io::Error,
    },
}

/// How the file is closed to a stranger. `chmod` would narrow each entry of an access control list, also
/// the one by which this process reads the file.
fn cure(stranger: Grantee) -> String {
    match stranger {
        Grantee::User(user) => {
            format!("its access control list lets uid {user} in: run `setfacl -x u:{user}` on it")
        }
        Grantee::Group(_) | Grantee::Everyone => {
            "run `chmod 0400` on it, or set `defaultMode: 0400` on the secret volume".to_owned()
        }
    }
}

impl SecretFileRefusal {
    pub(super) fn closed(directory: &Path) -> Self {
        Self::Closed {
            directory: directory.to_owned(),
            user: rustix::process::geteuid().as_raw(),
        }
    }

    /// The system refused; `action` says what was to be done.
    pub fn io(action: &'static str, cause: impl Into<io::Error>) -> Self {
        Self::Io {
            action,
            cause: cause.into(),
        }
    }
}
