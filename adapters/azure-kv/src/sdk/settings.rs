//! What the operator says about a vault.

use std::fmt;
use std::str::FromStr;

use azure_core::http::Url;

use signer_cloud::CloudLimits;

use super::credentials::AzureCredentials;
use super::token_resource::{TokenResource, bare_https};

/// What the operator says about a vault.
#[derive(Debug, Clone)]
pub struct AzureKvSettings {
    /// The vault.
    pub vault: VaultUrl,
    /// Where private keys are.
    pub mode: AzureKvMode,
    /// What kind of wrapping key is made for each signing key, in [`AzureKvMode::Envelope`].
    pub wrapping_key: WrappingKey,
    /// Whom tokens are asked for, where that does not follow from the address of the vault.
    pub token_resource: Option<TokenResource>,
    /// How the custodian signs in.
    pub credentials: AzureCredentials,
    /// How much of the vault the custodian uses.
    pub limits: CloudLimits,
}

/// The address of a vault or of a managed HSM.
#[derive(Clone, PartialEq, Eq)]
pub struct VaultUrl(Url);

impl VaultUrl {
    pub(super) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for VaultUrl {
    type Err = ParseVaultUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        bare_https(text).map(Self).ok_or(ParseVaultUrlError)
    }
}

impl fmt::Debug for VaultUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text is no address of a vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be the https address of a vault and nothing more, such as https://NAME.vault.azure.net"
)]
pub struct ParseVaultUrlError;

/// Where private keys are. There is no default: the two differ in what the vault protects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AzureKvMode {
    /// In the vault, which signs. No vault offers Ed25519 today; see the documentation.
    Native,
    /// In the tags of a vault key, encrypted by that key. This process has one in memory while it
    /// signs.
    Envelope,
}

impl FromStr for AzureKvMode {
    type Err = ParseAzureKvModeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "native" => Ok(Self::Native),
            "envelope" => Ok(Self::Envelope),
            _ => Err(ParseAzureKvModeError),
        }
    }
}

/// The text is no mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be native, where the vault signs (no vault offers Ed25519 today), or envelope, where a \
     vault key encrypts each signing key and this process has it in memory while it signs"
)]
pub struct ParseAzureKvModeError;

/// The kind of wrapping key that is made for each signing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrappingKey {
    /// Where the wrapping key is.
    pub home: WrappingKeyHome,
    /// How long it is.
    pub size: WrappingKeySize,
}

/// Where a wrapping key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrappingKeyHome {
    /// In the hardware of a premium vault or a managed HSM: the type `RSA-HSM`.
    Hardware,
    /// In the software of a standard vault: the type `RSA`.
    Software,
}

impl FromStr for WrappingKeyHome {
    type Err = ParseWrappingKeyHomeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "rsa-hsm" => Ok(Self::Hardware),
            "rsa" => Ok(Self::Software),
            _ => Err(ParseWrappingKeyHomeError),
        }
    }
}

/// The text is no type of a wrapping key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be rsa-hsm (premium vaults and managed HSMs) or rsa (any vault)")]
pub struct ParseWrappingKeyHomeError;

/// How many bits a wrapping key has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrappingKeySize {
    /// 2048: the fastest, and weaker than the keys it protects.
    Bits2048,
    /// 3072: as strong as Ed25519.
    Bits3072,
    /// 4096.
    Bits4096,
}

impl WrappingKeySize {
    pub(super) const fn bits(self) -> i32 {
        match self {
            Self::Bits2048 => 2048,
            Self::Bits3072 => 3072,
            Self::Bits4096 => 4096,
        }
    }
}

impl FromStr for WrappingKeySize {
    type Err = ParseWrappingKeySizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "2048" => Ok(Self::Bits2048),
            "3072" => Ok(Self::Bits3072),
            "4096" => Ok(Self::Bits4096),
            _ => Err(ParseWrappingKeySizeError),
        }
    }
}

/// The text is no size of a wrapping key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of 2048, 3072, 4096")]
pub struct ParseWrappingKeySizeError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vault_is_an_https_address_and_nothing_more() {
        for text in [
            "https://v.vault.azure.net",
            "https://v.vault.azure.net/",
            "https://hsm.managedhsm.azure.net",
            "https://127.0.0.1:8443",
        ] {
            assert!(text.parse::<VaultUrl>().is_ok(), "{text}");
        }
        for text in [
            "",
            "v",
            "v.vault.azure.net",
            "http://v.vault.azure.net",
            "https://v.vault.azure.net/keys",
            "https://v.vault.azure.net?a=b",
            "https://v.vault.azure.net#a",
            "https://u@v.vault.azure.net",
            "https://u:p@v.vault.azure.net",
            "https://",
        ] {
            assert_eq!(text.parse::<VaultUrl>(), Err(ParseVaultUrlError), "{text}");
        }
    }

    #[test]
    fn modes_and_wrapping_keys_have_one_spelling() {
        assert_eq!("native".parse(), Ok(AzureKvMode::Native));
        assert_eq!("envelope".parse(), Ok(AzureKvMode::Envelope));
        assert_eq!("Native".parse::<AzureKvMode>(), Err(ParseAzureKvModeError));
        assert_eq!("rsa-hsm".parse(), Ok(WrappingKeyHome::Hardware));
        assert_eq!("rsa".parse(), Ok(WrappingKeyHome::Software));
        "RSA".parse::<WrappingKeyHome>().unwrap_err();
        let bits = ["2048", "3072", "4096"].map(|text| text.parse().map(WrappingKeySize::bits));
        assert_eq!(bits, [Ok(2048), Ok(3072), Ok(4096)]);
        "1024".parse::<WrappingKeySize>().unwrap_err();
    }
}
