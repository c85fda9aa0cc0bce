//! The verifier that the bare server, the raw loop and the sampled checks use.

use std::sync::Arc;

use ed25519_dalek::VerifyingKey;
use signer_domain::ports::{InvalidPublicKey, SignatureVerifier};
use signer_domain::{Digest, PublicKey, Signature};

/// Makes the verifier of one public key.
pub(crate) fn verifier_for(
    public_key: &PublicKey,
) -> Result<Arc<dyn SignatureVerifier>, InvalidPublicKey> {
    VerifyingKey::from_bytes(public_key.as_bytes())
        .map(|key| -> Arc<dyn SignatureVerifier> { Arc::new(Strict(key)) })
        .map_err(|_unspecific| InvalidPublicKey)
}

#[derive(Debug)]
struct Strict(VerifyingKey);

impl SignatureVerifier for Strict {
    fn accepts(&self, digest: &Digest, signature: &Signature) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature.as_bytes());
        self.0.verify_strict(digest.as_bytes(), &signature).is_ok()
    }
}
