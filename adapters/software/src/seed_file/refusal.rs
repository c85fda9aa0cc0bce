//! The operator's sentence for each way a seed file can be wrong.

use std::io;

use signer_files::secret::SecretFileRefusal;

#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error(
        "there is no such file; make one with `(umask 077; head -c 32 /dev/urandom > FILE)` or mount the secret there"
    )]
    Missing,
    #[error("this is {0}; name a regular file of exactly 32 bytes")]
    NotRegular(&'static str),
    #[error("the file has more than one hard link; give the seed a file of its own")]
    HardLinked,
    #[error(
        "the file is {actual} bytes long; a seed is exactly 32 raw bytes, as from `head -c 32 /dev/urandom`, without hex, base64 or line feed"
    )]
    Length { actual: u64 },
    #[error(
        "the file holds nothing but zeros, so the seed was never written into it; write 32 random bytes, as from `head -c 32 /dev/urandom`"
    )]
    Unwritten,
    #[error("the file changed while it was being read; start again once it is complete")]
    Changed,
    #[error(
        "a file of that name exists and is left as it is; choose another name or use that file"
    )]
    Exists,
    #[error("the kernel gave no random bytes; start again once its generator is ready")]
    NoRandomness,
    #[error(transparent)]
    File(SecretFileRefusal),
}

impl Refusal {
    pub(super) fn io(action: &'static str, cause: impl Into<io::Error>) -> Self {
        Self::File(SecretFileRefusal::io(action, cause))
    }
}

impl From<SecretFileRefusal> for Refusal {
    /// Where the cure is one for seeds, the sentence is too.
    fn from(refusal: SecretFileRefusal) -> Self {
        match refusal {
            SecretFileRefusal::Missing => Self::Missing,
            SecretFileRefusal::NotRegular(kind) => Self::NotRegular(kind),
            SecretFileRefusal::HardLinked => Self::HardLinked,
            SecretFileRefusal::LeadsAway
            | SecretFileRefusal::LinkLoop
            | SecretFileRefusal::ForeignOwner { .. }
            | SecretFileRefusal::OpenToOthers { .. }
            | SecretFileRefusal::Closed { .. }
            | SecretFileRefusal::OldKernel
            | SecretFileRefusal::Io { .. } => Self::File(refusal),
        }
    }
}
