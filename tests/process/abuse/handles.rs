//! Handles that are none, that are unknown, and paths that lead astray.

use super::attack::{Attack, bare, coveted, post};

/// Handles as they stand in a path, which are not handles once decoded.
const MALFORMED: &[&str] = &[
    "..",
    ".",
    "...",
    "%2e%2e",
    "%2E%2E",
    "%2e",
    "..%2f..%2fetc%2fpasswd",
    "..%2Fsoftware%3Aplatform%7Ck1",
    "..%5csoftware%3Aplatform%7Ck1",
    "software",
    "software%3A",
    "%3Aplatform%7Ck1",
    // Other spellings of a provider that is there.
    "Software%3Aplatform%7Ck1",
    "SOFTWARE%3Aplatform%7Ck1",
    "software%20%3Aplatform%7Ck1",
    "%20software%3Aplatform%7Ck1",
    "vault%3Aplatform%7Ck1",
    "*%3Aplatform%7Ck1",
    // NUL and other controls.
    "%00",
    "software%3Aplatform%7Ck1%00",
    "software%3Aplatform%7Ck1%00.txt",
    "software%00%3Aplatform%7Ck1",
    "software%3Aplatform%7Ck1%0a",
    "software%3Aplatform%7Ck1%0d%0aX-Injected%3A%201",
    "software%3Aplatform%7Ck1%09",
    "software%3Aplatform%7Ck1%7f",
    "software%3Aplatform%7Ck1%1b%5b2J",
    // Look-alikes.
    "software%3Aplatform%EF%BD%9Ck1",
    "software%EF%BC%9Aplatform%7Ck1",
    "software%3Apl%D0%B0tform%7Ck1",
    "software%3Aplatform%7C%D0%BA1",
    "s%D0%BEftware%3Aplatform%7Ck1",
    "software%3Aplatform%7C%EF%BD%8B1",
    "software%3Aplatform%7Ck%EF%BC%91",
    "software%3Aplatform%C7%80k1",
    "software%3Aplatform%7Ck1%E2%80%8B",
    "software%3Aplatform%7C%E2%80%AEk1",
    "software%3Aplatform%7Ck1%CC%81",
    // Not UTF-8, or overlong.
    "software%3A%FF%FE",
    "%C0%AE%C0%AE",
    "software%3Aplatform%C1%BCk1",
    "%ED%A0%80",
    // Encoded twice, broken or foreign.
    "software%253Aplatform%257Ck1",
    "software%253Aplatform%7Ck1",
    "%2573oftware%3Aplatform%7Ck1",
    "software%3Aplatform%7Ck1%",
    "software%3Aplatform%7Ck1%2",
    "software%3Aplatform%7Ck1%zz",
    "software%u003Aplatform%u007Ck1",
    "software%3Aplatform%7Ck1;a=b",
    "software%3Aplatform%7Ck1%3Fx",
    "software%3Aplatform%7Ck1%23x",
    "software%3Aplatform%7Ck1%20",
    "software%3Aplatform%7Ck1+%2B%20",
    "software%3Aplatform%7Ck1%27%20OR%20%271%27%3D%271",
    "software%3Aplatform%7C%24%28id%29",
    "software%3Aplatform%7C%25s%25n",
    "software%3Aplatform%7C%2A",
];

