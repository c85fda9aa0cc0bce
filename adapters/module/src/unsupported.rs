//! The refusal of a provider that this binary does not hold.

use signer_domain::ProviderName;

/// The feature of this provider was off when this binary was built. The text is one sentence for the
/// operator, with the cure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "--key-provider {0}: this binary was built without the {0} provider; rebuild it with `cargo build --release --features {0}`"
)]
pub struct UnsupportedProvider(pub ProviderName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_flag_and_the_cure() {
        assert_eq!(
            UnsupportedProvider(ProviderName::new("aws-kms")).to_string(),
            "--key-provider aws-kms: this binary was built without the aws-kms provider; \
             rebuild it with `cargo build --release --features aws-kms`"
        );
    }
}
