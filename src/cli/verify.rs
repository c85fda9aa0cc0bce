//! `verify`.

use std::path::PathBuf;

use clap::Args;

/// `verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The public key, an Ed25519 key in PEM
    #[arg(long, value_name = "FILE.pem")]
    pub(crate) public_key: PathBuf,
    /// The signature in base64, as 'sign' prints it
    #[arg(long, value_name = "BASE64", allow_hyphen_values = true)]
    pub(crate) signature: String,
    /// The file that was signed; - reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}
