//! How a crypto key of ours is made.

use google_cloud_kms_v1::model::crypto_key::CryptoKeyPurpose;
use google_cloud_kms_v1::model::crypto_key_version::CryptoKeyVersionAlgorithm;
use google_cloud_kms_v1::model::{CryptoKey, CryptoKeyVersionTemplate, ProtectionLevel};

use signer_domain::{KeyId, Scope};

use super::settings::GcpProtectionLevel;

/// A value of a label has at most so many characters.
const LONGEST_LABEL: usize = 63;

/// A crypto key whose first version is an Ed25519 pair of this level.
pub(super) fn crypto_key(scope: &Scope, key_id: &KeyId, level: GcpProtectionLevel) -> CryptoKey {
    let level = match level {
        GcpProtectionLevel::Hsm => ProtectionLevel::Hsm,
        GcpProtectionLevel::Software => ProtectionLevel::Software,
    };
    let template = CryptoKeyVersionTemplate::new()
        .set_algorithm(CryptoKeyVersionAlgorithm::EcSignEd25519)
        .set_protection_level(level);
    CryptoKey::new()
        .set_purpose(CryptoKeyPurpose::AsymmetricSign)
        .set_version_template(template)
        .set_labels(labels(scope, key_id))
}

/// For people who look into the key ring; nothing is ever read from them. Values are of lower-case
/// letters, digits, '-' and '_', so a key id that is not has no label.
fn labels(scope: &Scope, key_id: &KeyId) -> Vec<(&'static str, String)> {
    let mut labels = vec![
        ("managed-by", "plexsphere-signer".to_owned()),
        ("scope", scope.to_string().replace(':', "-")),
    ];
    let is_byte =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    let key_id = key_id.as_str();
    if key_id.len() <= LONGEST_LABEL && key_id.bytes().all(is_byte) {
        labels.push(("key-id", key_id.to_owned()));
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(scope: &str, key_id: &str) -> Vec<String> {
        let (scope, key_id) = (Scope::parse(scope).unwrap(), KeyId::parse(key_id).unwrap());
        let labels = labels(&scope, &key_id).into_iter();
        labels.map(|(_, value)| value).collect()
    }

    #[test]
    fn labels_are_legal_or_left_out() {
        let domain = "domain:6f9619ff-8b86-d011-b42d-00cf4fc964ff";
        let of_domain = "domain-6f9619ff-8b86-d011-b42d-00cf4fc964ff";
        let ours = "plexsphere-signer";
        assert_eq!(values(domain, "k-1"), [ours, of_domain, "k-1"]);
        assert_eq!(values("platform", "K1"), [ours, "platform"]);
        assert_eq!(values("platform", "k.1"), [ours, "platform"]);
        assert_eq!(values("platform", &"k".repeat(64)), [ours, "platform"]);
    }
}
