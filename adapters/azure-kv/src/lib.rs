//! The provider of Azure Key Vault and of Azure's managed HSMs.
//!
//! No vault signs with Ed25519 today. The operator chooses between two modes, and there is no default:
//! `Native` asks the vault for Ed25519 keys all the same, and
//! `Envelope` has the vault encrypt keys that this process makes.
//!
//! A key is one version of a vault key. Retiring disables that version.

mod face;
#[cfg(feature = "sdk")]
mod module;
#[cfg(feature = "sdk")]
mod sdk;

#[cfg(feature = "sdk")]
pub use self::module::MODULE;
#[cfg(feature = "sdk")]
pub use self::sdk::{
    AzureCredentials, AzureKvMode, AzureKvProvider, AzureKvSettings, IncompleteCredentials,
    ParseAzureKvModeError, ParseTokenResourceError, ParseVaultUrlError, ParseWrappingKeyHomeError,
    ParseWrappingKeySizeError, TokenResource, VaultUrl, WrappingKey, WrappingKeyHome,
    WrappingKeySize,
};

/// What stands for the provider, which this binary does not hold.
#[cfg(not(feature = "sdk"))]
pub const MODULE: &dyn signer_module::ProviderModule = &signer_module::LeftOut(&face::FACE);
