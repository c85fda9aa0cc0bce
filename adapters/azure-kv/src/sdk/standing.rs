//! Which version of a vault key is the key.
//!
//! A vault makes another version when a key is made under a name that is taken, and says nothing. So
//! two custodians that make a key of one name at the same moment make two versions, and both must then
//! settle on the same one: the oldest that holds a key.
//!
//! A version whose maker seems to be dead is never completed by another: its own key may still be on the
//! way, and would take the place of the other. It is disabled, and the version that is made instead of
//! it names it. It counts for nothing from then on, also when its maker's key arrives in the end.

use super::tags::is_instead_of;
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
        let counts = |version: &&Version| version.enabled || !is_replaced(version, versions);
        let mut by_age: Vec<&Version> = versions.iter().filter(counts).collect();
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

/// Whether another version is there instead of this one.
fn is_replaced(version: &Version, versions: &[Version]) -> bool {
    versions
        .iter()
        .any(|other| other.id != version.id && is_instead_of(&other.tags, version.id.version()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdk::handle::KeyVersion;
    use crate::sdk::tags::{Tags, instead_of};

    /// A version called by one digit; a capital `K` means that it holds a key, a minus that it is
    /// disabled, and digits behind a slash are those it is there instead of: `"1K"`, `"2-"`, `"3/12"`.
    fn version(text: &str, created: i64) -> Version {
        let mut tags = Tags::new();
        if text.contains('K') {
            tags.insert("key".to_owned(), String::new());
        }
        if let Some((_, others)) = text.split_once('/') {
            let others = (0..others.len()).map(|index| &others[index..=index]);
            tags = instead_of(tags, others);
        }
        Version {
            id: KeyVersion::of("k", &text[..1]),
            created,
            enabled: !text.contains('-'),
            tags,
            public_key: None,
            wrapping: None,
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

    #[test]
    fn a_version_that_was_replaced_counts_for_nothing_when_its_key_arrives_late() {
        assert_eq!(standing(&[("1K-", 1), ("2K/1", 2)]), "2");
        assert_eq!(standing(&[("1K-", 1), ("2/1", 2)]), "unfinished 2");
        assert_eq!(standing(&[("1K-", 1), ("2-/1", 2), ("3K/12", 3)]), "3");
        // The key was retired, and is not made anew by a rotation.
        assert_eq!(standing(&[("1K-", 1), ("2K-/1", 2), ("3K/1", 3)]), "2");
    }

    #[test]
    fn a_version_that_stays_enabled_was_not_replaced() {
        assert_eq!(standing(&[("1K", 1), ("2/1", 2)]), "1");
        assert_eq!(standing(&[("1", 1), ("2/1", 2)]), "unfinished 1");
    }
}
