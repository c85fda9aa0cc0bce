//! Which version of a vault key is the key.
//!
//! A vault makes another version when a key is made under a name that is taken, and says nothing. So
//! two custodians that make a key of one name at the same moment make two versions, and both must then
//! settle on the same one: the oldest that holds a key.

use super::vault::Version;

/// What the versions of one name amount to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing<'a> {
    /// Nobody has made anything.
    Nothing,
    /// There are versions, and none holds a key: somebody is about to complete this one, or has died.
    Unfinished(&'a Version),
    /// This is the key. `unfinished` is an older version that may yet become it.
    Key {
        version: &'a Version,
        unfinished: Option<&'a Version>,
    },
    /// The only versions there are were disabled before they held a key.
    Withdrawn,
}

impl<'a> Standing<'a> {
    /// Settles on a version. `holds_a_key` tells whether a version is complete.
    pub(super) fn of(versions: &'a [Version], holds_a_key: impl Fn(&Version) -> bool) -> Self {
        let mut by_age: Vec<&Version> = versions.iter().collect();
        // Versions of one second are told apart by their names, so that all settle alike.
        by_age.sort_by_key(|version| (version.created, version.id.clone()));
        let key = by_age.iter().position(|version| holds_a_key(version));
        let older = by_age
            .get(..key.unwrap_or(by_age.len()))
            .unwrap_or_default();
        let unfinished = older.iter().copied().find(|version| version.enabled);
        match (key.and_then(|index| by_age.get(index)), unfinished) {
            (Some(version), unfinished) => Self::Key {
                version,
                unfinished,
            },
            (None, Some(unfinished)) => Self::Unfinished(unfinished),
            (None, None) if versions.is_empty() => Self::Nothing,
            (None, None) => Self::Withdrawn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::azure_kv::handle::KeyVersion;
    use crate::providers::azure_kv::tags::Tags;

    /// A version called by one digit; a capital `K` means that it holds a key, a minus that it is
    /// disabled: `"1K"`, `"2-"`.
    fn version(text: &str, created: i64) -> Version {
        let mut tags = Tags::new();
        if text.contains('K') {
            tags.insert("key".to_owned(), String::new());
        }
        Version {
            id: KeyVersion::of("k", &text[..1]),
            created,
            enabled: !text.contains('-'),
            tags,
            public_key: None,
        }
    }

    fn standing(versions: &[(&str, i64)]) -> String {
        let versions: Vec<_> = versions
            .iter()
            .map(|(text, at)| version(text, *at))
            .collect();
        let digit = |version: &Version| version.id.version().to_owned();
        match Standing::of(&versions, |version| version.tags.contains_key("key")) {
            Standing::Nothing => "nothing".to_owned(),
            Standing::Withdrawn => "withdrawn".to_owned(),
            Standing::Unfinished(version) => format!("unfinished {}", digit(version)),
            Standing::Key {
                version,
                unfinished: None,
            } => digit(version),
            Standing::Key {
                version,
                unfinished: Some(older),
            } => format!("{} unless {}", digit(version), digit(older)),
        }
    }

    #[test]
    fn the_oldest_version_that_holds_a_key_is_the_key() {
        assert_eq!(standing(&[]), "nothing");
        assert_eq!(standing(&[("1K", 1)]), "1");
        assert_eq!(standing(&[("1K", 2), ("2K", 1)]), "2");
        assert_eq!(standing(&[("2K", 1), ("1K", 1)]), "1");
        assert_eq!(standing(&[("1K-", 1), ("2K", 2)]), "1");
    }

    #[test]
    fn an_older_version_without_a_key_may_yet_become_it() {
        assert_eq!(standing(&[("1", 1)]), "unfinished 1");
        assert_eq!(standing(&[("1", 1), ("2", 2)]), "unfinished 1");
        assert_eq!(standing(&[("1", 1), ("2K", 2)]), "2 unless 1");
        assert_eq!(standing(&[("1K", 1), ("2", 2)]), "1");
    }

    #[test]
    fn a_version_that_was_put_aside_counts_for_nothing() {
        assert_eq!(standing(&[("1-", 1), ("2K", 2)]), "2");
        assert_eq!(standing(&[("1-", 1), ("2", 2)]), "unfinished 2");
        assert_eq!(standing(&[("1-", 1)]), "withdrawn");
    }
}
