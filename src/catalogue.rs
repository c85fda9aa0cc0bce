//! The key providers of the program, one line each.

use signer_adapters::modules;
use signer_module::{Face, ProviderModule};

/// The providers that a binary can be asked for, whether or not it holds them.
pub type Catalogue = [&'static dyn ProviderModule];

/// Those of the shipped program, in the order of the help.
pub const PROVIDERS: [&dyn ProviderModule; 5] = [
    modules::SOFTWARE,
    modules::PKCS11,
    modules::AWS_KMS,
    modules::GCP_KMS,
    modules::AZURE_KV,
];

/// What is shown of them.
pub(crate) fn faces(providers: &Catalogue) -> impl Iterator<Item = &'static Face> {
    providers.iter().map(|module| module.face())
}
