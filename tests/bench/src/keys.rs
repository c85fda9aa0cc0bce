//! Keys in memory, ready to sign and to verify: the same cryptography as the custodian's, nothing
//! around it.

use std::collections::HashMap;
use std::sync::Arc;

use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use signer_domain::ports::SignatureVerifier;
use signer_domain::{Digest, HandleId, KeyId, ProviderName, PublicKey, Scope, Signature};
use signer_verify::plain_verifier_for;

use crate::Outcome;

/// One key pair with what an answer about it needs.
#[derive(Debug)]
pub(crate) struct PreparedKey {
    pub(crate) handle_id: HandleId,
    pub(crate) scope: Scope,
    pub(crate) key_id: KeyId,
    pub(crate) public_key: PublicKey,
    pair: Ed25519KeyPair,
    verifier: Arc<dyn SignatureVerifier>,
}

impl PreparedKey {
    /// A fresh key in the place of the custodian's key number `index`.
    fn fresh(index: u32) -> Outcome<Self> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|_unspecific| "no randomness")?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(document.as_ref())
            .map_err(|rejected| rejected.to_string())?;
        let public_key = PublicKey::from_slice(pair.public_key().as_ref())?;
        let key_id = KeyId::parse(&key_name(index))?;
        let scope = Scope::Platform;
        Ok(Self {
            handle_id: HandleId::from_parts(
                ProviderName::new("software"),
                format!("{scope}|{key_id}"),
            )?,
            scope,
            key_id,
            public_key,
            verifier: plain_verifier_for(&public_key)?,
            pair,
        })
    }

    /// Signs, and verifies before the signature is let go. `None` when it does not verify.
    pub(crate) fn sign(&self, digest: &Digest) -> Option<Signature> {
        let bytes = self.pair.sign(digest.as_bytes());
        let signature = Signature::from_slice(bytes.as_ref()).ok()?;
        self.verifier
            .accepts(digest, &signature)
            .then_some(signature)
    }
}

/// The operator's name of the key number `index`.
pub(crate) fn key_name(index: u32) -> String {
    format!("bench-{index}")
}

/// The handle of the key number `index`, in the custodian and in the bare server alike.
pub(crate) fn handle_text(index: u32) -> String {
    format!("software:platform|{}", key_name(index))
}

/// `count` fresh keys by their handles.
pub(crate) fn prepare(count: u32) -> Outcome<HashMap<String, PreparedKey>> {
    (0..count)
        .map(|index| Ok((handle_text(index), PreparedKey::fresh(index)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prepared_keys_are_found_by_their_handle_and_sign() {
        let keys = prepare(2).unwrap();
        let key = &keys[&handle_text(1)];
        assert_eq!(key.handle_id.as_str(), handle_text(1));
        let digest = Digest::from_bytes([7; 64]);
        let signature = key.sign(&digest).unwrap();
        let verifier = plain_verifier_for(&key.public_key).unwrap();
        assert!(verifier.accepts(&digest, &signature));
        assert!(!verifier.accepts(&Digest::from_bytes([8; 64]), &signature));
    }
}
