//! How a pair is made once and no more, whatever becomes of answers and processes.
//!
//! `CreateKey` has no token by which AWS would know a second call for the first one again, so the order
//! of steps carries the promise. The alias names the key, and AWS lets one key have it. A name without an
//! alias may still have a key, made by a call whose answer was lost or by a process that died before the
//! naming. Such a key bears our tag from its first moment, and is looked for where it may be there:
//!
//! - once in the life of a process, because what earlier ones left is not known;
//! - for a name whose `CreateKey` came to no certain end in this process;
//! - for every name that `locate` is asked about, because somebody doubts.
//!
//! In doubt "nothing found" is believed only of a search that began a while after the last call that might
//! have made a key: AWS shows new keys late.
//!
//! An alias proves nothing by itself: whoever may name keys can point ours at a key of another owner. So
//! the key that our alias names is adopted only when it bears our tag as well, and no key is adopted whose
//! private half was imported.
//!
//! A key is acknowledged only after its alias is there. A key that bears our tag and not its alias was
//! therefore never acknowledged, so of several for one name all but one can go.

use std::time::{Duration, Instant};

use signer_cloud::{Trouble, in_doubt, leaves_doubt, told_that, until_there};
use signer_domain::ports::{GeneratedKey, KeyProviderError};
use signer_domain::{Deadline, ErrorChain};

use super::arn::KeyArn;
use super::error::Refusal;
use super::key_name::KeyName;
use super::leftovers::Traces;
use super::memory::AwsKmsMemory;
use super::service::{ATTEMPT_PATIENCE, KeyDescription, KeyStanding, Service};
use super::settings::DeletionWindow;

/// How long after the last moment at which a key may have been made it is surely to be seen in a list.
const SETTLING: Duration = Duration::from_secs(3);

/// What making and finding pairs needs.
pub(super) struct Generation<'p> {
    pub(super) service: &'p Service,
    pub(super) memory: &'p AwsKmsMemory,
    pub(super) name: &'p KeyName,
    pub(super) deadline: Deadline,
}

