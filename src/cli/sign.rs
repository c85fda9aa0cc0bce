//! `sign`.

use std::path::PathBuf;

use clap::Args;
use signer_domain::{HandleId, Scope};

use super::ClientArgs;

/// `sign`.
#[derive(Debug, Args)]
pub(crate) struct SignArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// The file to sign; - reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// Which key signs: exactly one of the two.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct TargetArgs {
    /// Sign with this key, as in 'software:platform|k1'
    #[arg(long)]
    pub(crate) handle: Option<HandleId>,
    /// Sign with the current key of this scope: 'platform' or 'domain:UUID'
    #[arg(long, value_parser = Scope::parse)]
    pub(crate) scope: Option<Scope>,
}
