//! Keys of ours that no alias names: what is left when an answer was lost, or the process died, between
//! the making of a key and its naming.
//!
//! AWS cannot be asked for the key that bears a tag. A search lists the aliases, then the keys, and reads
//! the tags of those keys that have no alias, which are few: a key that was acknowledged always has one.
//! That one it remembers, because AWS may not follow it yet when it is asked for the key of an alias.
//! Even so a search takes a call for every hundred keys of the account, so its result is kept, and a
//! search that a deadline cuts short goes on where it was when it is needed again.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use tokio::sync::Mutex;

use signer_domain::Deadline;
use signer_domain::ports::KeyProviderError;

use super::arn::KeyArn;
use super::error::Refusal;
use super::key_name::KeyName;
use super::service::Service;

/// As many keys as AWS lists at once.
const KEYS_A_PAGE: i32 = 1000;

/// The latest search, and the one under way.
#[derive(Default)]
pub(super) struct Leftovers(Mutex<Searches>);

#[derive(Default)]
struct Searches {
    complete: Option<Found>,
    under_way: Option<Search>,
}

/// What a search has found: the nameless keys of each name, and the keys that aliases name.
struct Found {
    begun: Instant,
    keys: HashMap<String, Vec<KeyArn>>,
    aliases: HashMap<String, String>,
}

/// What a search has found for one name.
#[derive(Debug, Default)]
pub(super) struct Traces {
    /// The id of the key that bears the alias. AWS may list an alias before it follows it.
    pub(super) named: Option<String>,
    /// The keys that bear the tag and no alias at all.
    pub(super) nameless: Vec<KeyArn>,
}

impl Traces {
    /// Whether there are none.
    pub(super) const fn is_empty(&self) -> bool {
        self.named.is_none() && self.nameless.is_empty()
    }
}

impl Leftovers {
    /// What there is of this name, as a search saw it that began at `since` or later.
    pub(super) async fn of(
        &self,
        name: &KeyName,
        since: Instant,
        service: &Service,
        deadline: Deadline,
    ) -> Result<Traces, KeyProviderError> {
        let mut searches = self.0.lock().await;
        let keys_in = |found: &Found| found.of(name);
        match &searches.complete {
            Some(found) if found.begun >= since => return Ok(keys_in(found)),
            Some(_) | None => {}
        }
        if searches
            .under_way
            .as_ref()
            .is_none_or(|search| search.begun < since)
        {
            searches.under_way = Some(Search::begin());
        }
        let outcome = match &mut searches.under_way {
            Some(search) => search.finish(service, deadline).await,
            None => Ok(()),
        };
        match outcome {
            Ok(()) => {}
            Err(Refusal::InvalidMarker) => {
                // It took so long that AWS has forgotten it.
                searches.under_way = None;
                return Err(Refusal::InvalidMarker.told());
            }
            Err(refusal) => return Err(refusal.told()),
        }
        searches.complete = searches.under_way.take().map(Search::found);
        Ok(searches.complete.as_ref().map(keys_in).unwrap_or_default())
    }
}

/// A search on its way.
struct Search {
    begun: Instant,
    step: Step,
    /// The ids of the keys that have an alias.
    aliased: HashSet<String>,
    /// The aliases that look like ours, and the ids of their keys.
    aliases: HashMap<String, String>,
    /// Keys without one, whose tags are still to be read.
    nameless: Vec<KeyArn>,
    found: HashMap<String, Vec<KeyArn>>,
}

/// What comes next. Aliases are listed before keys: a key that is made and named in between is then taken
/// for a nameless one, which the attempt to name it puts right; the other way round a nameless key
/// could be missed.
enum Step {
    Aliases(Option<String>),
    Keys(Option<String>),
    Tags,
}

impl Search {
    fn begin() -> Self {
        Self {
            begun: Instant::now(),
            step: Step::Aliases(None),
            aliased: HashSet::new(),
            aliases: HashMap::new(),
            nameless: Vec::new(),
            found: HashMap::new(),
        }
    }

    /// Goes on to the end. After an error it goes on from there when it is called again.
    async fn finish(&mut self, service: &Service, deadline: Deadline) -> Result<(), Refusal> {
        loop {
            self.step = match &self.step {
                Step::Aliases(from) => {
                    let page = service.aliases(from.as_deref(), deadline).await?;
                    for (alias, key) in page.items {
                        self.aliased.insert(key.clone());
                        if KeyName::may_be_alias(&alias) {
                            self.aliases.insert(alias, key);
                        }
                    }
                    page.next
                        .map_or(Step::Keys(None), |next| Step::Aliases(Some(next)))
                }
                Step::Keys(from) => {
                    let page = service.keys(from.as_deref(), KEYS_A_PAGE, deadline).await?;
                    let keys = page.items.into_iter();
                    let nameless = keys.filter(|key| !self.aliased.contains(key.id()));
                    self.nameless.extend(nameless);
                    page.next.map_or(Step::Tags, |next| Step::Keys(Some(next)))
                }
                Step::Tags => break,
            };
        }
        while let Some(key) = self.nameless.last() {
            let name = service.name_tag(key, deadline).await?;
            if let (Some(key), Some(name)) = (self.nameless.pop(), name) {
                self.found.entry(name).or_default().push(key);
            }
        }
        Ok(())
    }

    fn found(self) -> Found {
        Found {
            begun: self.begun,
            keys: self.found,
            aliases: self.aliases,
        }
    }
}

impl Found {
    fn of(&self, name: &KeyName) -> Traces {
        Traces {
            named: self.aliases.get(&name.alias()).cloned(),
            nameless: self.keys.get(name.as_str()).cloned().unwrap_or_default(),
        }
    }
}