impl Generation<'_> {
    /// The pair of this name, made if there is none.
    ///
    /// # Errors
    /// As [`generate`](signer_domain::ports::KeyProvider::generate) says.
    pub(super) async fn generate(&self) -> Result<GeneratedKey, KeyProviderError> {
        let key = match self.standing().await? {
            Some(key) => key,
            None => self.make().await?,
        };
        // There is a key from here on.
        let generated = self.acknowledged(&key).await.map_err(in_doubt)?;
        self.memory.end_doubt(self.name.as_str());
        Ok(generated)
    }

    /// The pair of this name, if there is one, looked for as if a call had been lost.
    ///
    /// # Errors
    /// As [`locate`](signer_domain::ports::KeyProvider::locate) says.
    pub(super) async fn locate(&self) -> Result<Option<GeneratedKey>, KeyProviderError> {
        // Stays when this is not answered: the next `generate` for the name is then in doubt as well.
        self.memory.inherit_doubt(self.name.as_str());
        let located = match self.standing().await? {
            Some(key) => Some(self.acknowledged(&key).await?),
            None => None,
        };
        self.memory.end_doubt(self.name.as_str());
        Ok(located)
    }

    /// The key that has our alias, or gets it because it bears our tag.
    async fn standing(&self) -> Result<Option<KeyArn>, KeyProviderError> {
        if let Some(named) = self.look(&self.name.alias()).await? {
            return self.ours(&named).await.map(Some);
        }
        let traces = self.traces().await?;
        if let Some(key) = &traces.named {
            let named = until_there(self.deadline, || self.look(key)).await;
            let Some(named) = named.map_err(in_doubt)? else {
                // The search may be an old one, and its key gone since: the next call makes another.
                self.memory.begin_doubt(self.name.as_str(), Instant::now());
                return Err(not_seen_yet());
            };
            return self.ours(&named).await.map(Some);
        }
        if let Some(adopted) = self.adopt(traces.nameless).await? {
            return Ok(Some(adopted));
        }
        // The alias may have come to be seen while the search went past it.
        match self.look(&self.name.alias()).await? {
            Some(named) => self.ours(&named).await.map(Some),
            None => Ok(None),
        }
    }

    /// The key that our alias names, if a custodian made it and it can be used.
    async fn ours(&self, named: &KeyDescription) -> Result<KeyArn, KeyProviderError> {
        let context = if !named.is_of_our_kind {
            "reading the key that our alias names: it is no Ed25519 signing key"
        } else if !named.is_made_in_kms {
            "adopting the key that our alias names: it was not made in AWS KMS; remove the alias"
        } else if !self.is_tagged(&named.arn).await? {
            "adopting the key that our alias names: it does not bear our tag, so no custodian made \
             it; remove the alias"
        } else {
            return usable(named);
        };
        let source = told_that(named.arn.as_str());
        Err(KeyProviderError::Misconfigured {
            context,
            source: Some(source),
        })
    }

    /// Whether a key bears the tag of this name. The tag of a key that another custodian made a moment
    /// ago may come to be seen late.
    async fn is_tagged(&self, key: &KeyArn) -> Result<bool, KeyProviderError> {
        if self.memory.has_made(key) {
            return Ok(true);
        }
        let patience = Deadline::after(SETTLING.min(self.deadline.remaining() / 2));
        let tag = until_there(patience, || async {
            let tag = self.service.name_tag(key, self.deadline).await;
            tag.map_err(Refusal::told)
        });
        Ok(tag.await?.is_some_and(|tag| tag == self.name.as_str()))
    }

    /// What a search finds of this name.
    async fn traces(&self) -> Result<Traces, KeyProviderError> {
        let leftovers = self.memory.leftovers();
        let of = |since| leftovers.of(self.name, since, self.service, self.deadline);
        let Some(doubtful_since) = self.memory.doubt(self.name.as_str()) else {
            return of(self.memory.began()).await;
        };
        let found = of(doubtful_since.min(Instant::now())).await?;
        if !found.is_empty() {
            return Ok(found);
        }
        let settled = doubtful_since + SETTLING;
        let wait = settled.saturating_duration_since(Instant::now());
        if wait >= self.deadline.remaining() {
            let sentence = "whether an earlier call has made the key is not to be seen yet";
            return Err(in_doubt(Trouble::Silent.because(told_that(sentence))));
        }
        tokio::time::sleep(wait).await;
        of(settled).await
    }

    /// Names the oldest of these keys, and has the others deleted.
    async fn adopt(&self, nameless: Vec<KeyArn>) -> Result<Option<KeyArn>, KeyProviderError> {
        let (mut candidates, mut is_retired) = (Vec::new(), false);
        for key in nameless {
            let Some(described) = self.look(key.as_str()).await? else {
                let sentence = "a key that is in the list is not to be seen yet";
                return Err(in_doubt(Trouble::Failing.because(told_that(sentence))));
            };
            if !described.is_of_our_kind || !described.is_made_in_kms {
                tracing::warn!(key = %key.as_str(), "a key that no custodian made bears our tag");
                continue;
            }
            match described.standing {
                // Whoever scheduled it gave it up: it lost against another key of this name.
                KeyStanding::PendingDeletion => {}
                KeyStanding::Disabled => is_retired = true,
                KeyStanding::Enabled => candidates.push((described.created, key)),
                KeyStanding::Unavailable => return Err(not_usable_now()),
            }
        }
        candidates.sort();
        let Some((_, oldest)) = candidates.first() else {
            return if is_retired {
                Err(KeyProviderError::KeyRetired)
            } else {
                Ok(None)
            };
        };
        let named = self.give_name(oldest).await.map_err(in_doubt)?;
        tracing::info!(key = %named.as_str(), "adopted a key whose making had not been answered");
        for (_, key) in candidates.iter().filter(|(_, key)| *key != named) {
            self.give_up(key).await;
        }
        Ok(Some(named))
    }

    /// Makes a pair and names it. From the first step on, every way out but success leaves a doubt.
    async fn make(&self) -> Result<KeyArn, KeyProviderError> {
        let name = self.name.as_str();
        // Before each try and not afterwards: the call may be abandoned at any point, and the wait for
        // a try may be long.
        let note_sending = || {
            let end_of_try = Instant::now() + ATTEMPT_PATIENCE;
            self.memory.begin_doubt(name, end_of_try);
        };
        let creation = self
            .service
            .create_key(self.name, note_sending, self.deadline);
        let made = match creation.await {
            Ok(made) => made,
            Err(error) if leaves_doubt(&error) => {
                self.memory.begin_doubt(name, Instant::now());
                return Err(error);
            }
            Err(error) => {
                self.memory.end_doubt(name);
                return Err(error);
            }
        };
        self.memory.made(&made);
        self.memory.home(Some(&made));
        self.memory.begin_doubt(name, Instant::now());
        let named = self.give_name(&made).await.map_err(in_doubt)?;
        if named != made {
            tracing::info!(key = %named.as_str(), "another custodian has made this key meanwhile");
            self.give_up(&made).await;
        }
        Ok(named)
    }

    /// Gives a key our alias, unless another one has it. The key that has it then.
    async fn give_name(&self, key: &KeyArn) -> Result<KeyArn, KeyProviderError> {
        let alias = self.name.alias();
        let named = until_there(self.deadline, || async {
            match self.service.create_alias(&alias, key, self.deadline).await {
                Ok(()) => Ok(Some(Naming::Ours)),
                Err(Refusal::AlreadyExists) => Ok(Some(Naming::Taken)),
                // AWS does not show the new key everywhere yet.
                Err(Refusal::NotFound) => Ok(None),
                Err(refusal) => Err(refusal.told()),
            }
        });
        match named.await?.ok_or_else(not_seen_yet)? {
            Naming::Ours => Ok(key.clone()),
            Naming::Taken => {
                // `key` is there, whatever becomes of the look at the other one.
                let holder = until_there(self.deadline, || self.look(&alias)).await;
                let holder = holder.map_err(in_doubt)?.ok_or_else(not_seen_yet)?;
                self.ours(&holder).await.map_err(in_doubt)
            }
        }
    }

    /// Has a key deleted that was never acknowledged. It does no harm if that fails.
    async fn give_up(&self, key: &KeyArn) {
        let window = DeletionWindow::SHORTEST;
        let arn = key.as_str();
        match self
            .service
            .schedule_deletion(key, window, self.deadline)
            .await
        {
            Ok(()) => tracing::warn!(
                key = %arn,
                days = window.days(),
                "scheduled the deletion of a second key for one name; it was never in use"
            ),
            Err(error) => tracing::warn!(
                key = %arn,
                cause = %ErrorChain::of(&error),
                "there is a second key for one name, never in use; schedule its deletion"
            ),
        }
    }

    /// Reads the public half, which makes the pair known.
    async fn acknowledged(&self, key: &KeyArn) -> Result<GeneratedKey, KeyProviderError> {
        let read = until_there(self.deadline, || async {
            match self.service.public_key(key, self.deadline).await {
                Ok(public_key) => Ok(Some(public_key)),
                Err(Refusal::NotFound) => Ok(None),
                Err(Refusal::Disabled) => Err(KeyProviderError::KeyRetired),
                Err(refusal) => Err(in_doubt(refusal.told())),
            }
        });
        Ok(GeneratedKey {
            handle_id: key.handle()?,
            public_key: read.await?.ok_or_else(not_seen_yet)?,
        })
    }

    async fn look(&self, key: &str) -> Result<Option<KeyDescription>, KeyProviderError> {
        let described = self.service.describe(key, self.deadline).await?;
        if let Some(described) = &described {
            self.memory.home(Some(&described.arn));
        }
        Ok(described)
    }
}

/// What became of an attempt to name a key.
enum Naming {
    Ours,
    Taken,
}

/// A key of ours, if it can be used.
fn usable(named: &KeyDescription) -> Result<KeyArn, KeyProviderError> {
    match named.standing {
        KeyStanding::Disabled | KeyStanding::PendingDeletion => Err(KeyProviderError::KeyRetired),
        KeyStanding::Enabled => Ok(named.arn.clone()),
        KeyStanding::Unavailable => Err(not_usable_now()),
    }
}

fn not_usable_now() -> KeyProviderError {
    in_doubt(Trouble::Failing.because(told_that("the key is there and cannot be used yet")))
}

fn not_seen_yet() -> KeyProviderError {
    let sentence = "what was made a moment ago is not to be seen yet";
    in_doubt(Trouble::Silent.because(told_that(sentence)))
}
