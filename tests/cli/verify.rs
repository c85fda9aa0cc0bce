//! `verify`, offline, against signatures that openssl made.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

use signer_test_support::{Finished, Workplace, shipped};

fn openssl(directory: &Path, line: &str) -> Vec<u8> {
    let output = Command::new("openssl")
        .args(line.split(' '))
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(output.status.success(), "openssl {line}: {output:?}");
    output.stdout
}

/// A place with `message.txt`, `public.pem`, and the signature that openssl made.
struct Signed {
    place: Workplace,
    signature: String,
}

impl Signed {
    fn by_openssl() -> Self {
        let place = Workplace::empty();
        let directory = place.path();
        fs::write(place.file("message.txt"), "sign me\n").unwrap();
        openssl(directory, "genpkey -algorithm ed25519 -out private.pem");
        openssl(directory, "pkey -in private.pem -pubout -out public.pem");
        openssl(
            directory,
            "dgst -sha512 -binary -out digest.bin message.txt",
        );
        openssl(
            directory,
            "pkeyutl -sign -inkey private.pem -rawin -in digest.bin -out signature.bin",
        );
        let signature = openssl(directory, "base64 -A -in signature.bin");
        let signature = String::from_utf8(signature).unwrap();
        Self { place, signature }
    }

    fn verify(&self, key: &str, signature: &str, file: &str) -> Finished {
        let line = [
            "verify",
            "--public-key",
            key,
            "--signature",
            signature,
            file,
        ];
        shipped!().run(self.place.path(), line)
    }
}

#[test]
fn accepts_what_openssl_signed() {
    let signed = Signed::by_openssl();
    let finished = signed.verify("public.pem", &signed.signature, "message.txt");
    assert_eq!(finished.expect_status(0).text(), "valid\n");
}

#[test]
fn reads_the_file_from_standard_input() {
    let signed = Signed::by_openssl();
    let line = [
        "verify",
        "--public-key",
        "public.pem",
        "--signature",
        &signed.signature,
        "-",
    ];
    let directory = signed.place.path();
    shipped!()
        .run_with_input(directory, line, b"sign me\n")
        .expect_status(0);
    shipped!()
        .run_with_input(directory, line, b"sign me")
        .expect_status(7);
}

#[test]
fn another_file_another_key_or_another_signature_is_exit_status_7() {
    let signed = Signed::by_openssl();
    let directory = signed.place.path();
    fs::write(signed.place.file("other.txt"), "sign me").unwrap();
    openssl(
        directory,
        "genpkey -algorithm ed25519 -out other-private.pem",
    );
    openssl(
        directory,
        "pkey -in other-private.pem -pubout -out other.pem",
    );
    let zeros = format!("{}==", "A".repeat(86));
    for (key, signature, file) in [
        ("public.pem", signed.signature.as_str(), "other.txt"),
        ("other.pem", &signed.signature, "message.txt"),
        ("public.pem", &zeros, "message.txt"),
    ] {
        let finished = signed.verify(key, signature, file).expect_status(7);
        assert_eq!(finished.text(), "");
        let sentence = finished.sentence();
        assert!(
            sentence.starts_with("the signature is not one of"),
            "{sentence}"
        );
    }
}

#[test]
fn what_is_no_key_or_no_signature_is_exit_status_2_and_says_so() {
    let signed = Signed::by_openssl();
    let directory = signed.place.path();
    openssl(
        directory,
        "genpkey -algorithm x25519 -out x25519-private.pem",
    );
    openssl(
        directory,
        "pkey -in x25519-private.pem -pubout -out x25519.pem",
    );
    let neutral = "-----BEGIN PUBLIC KEY-----\n\
                   MCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\
                   -----END PUBLIC KEY-----\n";
    fs::write(signed.place.file("neutral.pem"), neutral).unwrap();
    let good = signed.signature.as_str();
    for (key, signature, file, problem) in [
        (
            "none.pem",
            good,
            "message.txt",
            "--public-key \"none.pem\" cannot be read",
        ),
        (
            "private.pem",
            good,
            "message.txt",
            "--public-key \"private.pem\" holds no PUBLIC KEY",
        ),
        (
            "digest.bin",
            good,
            "message.txt",
            "--public-key \"digest.bin\"",
        ),
        (
            "x25519.pem",
            good,
            "message.txt",
            "holds a public key of another kind",
        ),
        (
            "neutral.pem",
            good,
            "message.txt",
            "not a usable Ed25519 public key",
        ),
        (
            "public.pem",
            "?",
            "message.txt",
            "--signature must be standard base64 with padding",
        ),
        (
            "public.pem",
            "AAAA",
            "message.txt",
            "--signature must be exactly 64 bytes, not 3",
        ),
        (
            "public.pem",
            good,
            "none.txt",
            "\"none.txt\" cannot be read",
        ),
    ] {
        let finished = signed.verify(key, signature, file).expect_status(2);
        assert!(finished.sentence().contains(problem), "{finished:?}");
    }
}
