//! How a registry falls behind the audit log.

use std::path::PathBuf;

use signer_domain::ShellWord;

/// The registry is not the one that the audit log speaks of, or is older.
///
/// Displays as one sentence with the flag and the command that accepts the registry.
#[derive(Debug, thiserror::Error)]
#[error(
    "--registry {registry}: {why}; restore the newest registry, or {} with \
     `plexsphere-signer audit accept-registry --audit-log {} --registry {}`",
    why.other_cure(),
    ShellWord::of_path(log),
    ShellWord::of(registry)
)]
pub struct StaleRegistryError {
    /// The registry, as it was named.
    pub registry: String,
    /// The audit log.
    pub log: PathBuf,
    /// What is older.
    pub why: StaleRegistry,
}

/// How a registry falls behind the audit log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StaleRegistry {
    /// It is another registry.
    #[error("it is registry {found}, while the audit log was kept for registry {signed}")]
    Other {
        /// The registry that the checkpoint speaks of.
        signed: String,
        /// The id of this one.
        found: String,
    },
    /// There is none.
    #[error("there is no registry, while the audit log was kept for registry {signed}")]
    Missing {
        /// The registry that the checkpoint speaks of.
        signed: String,
    },
    /// It lacks changes.
    #[error(
        "it is older than the audit log: its last change is {found}, while the checkpoint speaks of \
         change {signed}"
    )]
    Older {
        /// The change that the checkpoint speaks of.
        signed: u64,
        /// The last change of this registry.
        found: u64,
    },
    /// A key that was generated, or has signed, is not in it.
    #[error(
        "it is older than the audit log: entry {entry} tells of key {handle}, which is not in it"
    )]
    Lacks {
        /// The handle of the key.
        handle: String,
        /// The entry.
        entry: u64,
    },
    /// A rotation is not in it.
    #[error(
        "it is older than the audit log: entry {entry} tells that a rotation made {handle} the \
         current key of its scope, and in it another key is"
    )]
    NotRotated {
        /// The handle of the new key.
        handle: String,
        /// The entry.
        entry: u64,
    },
    /// A key that was blocked is not.
    #[error(
        "it is older than the audit log: entry {entry} tells that key {handle} was blocked, and in it it may sign"
    )]
    NotBlocked {
        /// The handle of the key.
        handle: String,
        /// The entry.
        entry: u64,
    },
    /// A key that was retired is not.
    #[error("it is older than the audit log: key {handle} was retired, and is not in it")]
    NotRetired {
        /// The handle of the key.
        handle: String,
    },
}

impl StaleRegistry {
    const fn other_cure(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "begin with an empty one",
            Self::Other { .. }
            | Self::Older { .. }
            | Self::Lacks { .. }
            | Self::NotRotated { .. }
            | Self::NotBlocked { .. }
            | Self::NotRetired { .. } => "accept this one",
        }
    }
}