/// Handles of the right form that name no key, however close they come to one.
const UNKNOWN: &[&str] = &[
    // The provider could derive each of these.
    "software%3Aplatform%7Ck2",
    "software%3Aplatform%7CK1",
    "software%3Aplatform%7Ck1.",
    "software%3Aplatform%7Ck1..",
    "software%3Aplatform%7Ck1~",
    "software%3Adomain%3A6f9619ff-8b86-4011-b42d-00cf4fc964ff%7Ck1",
    // And none of these.
    "software%3APlatform%7Ck1",
    "software%3Aplatform%7C.k1",
    "software%3Aplatform%7Ck1%2F",
    "software%3Aplatform%7Ck1%2Fsign",
    "software%3A..%2Fplatform%7Ck1",
    "software%3Aplatform%2F..%2Fplatform%7Ck1",
    "software%3Aplatform%7C%7Ck1",
    "software%3Aplatform%7Ck1%7Ck1",
    "software%3A%7Cplatform%7Ck1",
    "software%3Asoftware%3Aplatform%7Ck1",
    "software%3A%3Aplatform%7Ck1",
    "software%3A%7C",
    "pkcs11%3Aplatform%7Ck1",
    "gcp-kms%3Aplatform%7Ck1",
    "azure-kv%3Ak1%2F1",
    "aws-kms%3Asoftware%3Aplatform%7Ck1",
];

/// Paths that come close to a call.
const ASTRAY: &[&str] = &[
    "/v1/keys/software:platform|k1/sign/",
    "/v1/keys/software%3Aplatform%7Ck1/sign/.",
    "/v1/keys/software%3Aplatform%7Ck1/./sign",
    "/v1/keys/x/../software%3Aplatform%7Ck1/sign",
    "/v1/keys//software%3Aplatform%7Ck1/sign",
    "/v1//keys/software%3Aplatform%7Ck1/sign",
    "//v1/keys/software%3Aplatform%7Ck1/sign",
    "/V1/keys/software%3Aplatform%7Ck1/sign",
    "/v1/Keys/software%3Aplatform%7Ck1/sign",
    "/v1/keys/software%3Aplatform%7Ck1/SIGN",
    "/v1/keys/software%3Aplatform%7Ck1/sign.",
    "/v1/keys/software%3Aplatform%7Ck1/sign.json",
    "/v1/keys/software%3Aplatform%7Ck1/%73ign",
    "/v1/keys/software%3Aplatform%7Ck1/sign%00",
    "/v1/keys/software%3Aplatform%7Ck1/sign;v=1",
    "/v1/%6beys/software%3Aplatform%7Ck1/sign",
    "/%2e%2e/v1/keys/software%3Aplatform%7Ck1/sign",
    "/../v1/keys/software%3Aplatform%7Ck1/sign",
    "/v1/keys/software%3Aplatform/k1/sign",
    "/v1\\keys\\software%3Aplatform%7Ck1\\sign",
    "/livez/../v1/keys/software%3Aplatform%7Ck1/sign",
    "/v1/keys//sign",
    "/v1/sign/software%3Aplatform%7Ck1",
];

fn sign_with(handle: &str, code: &'static str) -> Attack {
    let path = format!("/v1/keys/{handle}/sign");
    let shown = path.get(..80).unwrap_or(&path);
    Attack::refused(format!("sign {shown}"), post(&path, coveted()), code)
}

pub(crate) fn malformed() -> Vec<Attack> {
    let overlong = [
        format!("software%3Aplatform%7C{}", "k".repeat(513)),
        "software%3A".repeat(500),
        "%2e%2e%2f".repeat(2000),
    ];
    let handles = MALFORMED.iter().copied();
    let handles = handles.chain(overlong.iter().map(String::as_str));
    let mut attacks: Vec<Attack> = handles
        .map(|handle| sign_with(handle, "invalid_request"))
        .collect();
    for handle in MALFORMED.iter().step_by(6) {
        for (method, action) in [("GET", ""), ("GET", "/public-key"), ("POST", "/retire")] {
            let path = format!("/v1/keys/{handle}{action}");
            let name = format!("{method} {path}");
            attacks.push(Attack::refused(
                name,
                bare(method, &path),
                "invalid_request",
            ));
        }
    }
    attacks
}

pub(crate) fn unknown() -> Vec<Attack> {
    let attacks = UNKNOWN.iter();
    attacks.map(|it| sign_with(it, "key_not_found")).collect()
}

pub(crate) fn astray() -> Vec<Attack> {
    let refused = |path: &&str| Attack::refused(*path, post(path, coveted()), "not_found");
    ASTRAY.iter().map(refused).collect()
}
