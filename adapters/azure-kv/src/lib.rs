//! The provider of Azure Key Vault and of Azure's managed HSMs.
//!
//! No vault signs with Ed25519 today. The operator chooses between two modes, and there is no default:
//! `Native` asks the vault for Ed25519 keys all the same, and
//! `Envelope` has the vault encrypt keys that this process makes.
//!
//! A key is one version of a vault key. Retiring disables that version.

#[cfg(feature = "sdk")]
mod sdk;

#[cfg(feature = "sdk")]
pub use self::sdk::{
    AzureCredentials, AzureKvMode, AzureKvProvider, AzureKvSettings, IncompleteCredentials,
    ParseAzureKvModeError, ParseTokenResourceError, ParseVaultUrlError, ParseWrappingKeyHomeError,
    ParseWrappingKeySizeError, TokenResource, VaultUrl, WrappingKey, WrappingKeyHome,
    WrappingKeySize,
};
