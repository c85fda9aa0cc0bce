//! What the clients asked for, and what they were told.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::Value;
use signer_test_support::{PublishedKey, Random};

/// How far a change has come, as far as its client knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    NotAsked,
    Asked,
    Acknowledged,
}

/// All that is known of one key.
#[derive(Debug, Clone)]
pub(crate) struct Fate {
    pub(crate) generated: Progress,
    /// Whether somebody was told that this very request made the key.
    is_created: bool,
    public_key: Option<String>,
    pub(crate) retired: Progress,
    /// Until when a signature of the key may be asked for with success.
    retired_at: Option<Instant>,
}

/// All keys that were ever asked for, by their handle.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    fates: BTreeMap<String, Fate>,
    keys: Vec<PublishedKey>,
    /// What was acknowledged since the last restart.
    pub(crate) news: Vec<PublishedKey>,
}

impl Ledger {
    /// Notes that a key is about to be asked for.
    pub(crate) fn ask_to_generate(&mut self, handle: &str) {
        let fate = Fate {
            generated: Progress::Asked,
            is_created: false,
            public_key: None,
            retired: Progress::NotAsked,
            retired_at: None,
        };
        self.fates.entry(handle.to_owned()).or_insert(fate);
    }

    /// Notes the answer to a request for a key.
    pub(crate) fn acknowledge_generate(&mut self, document: &Value, is_created: bool) {
        let key = PublishedKey::of(document);
        let fate = self.fates.get_mut(&key.handle_id).unwrap();
        assert!(
            !(fate.is_created && is_created),
            "made twice: {document}, {fate:?}"
        );
        fate.is_created |= is_created;
        if !fate.has_public_key(&key) {
            self.news.push(key);
        }
    }

    /// Notes that a key is about to be retired.
    pub(crate) fn ask_to_retire(&mut self, handle: &str) {
        let fate = self.fates.get_mut(handle).unwrap();
        if fate.retired == Progress::NotAsked {
            fate.retired = Progress::Asked;
        }
    }

    /// Notes the answer to a request to retire a key.
    pub(crate) fn acknowledge_retire(&mut self, key: &PublishedKey) {
        let fate = self.fates.get_mut(&key.handle_id).unwrap();
        fate.retired = Progress::Acknowledged;
        fate.retired_at.get_or_insert_with(Instant::now);
        self.news.push(key.clone());
    }

    /// Any key that was acknowledged, retired or not.
    pub(crate) fn any(&self, random: &mut Random) -> Option<PublishedKey> {
        let known = if self.news.is_empty() || random.below(4) == 0 {
            &self.keys
        } else {
            &self.news
        };
        (!known.is_empty()).then(|| random.choose(known).clone())
    }

    /// The key with this handle, once it was acknowledged.
    pub(crate) fn find(&self, handle: &str) -> Option<PublishedKey> {
        let fate = self.fates.get(handle)?;
        Some(PublishedKey {
            handle_id: handle.to_owned(),
            public_key: fate.public_key.clone()?,
        })
    }

    pub(crate) fn retired(&self, handle: &str) -> Progress {
        self.fates[handle].retired
    }

    /// Whether a key that was asked at `asked` may have signed.
    pub(crate) fn may_have_signed(&self, handle: &str, asked: Instant) -> bool {
        let retired_at = self.fates[handle].retired_at;
        retired_at.is_none_or(|retired_at| retired_at > asked)
    }

    /// Keys that were asked for and never acknowledged.
    pub(crate) fn unanswered(&self) -> Vec<String> {
        let asked = self.fates.iter();
        asked
            .filter(|(_, fate)| fate.generated == Progress::Asked)
            .map(|(handle, _)| handle.clone())
            .collect()
    }

    /// How many keys, and how many retired ones, were acknowledged.
    pub(crate) fn acknowledged(&self) -> (usize, usize) {
        let count = |counts: fn(&Fate) -> Progress| {
            let fates = self.fates.values();
            fates
                .filter(|fate| counts(fate) == Progress::Acknowledged)
                .count()
        };
        (count(|fate| fate.generated), count(|fate| fate.retired))
    }

    /// Compares everything that was acknowledged with everything there is, and takes note of what
    /// was done without being acknowledged.
    pub(crate) fn settle(&mut self, documents: &[Value]) {
        let mut missing: BTreeMap<&String, &Fate> = self.fates.iter().collect();
        for document in documents {
            let key = PublishedKey::of(document);
            assert!(
                missing.remove(&key.handle_id).is_some(),
                "not asked for: {document}"
            );
        }
        for (handle, fate) in missing {
            assert_eq!(fate.generated, Progress::Asked, "lost: {handle}, {fate:?}");
        }
        self.keys.clear();
        for document in documents {
            let key = PublishedKey::of(document);
            let fate = self.fates.get_mut(&key.handle_id).unwrap();
            fate.has_public_key(&key);
            fate.settle(document);
            self.keys.push(key);
        }
    }

    /// Forgets which keys the last restart concerned.
    pub(crate) fn begin_round(&mut self) {
        self.news.clear();
    }
}

impl Fate {
    /// Notes the public key of a key that is there; whether it was known before.
    fn has_public_key(&mut self, key: &PublishedKey) -> bool {
        let known = self.public_key.replace(key.public_key.clone());
        let was_known = known.is_some();
        let before = known.unwrap_or_else(|| key.public_key.clone());
        assert_eq!(
            before, key.public_key,
            "{} is another key now",
            key.handle_id
        );
        self.generated = Progress::Acknowledged;
        was_known
    }

    fn settle(&mut self, document: &Value) {
        let is_retired = match document["state"].as_str().unwrap() {
            "active" => false,
            "retired" => true,
            _ => panic!("{document}"),
        };
        assert_eq!(document["valid_until"].is_null(), !is_retired, "{document}");
        match self.retired {
            Progress::NotAsked => assert!(!is_retired, "retired by nobody: {document}"),
            Progress::Acknowledged => assert!(is_retired, "a retirement was lost: {document}"),
            Progress::Asked if is_retired => {
                self.retired = Progress::Acknowledged;
                self.retired_at = Some(Instant::now());
            }
            Progress::Asked => self.retired = Progress::NotAsked,
        }
    }
}
