//! `keys`: the life of a key.

use clap::{Args, Subcommand, ValueEnum};
use signer_domain::{HandleId, KeyId, KeyState, ProviderName, Scope};

use super::ClientArgs;

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Generate a key, or show the one that already has this name.
    Generate(GenerateArgs),
    /// List keys.
    List(ListArgs),
    /// Show one key.
    Show(HandleArgs),
    /// Print the public half of a key.
    PublicKey(PublicKeyArgs),
    /// Retire a key: it never signs again. Retiring it once more succeeds.
    Retire(HandleArgs),
    /// Block a key at once, also while its provider is down: it signs no more until it is unblocked.
    Block(HandleArgs),
    /// Let a blocked key sign again.
    Unblock(HandleArgs),
    /// Let a quarantined key sign again, once you know why a signature by it did not verify.
    ReleaseQuarantine(HandleArgs),
}

impl KeysCommand {
    pub(super) const fn client_args(&self) -> &ClientArgs {
        match self {
            Self::Generate(args) => &args.client,
            Self::List(args) => &args.client,
            Self::Show(args)
            | Self::Retire(args)
            | Self::Block(args)
            | Self::Unblock(args)
            | Self::ReleaseQuarantine(args) => &args.client,
            Self::PublicKey(args) => &args.client,
        }
    }
}

/// `keys generate`.
#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// What the key signs for: 'platform' or 'domain:UUID'
    #[arg(long, value_parser = Scope::parse)]
    pub(crate) scope: Scope,
    /// The name of the key inside its scope
    #[arg(long, value_name = "NAME", value_parser = KeyId::parse)]
    pub(crate) key_id: KeyId,
    /// The provider that shall hold it [default: the first one configured]
    #[arg(long, value_name = "NAME")]
    pub(crate) provider: Option<ProviderName>,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// `keys list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only keys of this scope
    #[arg(long, value_parser = Scope::parse)]
    pub(crate) scope: Option<Scope>,
    /// Only keys in this state: active, rotating or retired
    #[arg(long, value_parser = KeyState::parse)]
    pub(crate) state: Option<KeyState>,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// `keys show`, `keys retire` and the other commands that take a handle and nothing else.
#[derive(Debug, Args)]
pub(crate) struct HandleArgs {
    /// The handle of the key, as in 'software:platform|k1'
    pub(crate) handle: HandleId,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// `keys public-key`.
#[derive(Debug, Args)]
pub(crate) struct PublicKeyArgs {
    /// The handle of the key, as in 'software:platform|k1'
    pub(crate) handle: HandleId,
    /// The form of the key
    #[arg(long, value_enum, default_value = "pem", conflicts_with = "output")]
    pub(crate) format: PublicKeyFormat,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// The forms of a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PublicKeyFormat {
    /// The 32 bytes themselves, nothing else
    Raw,
    /// SubjectPublicKeyInfo in PEM, as openssl reads it
    Pem,
    /// JSON Web Key
    Jwk,
    /// One line of an authorized_keys or allowed_signers file
    Openssh,
}
