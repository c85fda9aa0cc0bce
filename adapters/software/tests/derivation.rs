//! The public keys of the software provider equal those that OpenSSL derives from the same seeds.
//!
//! The `openssl` command must be there, version 3.0 or later; without it the test fails.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a derivation that cannot be made fails the test"
)]

use std::fmt::Write as _;
use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use ring::rand::{SecureRandom as _, SystemRandom};

use signer_domain::ports::KeyProvider as _;
use signer_domain::{Deadline, KeyId, PublicKey, Scope};
use signer_software::SoftwareProvider;

/// PKCS #8 of an Ed25519 private key up to its 32 bytes (RFC 8410 §7).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

const KEY_ID_OPENINGS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const KEY_ID_BYTES: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-";

#[tokio::test]
async fn a_hundred_random_keys_equal_those_that_openssl_derives() {
    let directory = tempfile::tempdir().unwrap();
    for round in 0..100_u8 {
        let seed: [u8; 32] = random();
        let scope = random_scope(round);
        let key_id = random_key_id(round);
        let path = directory.path().join(format!("{round}.bin"));
        std::fs::write(&path, seed).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();

        let ours = public_key_of(&path, &scope, &key_id).await;
        let theirs = openssl_public_key(&seed, &format!("{scope}|{key_id}"));
        assert_eq!(ours, theirs, "seed {}, {scope}, {key_id}", hex(&seed));
    }
}

async fn public_key_of(seed_file: &Path, scope: &Scope, key_id: &KeyId) -> PublicKey {
    let provider = SoftwareProvider::open(seed_file).unwrap();
    let deadline = Deadline::after(Duration::from_secs(10));
    let key = provider.generate(scope, key_id, deadline).await.unwrap();
    let read = provider.public_key(&key.handle_id, deadline).await.unwrap();
    assert_eq!(read, key.public_key);
    key.public_key
}

fn openssl_public_key(seed: &[u8], info: &str) -> PublicKey {
    let seed = format!("hexkey:{}", hex(seed));
    let info = format!("hexinfo:{}", hex(info.as_bytes()));
    let derive = [
        "kdf",
        "-keylen",
        "32",
        "-binary",
        "-kdfopt",
        "digest:SHA512",
    ];
    let from = ["-kdfopt", &seed, "-kdfopt", &info, "HKDF"];
    let private_key = openssl(&[derive.as_slice(), &from].concat(), &[]);
    assert_eq!(private_key.len(), 32);

    let pkcs8 = [PKCS8_PREFIX.as_slice(), &private_key].concat();
    let show = ["pkey", "-inform", "DER", "-pubout", "-outform", "DER"];
    PublicKey::from_spki_der(&openssl(&show, &pkcs8)).unwrap()
}

fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the `openssl` command is needed for this test");
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "openssl {arguments:?}");
    output.stdout
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).unwrap();
    bytes
}

/// Every fourth one is the platform, the others are domains.
fn random_scope(round: u8) -> Scope {
    if round.is_multiple_of(4) {
        return Scope::Platform;
    }
    let digits = hex(&random::<16>());
    let (first, rest) = digits.split_at(8);
    let (second, rest) = rest.split_at(4);
    let (third, rest) = rest.split_at(4);
    let (fourth, fifth) = rest.split_at(4);
    let text = format!("domain:{first}-{second}-{third}-{fourth}-{fifth}");
    Scope::parse(&text).unwrap()
}

/// Of every length that is permitted, out of all characters that are.
fn random_key_id(round: u8) -> KeyId {
    let random: [u8; KeyId::MAX_LEN] = random();
    let pick = |alphabet: &[u8], byte: u8| char::from(alphabet[usize::from(byte) % alphabet.len()]);
    let (opening, rest) = random.split_first().unwrap();
    let mut text = String::from(pick(KEY_ID_OPENINGS, *opening));
    let length = usize::from(round) % KeyId::MAX_LEN;
    text.extend(
        rest.iter()
            .take(length)
            .map(|byte| pick(KEY_ID_BYTES, *byte)),
    );
    KeyId::parse(&text).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
