//! The key providers, one module each.
//!
//! [`support`] tells which of them this binary holds. There is no fall-back from one to another:
//! a silent swap to the software provider would turn a mistake in production into a deployment
//! with development keys.

#[cfg(feature = "aws-kms")]
pub mod aws_kms;
#[cfg(feature = "cloud")]
pub mod cloud;
#[cfg(feature = "pkcs11")]
pub mod pkcs11;
mod scoped_name;
mod secret_file;
pub mod software;
#[cfg(feature = "_testdouble")]
pub mod testdouble;
mod unsupported;

pub use unsupported::UnsupportedProvider;

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
    let built_in = match name {
        ProviderName::Software => return Ok(()),
        #[cfg(feature = "pkcs11")]
        ProviderName::Pkcs11 => return Ok(()),
        #[cfg(not(feature = "pkcs11"))]
        ProviderName::Pkcs11 => false,
        #[cfg(feature = "_testdouble")]
        ProviderName::Testdouble => return Ok(()),
        #[cfg(feature = "aws-kms")]
        ProviderName::AwsKms => return Ok(()),
        #[cfg(not(feature = "aws-kms"))]
        ProviderName::AwsKms => false,
        ProviderName::GcpKms => cfg!(feature = "gcp-kms"),
        ProviderName::AzureKv => cfg!(feature = "azure-kv"),
    };
    if built_in {
        Err(UnsupportedProvider::NotYet(name))
    } else {
        Err(UnsupportedProvider::LeftOut(name))
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
        assert_eq!(refusal, UnsupportedProvider::LeftOut(ProviderName::Pkcs11));
    }

    #[cfg(feature = "pkcs11")]
    #[test]
    fn supports_pkcs11_where_it_was_built_in() {
        assert_eq!(support(ProviderName::Pkcs11), Ok(()));
    }
}
