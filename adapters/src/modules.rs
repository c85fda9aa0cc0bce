//! The key providers as the program sees them: what every binary knows of each, and how those that it
//! holds are opened.

mod aws_kms;
mod azure_kv;
mod gcp_kms;
pub mod pkcs11;
mod software;

pub use aws_kms::MODULE as AWS_KMS;
pub use azure_kv::MODULE as AZURE_KV;
pub use gcp_kms::MODULE as GCP_KMS;
pub use pkcs11::MODULE as PKCS11;
pub use software::MODULE as SOFTWARE;
