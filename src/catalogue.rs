//! The key providers of the program, one line each.

use signer_domain::KnownProviders;
use signer_module::{Face, ProviderModule};
/// The token, around which there are commands of their own.
pub(crate) use signer_pkcs11::FACE as TOKEN;
/// The provider of the development set-up.
pub(crate) use signer_software::FACE as SOFTWARE;

/// The providers that a binary can be asked for, whether or not it holds them.
pub type Catalogue = [&'static dyn ProviderModule];

/// Those of the shipped program, in the order of the help.
pub const PROVIDERS: [&dyn ProviderModule; 5] = [
    signer_software::MODULE,
    signer_pkcs11::MODULE,
    signer_aws_kms::MODULE,
    signer_gcp_kms::MODULE,
    signer_azure_kv::MODULE,
];

/// What is shown of them.
pub(crate) fn faces(providers: &Catalogue) -> impl Iterator<Item = &'static Face> {
    providers.iter().map(|module| module.face())
}

/// Their names.
pub(crate) fn known(providers: &Catalogue) -> KnownProviders {
    faces(providers).map(|face| face.name).collect()
}
