//! Names of keys where a service allows few characters and no colon.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use signer_domain::{KeyId, Scope};

/// How many bytes of the hash a name shows: enough that nobody finds two names that collide.
const SHOWN: usize = 20;

/// `k-` and the first 20 bytes, in 40 lower-case hexadecimal characters, of
/// SHA-256(length of the scope in 8 bytes, big-endian ‖ scope ‖ key id). It is legal as an alias of AWS
/// KMS, as a crypto key of Google Cloud KMS and as a key of Azure Key Vault, and the same after any
/// restart.
pub fn cloud_name(scope: &Scope, key_id: &KeyId) -> String {
    let scope = scope.to_string();
    let length = u64::try_from(scope.len()).unwrap_or(u64::MAX);
    let mut hash = Sha256::new();
    hash.update(length.to_be_bytes());
    hash.update(scope.as_bytes());
    hash.update(key_id.as_str().as_bytes());
    let mut name = "k-".to_owned();
    for byte in hash.finalize().iter().take(SHOWN) {
        // Writing to a string does not fail.
        let _written = write!(name, "{byte:02x}");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(scope: &str, key_id: &str) -> String {
        let (scope, key_id) = (Scope::parse(scope).unwrap(), KeyId::parse(key_id).unwrap());
        cloud_name(&scope, &key_id)
    }

    #[test]
    fn is_short_legal_everywhere_and_never_changes() {
        // As `{ printf '\0\0\0\0\0\0\0\010platformk1'; } | sha256sum` says.
        assert_eq!(
            name("platform", "k1"),
            "k-8819af2a8b51f9ccd84eb18177f035b924084f2a"
        );
    }

    #[test]
    fn different_keys_have_different_names() {
        let domain = "domain:6f9619ff-8b86-d011-b42d-00cf4fc964ff";
        let names = [
            name("platform", "k1"),
            name("platform", "k2"),
            name(domain, "k1"),
        ];
        assert_ne!(names[0], names[1]);
        assert_ne!(names[0], names[2]);
    }
}
