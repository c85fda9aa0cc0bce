//! The key providers, one module each.
//!
//! There is no fall-back from one to another: a silent swap to the software provider would turn a mistake
//! in production into a deployment with development keys.

#[cfg(feature = "aws-kms")]
pub mod aws_kms;
#[cfg(feature = "azure-kv")]
pub mod azure_kv;
#[cfg(feature = "pkcs11")]
pub mod pkcs11;
pub mod software;

#[cfg(feature = "cloud")]
pub use signer_cloud as cloud;
#[cfg(feature = "gcp-kms")]
pub use signer_gcp_kms as gcp_kms;

/// Chooses the cryptography of the TLS connections of this process, where a provider of this binary
/// makes any. Once, before the first provider is opened.
pub fn install_tls() {
    #[cfg(feature = "cloud")]
    cloud::install_tls();
}
