//! The refusal of a provider that this binary does not hold.

use signer_domain::ProviderName;

/// Why a provider cannot be opened. The text is one sentence for the operator, with the cure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnsupportedProvider {
    /// The provider's feature was off when this binary was built.
    #[error(
        "--key-provider {0}: this binary was built without the {0} provider; rebuild it with `cargo build --release --features {0}`"
    )]
    LeftOut(ProviderName),
    /// The provider's feature is on, but there is no adapter behind it yet.
    #[error("--key-provider {0}: this version has no {0} provider yet")]
    NotYet(ProviderName),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_flag_and_the_cure() {
        assert_eq!(
            UnsupportedProvider::LeftOut(ProviderName::AwsKms).to_string(),
            "--key-provider aws-kms: this binary was built without the aws-kms provider; \
             rebuild it with `cargo build --release --features aws-kms`"
        );
    }

    #[test]
    fn does_not_promise_what_a_rebuild_cannot_give() {
        assert_eq!(
            UnsupportedProvider::NotYet(ProviderName::GcpKms).to_string(),
            "--key-provider gcp-kms: this version has no gcp-kms provider yet"
        );
    }
}
