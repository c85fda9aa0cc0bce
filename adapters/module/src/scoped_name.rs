//! Handles of the form `<provider>:<scope>|<key_id>`.

use signer_domain::ports::KeyProviderError;
use signer_domain::{HandleId, KeyId, ProviderName, Scope};

/// The handle of the key named `key_id` in `scope`.
///
/// # Errors
/// When the names do not fit into a handle.
pub fn handle_of(
    provider: ProviderName,
    scope: &Scope,
    key_id: &KeyId,
) -> Result<HandleId, KeyProviderError> {
    HandleId::from_parts(provider, format_args!("{scope}|{key_id}")).map_err(|cause| {
        KeyProviderError::Misconfigured {
            context: "naming a key pair",
            source: Some(Box::new(cause)),
        }
    })
}

/// The names in a handle of `provider`; `None` for every other handle. Because scopes and key ids
/// have one spelling each, two handles never carry the same names.
pub fn names_in(provider: ProviderName, handle: &HandleId) -> Option<(Scope, KeyId)> {
    if handle.provider() != provider {
        return None;
    }
    let (scope, key_id) = handle.rest().split_once('|')?;
    Some((Scope::parse(scope).ok()?, KeyId::parse(key_id).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_names_make_a_handle_that_reads_back() {
        let scope = Scope::parse("domain:6f9619ff-8b86-d011-b42d-00cf4fc964ff").unwrap();
        let key_id = KeyId::parse(&"k".repeat(KeyId::MAX_LEN)).unwrap();
        let handle = handle_of(ProviderName::new("software"), &scope, &key_id).unwrap();
        assert_eq!(
            names_in(ProviderName::new("software"), &handle),
            Some((scope, key_id))
        );
    }

    #[test]
    fn finds_no_names_in_other_handles() {
        for text in [
            "software:platform",
            "software:platform|",
            "software:|k1",
            "software:platform|k1|k2",
            "software:Platform|k1",
            "software:domain:6F9619FF-8B86-D011-B42D-00CF4FC964FF|k1",
            "software:platform|-k1",
            "pkcs11:platform|k1",
        ] {
            let handle = HandleId::parse(text).unwrap();
            assert_eq!(
                names_in(ProviderName::new("software"), &handle),
                None,
                "{text}"
            );
        }
    }
}
