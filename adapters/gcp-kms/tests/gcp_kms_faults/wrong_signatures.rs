//! Signatures that are whole and wrong: the verifier of the custodian refuses them.

use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest as _, Sha512};
use signer_verify::verifier_for;

use crate::stage::{Stage, digest};

type Signing = fn(&[u8; 32], &[u8]) -> Vec<u8>;

/// What a service does that has got something wrong.
const WRONGS: [(&str, Signing); 5] = [
    ("another key", |_, data| sign(&[9; 32], data)),
    ("another digest", |seed, _| sign(seed, &[0; 64])),
    ("the digest hashed again", |seed, data| {
        sign(seed, &Sha512::digest(data))
    }),
    ("Ed25519ph", |seed, data| {
        let prehash = Sha512::new().chain_update(data);
        let signature = SigningKey::from_bytes(seed).sign_prehashed(prehash, None);
        signature.unwrap().to_vec()
    }),
    ("no signature", |_, _| vec![7; 64]),
];

fn sign(seed: &[u8; 32], data: &[u8]) -> Vec<u8> {
    SigningKey::from_bytes(seed).sign(data).to_vec()
}

#[tokio::test]
async fn the_verifier_of_the_custodian_refuses_every_wrong_signature() {
    let stage = Stage::new();
    let key = stage.generate("k1").await.unwrap();
    let verifier = verifier_for(&key.public_key).unwrap();
    for (what, wrong) in WRONGS {
        stage.fake.service.sign_with(wrong);
        let signature = stage.sign(&key).await.unwrap();
        assert!(!verifier.accepts(&digest(), &signature), "{what}");
    }
    stage.fake.service.sign_rightly();
    let signature = stage.sign(&key).await.unwrap();
    assert!(verifier.accepts(&digest(), &signature));
}
