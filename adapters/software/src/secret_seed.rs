//! The seed from which every key of the provider is derived.

use std::fmt;

use hkdf::Hkdf;
use sha2::Sha512;
use zeroize::Zeroizing;

use signer_domain::ports::{Cause, KeyProviderError};
use signer_domain::{KeyId, Scope};
use signer_key_pair::KeyPair;

/// 32 secret bytes. They stay in one place on the heap, so that moving the value copies no secret,
/// and are wiped there when it is dropped.
pub(super) struct SecretSeed(Box<Zeroizing<[u8; 32]>>);

impl SecretSeed {
    /// The length in bytes.
    pub(super) const LEN: usize = 32;

    /// Lets `fill` write the bytes where they will stay.
    pub(super) fn fill_with<E>(
        fill: impl FnOnce(&mut [u8; Self::LEN]) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut bytes = Box::new(Zeroizing::new([0; Self::LEN]));
        fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Shows the bytes.
    pub(super) fn expose_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// Derives the key pair named `key_id` in `scope`.
    pub(super) fn derive(
        &self,
        scope: &Scope,
        key_id: &KeyId,
    ) -> Result<KeyPair, KeyProviderError> {
        let failed = |cause: Cause| KeyProviderError::Misconfigured {
            context: "deriving a key pair",
            source: Some(cause),
        };
        let info = format!("{scope}|{key_id}");
        let mut private_key = Zeroizing::new([0; 32]);
        Hkdf::<Sha512>::new(None, self.expose_bytes())
            .expand(info.as_bytes(), private_key.as_mut())
            .map_err(|too_long| failed(too_long.to_string().into()))?;
        KeyPair::from_seed(&private_key).map_err(|rejected| failed(Box::new(rejected)))
    }
}

impl fmt::Debug for SecretSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretSeed").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_byte() {
        let seed = SecretSeed::fill_with(|bytes| {
            bytes.fill(0xa7);
            Ok::<_, ()>(())
        })
        .unwrap();
        let shown = format!("{seed:?} {seed:#?}").to_lowercase();
        assert_eq!(shown, "secretseed { .. } secretseed { .. }");
        assert!(!shown.contains("a7") && !shown.contains("167"));
    }
}
