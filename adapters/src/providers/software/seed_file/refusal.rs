//! The operator's sentence for each way a seed file can be wrong.

use std::io;

#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error(
        "there is no such file; make one with `(umask 077; head -c 32 /dev/urandom > FILE)` or mount the secret there"
    )]
    Missing,
    #[error(
        "the symbolic link leads out of its directory; name the file itself, or keep the link's target in the same directory"
    )]
    LeadsAway,
    #[error("the symbolic links lead in a circle; name the file itself")]
    LinkLoop,
    #[error("this is {0}; name a regular file of exactly 32 bytes")]
    NotRegular(&'static str),
    #[error("the file has more than one hard link; give the seed a file of its own")]
    HardLinked,
    #[error(
        "the file belongs to uid {owner}; it must belong to root or to uid {user}, which runs this process: use `chown`"
    )]
    ForeignOwner { owner: u32, user: u32 },
    #[error(
        "others may read or change the file (mode {mode:04o}); run `chmod 0400` on it, or set `defaultMode: 0400` on the secret volume"
    )]
    OpenToOthers { mode: u32 },
    #[error(
        "the file is {actual} bytes long; a seed is exactly 32 raw bytes, as from `head -c 32 /dev/urandom`, without hex, base64 or line feed"
    )]
    Length { actual: u64 },
    #[error("the file changed while it was being read; start again once it is complete")]
    Changed,
    #[error(
        "a file of that name exists and is left as it is; choose another name or use that file"
    )]
    Exists,
    #[error("the kernel gave no random bytes; start again once its generator is ready")]
    NoRandomness,
    #[error("the kernel has no `openat2`, which opens the file safely; use Linux 5.6 or later")]
    OldKernel,
    #[error("the file cannot be {action}: {cause}; check the path and its permissions")]
    Io {
        action: &'static str,
        cause: io::Error,
    },
}

impl Refusal {
    pub(super) fn io(action: &'static str, cause: impl Into<io::Error>) -> Self {
        Self::Io {
            action,
            cause: cause.into(),
        }
    }
}
