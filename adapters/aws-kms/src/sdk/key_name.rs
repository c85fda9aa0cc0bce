//! How a key of ours is recognised in the account.

use signer_cloud::cloud_name;
use signer_domain::{KeyId, Scope};

use super::settings::AliasPrefix;

/// The tag that tells which installation a key belongs to and what it is called there. It is on the key
/// from its first moment, as an alias cannot be.
pub(super) const NAME_TAG: &str = "plexsphere-signer:name";
/// Tags for people who look at the account.
const SCOPE_TAG: &str = "plexsphere-signer:scope";
const KEY_ID_TAG: &str = "plexsphere-signer:key_id";

/// The name of one key of one installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyName {
    scope: String,
    key_id: String,
    /// `<prefix>/k-<40 hex>`: the alias without its first word.
    text: String,
}

impl KeyName {
    pub(super) fn of(prefix: &AliasPrefix, scope: &Scope, key_id: &KeyId) -> Self {
        Self {
            scope: scope.to_string(),
            // A tag may hold none of these, and a key id no equals sign.
            key_id: key_id.as_str().replace('~', "=7E"),
            text: format!("{}/{}", prefix.as_str(), cloud_name(scope, key_id)),
        }
    }

    /// As the value of the tag.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// As an alias.
    pub(super) fn alias(&self) -> String {
        format!("alias/{}", self.text)
    }

    /// Whether an alias is formed as those of our keys are, under whatever prefix.
    pub(super) fn may_be_alias(alias: &str) -> bool {
        let last = alias.rsplit('/').next();
        last.is_some_and(|word| word.len() == 42 && word.starts_with("k-"))
    }

    /// The tags of the key.
    pub(super) fn tags(&self) -> [(&'static str, &str); 3] {
        [
            (NAME_TAG, &self.text),
            (SCOPE_TAG, &self.scope),
            (KEY_ID_TAG, &self.key_id),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_alias_and_its_tags_are_legal_and_tell_the_key() {
        let prefix: AliasPrefix = "acme/signer".parse().unwrap();
        let scope = Scope::parse("domain:6f9619ff-8b86-d011-b42d-00cf4fc964ff").unwrap();
        let name = KeyName::of(&prefix, &scope, &KeyId::parse("k~1").unwrap());
        assert!(name.alias().starts_with("alias/acme/signer/k-"));
        assert_eq!(name.alias().len(), "alias/acme/signer/k-".len() + 40);
        assert!(KeyName::may_be_alias(&name.alias()));
        assert!(!KeyName::may_be_alias("alias/aws/ebs"));
        let [of_name, of_scope, of_key] = name.tags();
        assert_eq!(of_name, (NAME_TAG, name.as_str()));
        assert_eq!(of_scope.1, "domain:6f9619ff-8b86-d011-b42d-00cf4fc964ff");
        assert_eq!(of_key.1, "k=7E1");
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b" _.:/=+-@".contains(&byte);
        for (key, value) in name.tags() {
            assert!(key.bytes().chain(value.bytes()).all(legal), "{key}={value}");
            assert!(key.len() <= 128 && value.len() <= 256);
        }
    }
}
