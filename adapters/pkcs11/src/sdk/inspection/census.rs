//! How many keys of ours a token holds.

use std::collections::{HashMap, HashSet};
use std::fmt;

use cryptoki::object::ObjectClass;

use crate::sdk::desk::{Desk, Named};
use crate::sdk::error::Fault;
use crate::sdk::label::Label;

/// The keys under our prefix, the sentinel not counted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Census {
    live: usize,
    retired: usize,
    broken: Vec<String>,
    /// The labels under which there is a private half.
    with_private: HashSet<Vec<u8>>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Halves {
    private: usize,
    public: usize,
}

impl Census {
    /// Counts, by looking at every Edwards key of the token.
    pub(super) fn take(desk: &Desk<'_>) -> Result<Self, Fault> {
        let labels = &desk.token.settings.labels;
        let sentinel = labels.of_sentinel();
        let mut halves: HashMap<Vec<u8>, Halves> = HashMap::new();
        for Named { class, label } in desk.list()? {
            if !labels.covers(&label) || label == sentinel.as_bytes() {
                continue;
            }
            let halves = halves.entry(label).or_default();
            match class {
                Some(ObjectClass::PRIVATE_KEY) => halves.private += 1,
                _ => halves.public += 1,
            }
        }
        Ok(Self::of(halves))
    }

    fn of(halves: HashMap<Vec<u8>, Halves>) -> Self {
        let mut census = Self::default();
        for (label, Halves { private, public }) in halves {
            if private > 0 {
                census.with_private.insert(label.clone());
            }
            match (private, public) {
                (1, 1) => census.live += 1,
                (0, 1) => census.retired += 1,
                _ => census.broken.push(format!(
                    "{} (private halves: {private}, public halves: {public})",
                    String::from_utf8_lossy(&label)
                )),
            }
        }
        census.broken.sort_unstable();
        census
    }

    /// Whether there is a private half under this label.
    pub(super) fn has_private(&self, label: &Label) -> bool {
        self.with_private.contains(label.as_bytes())
    }

    /// Whether the token holds nothing of ours.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Refuses a token in which a label does not name one pair.
    pub(super) fn require_unique(&self) -> Result<(), Fault> {
        if self.broken.is_empty() {
            return Ok(());
        }
        Err(Fault::misconfigured(
            "counting the keys of the token",
            format!(
                "these labels do not name exactly one pair: {}",
                self.broken.join(", ")
            ),
        ))
    }
}

impl fmt::Display for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} live, {} retired", self.live, self.retired)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn census(halves: &[(&str, usize, usize)]) -> Census {
        let halves = halves.iter().map(|(label, private, public)| {
            let halves = Halves {
                private: *private,
                public: *public,
            };
            (label.as_bytes().to_vec(), halves)
        });
        Census::of(halves.collect())
    }

    #[test]
    fn tells_pairs_and_tombstones_apart_and_names_what_is_neither() {
        let found = census(&[("a", 1, 1), ("b", 1, 1), ("c", 0, 1)]);
        assert_eq!(found.to_string(), "2 live, 1 retired");
        found.require_unique().unwrap();
        let found = census(&[("a", 2, 2), ("b", 1, 0), ("c", 1, 1)]);
        let refusal = format!("{:?}", found.require_unique().unwrap_err());
        let named = "exactly one pair: a (private halves: 2, public halves: 2), b (private halves: 1, public halves: 0)";
        assert!(refusal.contains(named), "{refusal}");
        assert!(census(&[]).is_empty());
        assert!(!census(&[("a", 0, 1)]).is_empty());
    }
}
