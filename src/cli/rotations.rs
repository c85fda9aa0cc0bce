//! `rotations`: the change of a scope from one current key to the next.

use clap::{Args, Subcommand};
use signer_domain::{KeyId, ProviderName, Scope};

use super::ClientArgs;

/// What to do with rotations.
#[derive(Debug, Subcommand)]
pub(crate) enum RotationsCommand {
    /// Make a new key the current one of a scope. The old one signs on by its handle until the
    /// rotation is closed.
    Open(OpenRotationArgs),
    /// Show the open rotation of a scope.
    Show(ShowRotationArgs),
    /// Close a rotation: its old key is retired and never signs again. Closing it once more succeeds.
    Close(CloseRotationArgs),
}

impl RotationsCommand {
    pub(super) const fn client_args(&self) -> &ClientArgs {
        match self {
            Self::Open(args) => &args.client,
            Self::Show(args) => &args.client,
            Self::Close(args) => &args.client,
        }
    }
}

/// `rotations open`.
#[derive(Debug, Args)]
pub(crate) struct OpenRotationArgs {
    /// The scope whose current key is to change: 'platform' or 'domain:UUID'
    #[arg(long, value_parser = Scope::parse)]
    pub(crate) scope: Scope,
    /// The name of the new key inside the scope
    #[arg(long, value_name = "NAME", value_parser = KeyId::parse)]
    pub(crate) new_key_id: KeyId,
    /// The provider that shall hold it [default: the first one configured]. Naming it takes the scope
    /// over from a rotation to a key of another name that was never opened because its provider is not
    /// configured any more
    #[arg(long, value_name = "NAME")]
    pub(crate) provider: Option<ProviderName>,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// `rotations show`.
#[derive(Debug, Args)]
pub(crate) struct ShowRotationArgs {
    /// The scope: 'platform' or 'domain:UUID'
    #[arg(long, value_parser = Scope::parse)]
    pub(crate) scope: Scope,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// `rotations close`.
#[derive(Debug, Args)]
pub(crate) struct CloseRotationArgs {
    /// The scope: 'platform' or 'domain:UUID'
    #[arg(long, value_parser = Scope::parse)]
    pub(crate) scope: Scope,
    /// The name of the key that is retired
    #[arg(long, value_name = "NAME", value_parser = KeyId::parse)]
    pub(crate) old: KeyId,
    /// The name of the key that stays
    #[arg(long, value_name = "NAME", value_parser = KeyId::parse)]
    pub(crate) new: KeyId,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}
