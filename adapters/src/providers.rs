//! The key providers, one module each.
//!
//! There is no fall-back from one to another: a silent swap to the software provider would turn a mistake
//! in production into a deployment with development keys.

#[cfg(feature = "aws-kms")]
pub use signer_aws_kms as aws_kms;
#[cfg(feature = "azure-kv")]
pub use signer_azure_kv as azure_kv;
#[cfg(feature = "cloud")]
pub use signer_cloud as cloud;
#[cfg(feature = "gcp-kms")]
pub use signer_gcp_kms as gcp_kms;
#[cfg(feature = "pkcs11")]
pub use signer_pkcs11 as pkcs11;
pub use signer_software as software;

/// Chooses the cryptography of the TLS connections of this process, where a provider of this binary
/// makes any. Once, before the first provider is opened.
pub fn install_tls() {
    #[cfg(feature = "cloud")]
    cloud::install_tls();
}
