//! The key providers, one module each.
//!
//! [`support`] tells which of them this binary holds. There is no fall-back from one to another:
//! a silent swap to the software provider would turn a mistake in production into a deployment
//! with development keys.

#[cfg(feature = "aws-kms")]
pub mod aws_kms;
#[cfg(feature = "azure-kv")]
pub mod azure_kv;
#[cfg(feature = "pkcs11")]
pub mod pkcs11;
mod secret_file;
pub mod software;

#[cfg(feature = "cloud")]
pub use signer_cloud as cloud;
#[cfg(feature = "gcp-kms")]
pub use signer_gcp_kms as gcp_kms;
pub use signer_module::UnsupportedProvider;

use signer_domain::ProviderName;

/// Chooses the cryptography of the TLS connections of this process, where a provider of this binary
/// makes any. Once, before the first provider is opened.
pub fn install_tls() {
    #[cfg(feature = "cloud")]
    cloud::install_tls();
}

/// Whether this binary can open the provider called `name`.
///
/// # Errors
/// When it cannot; the error's text is one sentence for the operator, with the cure.
pub const fn support(name: ProviderName) -> Result<(), UnsupportedProvider> {
    let is_built_in = match name {
        ProviderName::Software => true,
        #[cfg(feature = "_testdouble")]
        ProviderName::Testdouble => true,
        ProviderName::Pkcs11 => cfg!(feature = "pkcs11"),
        ProviderName::AwsKms => cfg!(feature = "aws-kms"),
        ProviderName::GcpKms => cfg!(feature = "gcp-kms"),
        ProviderName::AzureKv => cfg!(feature = "azure-kv"),
    };
    if is_built_in {
        Ok(())
    } else {
        Err(UnsupportedProvider(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supports_the_software_provider() {
        assert_eq!(support(ProviderName::Software), Ok(()));
    }

    #[cfg(not(feature = "pkcs11"))]
    #[test]
    fn a_provider_that_was_left_out_names_the_command_that_builds_it_in() {
        let refusal = support(ProviderName::Pkcs11).unwrap_err();
        assert_eq!(refusal, UnsupportedProvider(ProviderName::Pkcs11));
    }

    #[cfg(feature = "gcp-kms")]
    #[test]
    fn supports_gcp_kms_where_it_was_built_in() {
        assert_eq!(support(ProviderName::GcpKms), Ok(()));
    }

    #[cfg(feature = "pkcs11")]
    #[test]
    fn supports_pkcs11_where_it_was_built_in() {
        assert_eq!(support(ProviderName::Pkcs11), Ok(()));
    }
}
