//! What a right signature is, by two libraries that are independent of each other.

use ring::signature::{ED25519, UnparsedPublicKey};
use sha2::{Digest as _, Sha512};

use signer_domain::{Digest, PublicKey, Signature};

/// Asserts that both libraries accept the signature as pure Ed25519 over the 64 digest bytes.
pub(super) fn assert_accepted(public_key: &PublicKey, digest: &Digest, signature: &Signature) {
    let verdicts = verdicts(public_key, digest.as_bytes(), signature);
    assert_eq!(verdicts, (true, true), "verify_strict, ring: {signature:?}");
}

/// Asserts that both libraries refuse it.
pub(super) fn assert_refused(public_key: &PublicKey, digest: &Digest, signature: &Signature) {
    let verdicts = verdicts(public_key, digest.as_bytes(), signature);
    assert_eq!(
        verdicts,
        (false, false),
        "verify_strict, ring: {signature:?}"
    );
}

/// The verdicts of `ed25519-dalek`, strict, and of `ring` on a signature over any message.
pub(super) fn verdicts(
    public_key: &PublicKey,
    message: &[u8],
    signature: &Signature,
) -> (bool, bool) {
    let strict = dalek(public_key)
        .verify_strict(message, &dalek_signature(signature))
        .is_ok();
    let ring = UnparsedPublicKey::new(&ED25519, public_key.as_bytes())
        .verify(message, signature.as_bytes())
        .is_ok();
    (strict, ring)
}

/// Whether the signature is one of Ed25519ph (RFC 8032 §5.1) over `message`, with an empty context.
pub(super) fn is_prehashed(public_key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
    let prehash = Sha512::new().chain_update(message);
    dalek(public_key)
        .verify_prehashed(prehash, None, &dalek_signature(signature))
        .is_ok()
}

/// SHA-512 of a message.
pub(super) fn digest_of(message: &[u8]) -> Digest {
    Digest::from_bytes(Sha512::digest(message).into())
}

fn dalek(public_key: &PublicKey) -> ed25519_dalek::VerifyingKey {
    ed25519_dalek::VerifyingKey::from_bytes(public_key.as_bytes()).unwrap()
}

fn dalek_signature(signature: &Signature) -> ed25519_dalek::Signature {
    ed25519_dalek::Signature::from_bytes(signature.as_bytes())
}
