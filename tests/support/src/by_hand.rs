//! The program and `openssl`, as a user would put them together.

use std::fs;
use std::process::Command;

use crate::{Server, Workplace};

/// Has a file signed as `whose` says (`["--scope", "platform"]`), and makes sure that `openssl` takes the
/// signature for one by the key that the custodian shows for `handle`.
pub fn openssl_verifies(server: &Server, place: &Workplace, whose: [&str; 2], handle: &str) {
    fs::write(place.file("release"), "to be released\n").unwrap();
    let signed = server.cli(&["sign", whose[0], whose[1], "release"]);
    let base64 = signed.expect_status(0).stdout;
    fs::write(place.file("signature.base64"), base64).unwrap();
    let shown = server.cli(&["keys", "public-key", handle, "--format", "pem"]);
    fs::write(place.file("key.pem"), shown.expect_status(0).stdout).unwrap();
    let by_hand = "openssl dgst -sha512 -binary release >digest \
                   && base64 --decode signature.base64 >signature \
                   && openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in digest -sigfile signature";
    let verified = Command::new("sh")
        .args(["-c", by_hand])
        .current_dir(place.path())
        .output()
        .unwrap();
    assert!(verified.status.success(), "{verified:?}");
}
