//! The names of the key providers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Which kind of back end holds a private key. The name opens every [`HandleId`](crate::HandleId).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum ProviderName {
    /// Keys derived in this process from one seed. For development only.
    Software,
    /// A PKCS #11 token.
    Pkcs11,
    /// AWS Key Management Service.
    AwsKms,
    /// Google Cloud Key Management Service.
    GcpKms,
    /// Azure Key Vault.
    AzureKv,
    /// The scripted double of the test suites.
    #[cfg(feature = "_testdouble")]
    Testdouble,
}

impl ProviderName {
    /// Every provider this build knows by name, whether or not its adapter is compiled in.
    pub const ALL: &'static [Self] = &[
        Self::Software,
        Self::Pkcs11,
        Self::AwsKms,
        Self::GcpKms,
        Self::AzureKv,
        #[cfg(feature = "_testdouble")]
        Self::Testdouble,
    ];

    /// The name as it stands on the command line, in handles and in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Software => "software",
            Self::Pkcs11 => "pkcs11",
            Self::AwsKms => "aws-kms",
            Self::GcpKms => "gcp-kms",
            Self::AzureKv => "azure-kv",
            #[cfg(feature = "_testdouble")]
            Self::Testdouble => "testdouble",
        }
    }

    /// Whether the provider is unfit for production, as the boot log and `/livez` then say.
    pub const fn is_dev_only(self) -> bool {
        match self {
            Self::Software => true,
            #[cfg(feature = "_testdouble")]
            Self::Testdouble => true,
            Self::Pkcs11 | Self::AwsKms | Self::GcpKms | Self::AzureKv => false,
        }
    }

    /// Reads a provider name.
    ///
    /// # Errors
    /// When `text` is not one of the names in [`ProviderName::ALL`], byte for byte.
    pub fn parse(text: &str) -> Result<Self, ParseProviderNameError> {
        Self::ALL
            .iter()
            .copied()
            .find(|name| name.as_str() == text)
            .ok_or(ParseProviderNameError)
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ProviderName {
    type Err = ParseProviderNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for ProviderName {
    type Error = ParseProviderNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<ProviderName> for &'static str {
    fn from(name: ProviderName) -> Self {
        name.as_str()
    }
}

/// The text is not the name of a key provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of software, pkcs11, aws-kms, gcp-kms, azure-kv")]
pub struct ParseProviderNameError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_as_itself() {
        for name in ProviderName::ALL {
            assert_eq!(ProviderName::parse(name.as_str()), Ok(*name));
        }
    }

    #[test]
    fn refuses_another_case_and_surrounding_space() {
        for text in ["Software", " software", "software ", "", "vault"] {
            assert_eq!(ProviderName::parse(text), Err(ParseProviderNameError));
        }
    }
}
