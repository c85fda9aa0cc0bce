//! Cases on `sign`: pure Ed25519 (RFC 8032 §5.1.6) over the 64 digest bytes.

use std::collections::HashSet;

use signer_domain::{Digest, PublicKey, Signature};
use tokio::task::JoinSet;

use super::Fixture;
use super::oracle::{assert_accepted, assert_refused, digest_of, is_prehashed, verdicts};
use super::subject::{Subject, digest};
use signer_verify::vectors::VECTORS;

/// The yardstick itself: both verifiers accept the published vectors and nothing beside them.
#[expect(clippy::unused_async, reason = "every case has one form")]
pub async fn the_verifiers_accept_the_vectors_of_rfc_8032<F: Fixture>(_fixture: &F) {
    for vector in VECTORS {
        let public_key = PublicKey::from_bytes(vector.public_key);
        let signature = Signature::from_bytes(vector.signature);
        let message = vector.message;
        assert_eq!(
            verdicts(&public_key, message, &signature),
            (true, true),
            "{}",
            vector.name
        );
        let longer = [message, &[0]].concat();
        assert_eq!(
            verdicts(&public_key, &longer, &signature),
            (false, false),
            "{}",
            vector.name
        );
    }
}

/// A signature verifies under the generated public key.
pub async fn signs_what_independent_verifiers_accept<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let key = subject.key("k1").await;
    let signature = subject.sign(&key.handle_id, &digest(1)).await.unwrap();
    assert_accepted(&key.public_key, &digest(1), &signature);
    assert_refused(&key.public_key, &digest(2), &signature);
}

/// The digest is the message: not hashed once more, and not the prehash of Ed25519ph.
pub async fn signs_the_digest_as_a_plain_message<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let key = subject.key("k1").await;
    let message = b"what the caller hashed";
    let digest = digest_of(message);
    let signature = subject.sign(&key.handle_id, &digest).await.unwrap();
    assert_accepted(&key.public_key, &digest, &signature);
    assert_refused(&key.public_key, &digest_of(digest.as_bytes()), &signature);
    assert_eq!(
        verdicts(&key.public_key, message, &signature),
        (false, false)
    );
    assert!(!is_prehashed(&key.public_key, message, &signature));
    assert!(!is_prehashed(
        &key.public_key,
        digest.as_bytes(),
        &signature
    ));
}

/// The same digest has the same signature, so a call may be repeated freely.
pub async fn signs_deterministically<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let key = subject.key("k1").await;
    let first = subject.sign(&key.handle_id, &digest(1)).await.unwrap();
    for other in 2..6 {
        subject.sign(&key.handle_id, &digest(other)).await.unwrap();
        let again = subject.sign(&key.handle_id, &digest(1)).await.unwrap();
        assert_eq!(again, first);
    }
}

/// No nonce is used twice: neither half of a signature recurs under another digest.
pub async fn each_digest_has_its_own_signature<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let key = subject.key("k1").await;
    let mut halves = HashSet::new();
    for number in 0..16 {
        let signature = subject.sign(&key.handle_id, &digest(number)).await.unwrap();
        let (commitment, response) = signature.as_bytes().split_at(32);
        assert!(halves.insert(commitment.to_vec()));
        assert!(halves.insert(response.to_vec()));
    }
}

/// Digests are bytes: zeros, ones, text and structure mean nothing.
pub async fn signs_digests_of_any_bytes<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let key = subject.key("k1").await;
    for bytes in [[0; 64], [0xff; 64], [b'A'; 64], [0x30; 64], [b'\n'; 64]] {
        let digest = Digest::from_bytes(bytes);
        let signature = subject.sign(&key.handle_id, &digest).await.unwrap();
        assert_accepted(&key.public_key, &digest, &signature);
    }
}

/// The handle decides which key signs.
pub async fn a_signature_verifies_under_its_own_key_only<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let (one, other) = (subject.key("k1").await, subject.key("k2").await);
    let signature = subject.sign(&one.handle_id, &digest(1)).await.unwrap();
    assert_accepted(&one.public_key, &digest(1), &signature);
    assert_refused(&other.public_key, &digest(1), &signature);
}

/// Answers to signs under way at once go to whom they belong.
pub async fn concurrent_signs_by_one_key_are_all_right<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let key = subject.key("k1").await;
    let mut signers = JoinSet::new();
    for number in 0..32 {
        let (subject, handle) = (subject.clone(), key.handle_id.clone());
        signers.spawn(async move { (number, subject.sign(&handle, &digest(number)).await) });
    }
    for (number, signature) in signers.join_all().await {
        assert_accepted(&key.public_key, &digest(number), &signature.unwrap());
    }
}

/// Nor do keys mix.
pub async fn concurrent_signs_by_many_keys_do_not_mix<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let mut signers = JoinSet::new();
    for number in 0..8 {
        let key = subject.key(&format!("k{number}")).await;
        for _ in 0..4 {
            let (subject, key) = (subject.clone(), key.clone());
            signers.spawn(async move {
                let signature = subject.sign(&key.handle_id, &digest(number)).await;
                (key, number, signature)
            });
        }
    }
    for (key, number, signature) in signers.join_all().await {
        assert_accepted(&key.public_key, &digest(number), &signature.unwrap());
    }
}
