//! The calls to AWS KMS, one method each: paced, with a deadline, and made again when it is worth it.

mod answers;
mod client;
mod limited;
mod tries;
mod trust;

use std::sync::Arc;

use aws_sdk_kms::Client;
use aws_sdk_kms::operation::create_key::builders::CreateKeyFluentBuilder;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeySpec, KeyUsageType, MessageType, SigningAlgorithmSpec, Tag};
use parking_lot::RwLock;

use signer_cloud::{Pace, Trouble, in_doubt, told_that};
use signer_domain::ports::KeyProviderError;
use signer_domain::{Deadline, Digest, PublicKey, Signature};

use self::answers::{public_key_in, signature_in};
use self::tries::Repeat;
use super::arn::KeyArn;
use super::error::{Refusal, refusal};
use super::key_name::{KeyName, NAME_TAG};
use super::settings::DeletionWindow;

pub(super) use self::answers::{KeyDescription, KeyStanding};
pub(super) use self::client::{ATTEMPT_PATIENCE, Configured, default_region};

/// As many aliases as AWS lists at once. Without a limit it lists 50.
const ALIASES_A_PAGE: i32 = 100;

/// AWS KMS as this provider uses it.
pub(super) struct Service {
    configured: Configured,
    client: Arc<RwLock<Client>>,
    pace: Pace,
}

/// A part of a list, and where the next part begins.
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) next: Option<String>,
}

impl Service {
    /// A client with connections of its own. Calls nothing yet.
    pub(super) async fn connect(configured: Configured) -> Self {
        Self {
            client: Arc::new(RwLock::new(configured.connect().await)),
            pace: Pace::new(configured.limits()),
            configured,
        }
    }

    /// The same service for those who want signatures.
    pub(super) fn for_signatures(&self) -> Self {
        Self {
            configured: self.configured.clone(),
            client: Arc::clone(&self.client),
            pace: self.pace.for_signatures(),
        }
    }

    /// Connects anew, and reads with that the credentials of the machine and the certificates that it trusts:
    /// a client never looks again at files in which it has found some.
    pub(super) async fn renew(&self) {
        let renewed = self.configured.connect().await;
        *self.client.write() = renewed;
    }

    fn client(&self) -> Client {
        self.client.read().clone()
    }

    /// Looks at a key, by its ARN or by an alias; `None` when there is none to be seen.
    pub(super) async fn describe(
        &self,
        key: &str,
        deadline: Deadline,
    ) -> Result<Option<KeyDescription>, KeyProviderError> {
        let call = || self.client().describe_key().key_id(key);
        let described = self.repeated(deadline, || async {
            call().send().await.map_err(|error| refusal(&error))
        });
        match described.await {
            Ok(answer) => KeyDescription::read(answer.key_metadata()).map(Some),
            Err(Refusal::NotFound) => Ok(None),
            Err(refusal) => Err(refusal.told()),
        }
    }

    /// Makes a pair. Tried again only when AWS has certainly made none: there is no token by which it
    /// would recognise a second try. Calls `note_sending` right before each try is sent.
    pub(super) async fn create_key(
        &self,
        name: &KeyName,
        note_sending: impl Fn(),
        deadline: Deadline,
    ) -> Result<KeyArn, KeyProviderError> {
        let made = self.until_settled(Repeat::IfNothingHappened, deadline, || async {
            let creation = self.creation(name).map_err(Refusal::Final)?;
            note_sending();
            let made = creation.send().await;
            made.map_err(|error| refusal(&error))
        });
        let made = made.await.map_err(Refusal::told)?;
        let description = KeyDescription::read(made.key_metadata()).map_err(in_doubt)?;
        Ok(description.arn)
    }

    fn creation(&self, name: &KeyName) -> Result<CreateKeyFluentBuilder, KeyProviderError> {
        let mut creation = self
            .client()
            .create_key()
            .key_spec(KeySpec::EccNistEdwards25519)
            .key_usage(KeyUsageType::SignVerify)
            .description(format!("plexsphere-signer {}", name.as_str()));
        for (key, value) in name.tags() {
            let tag = Tag::builder().tag_key(key).tag_value(value).build();
            creation = creation.tags(tag.map_err(|error| KeyProviderError::Misconfigured {
                context: "writing the tags of a key",
                source: Some(error.into()),
            })?);
        }
        Ok(creation)
    }

    /// Gives a key its alias.
    pub(super) async fn create_alias(
        &self,
        alias: &str,
        key: &KeyArn,
        deadline: Deadline,
    ) -> Result<(), Refusal> {
        self.repeated(deadline, || async {
            let call = self.client().create_alias().alias_name(alias);
            let named = call.target_key_id(key.as_str()).send().await;
            named.map(drop).map_err(|error| refusal(&error))
        })
        .await
    }

    /// Reads the public half of a key.
    pub(super) async fn public_key(
        &self,
        key: &KeyArn,
        deadline: Deadline,
    ) -> Result<PublicKey, Refusal> {
        let answer = self.repeated(deadline, || async {
            let call = self.client().get_public_key().key_id(key.as_str());
            call.send().await.map_err(|error| refusal(&error))
        });
        public_key_in(&answer.await?).map_err(Refusal::Final)
    }

    /// Signs the digest as the message.
    pub(super) async fn sign(
        &self,
        key: &KeyArn,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Signature, Refusal> {
        let answer = self.repeated(deadline, || async {
            let call = self
                .client()
                .sign()
                .key_id(key.as_str())
                .message(Blob::new(digest.as_bytes().as_slice()))
                .message_type(MessageType::Raw)
                .signing_algorithm(SigningAlgorithmSpec::Ed25519Sha512);
            call.send().await.map_err(|error| refusal(&error))
        });
        signature_in(&answer.await?, key).map_err(Refusal::Final)
    }

    /// Disables a key.
    pub(super) async fn disable(&self, key: &KeyArn, deadline: Deadline) -> Result<(), Refusal> {
        self.repeated(deadline, || async {
            let disabled = self
                .client()
                .disable_key()
                .key_id(key.as_str())
                .send()
                .await;
            disabled.map(drop).map_err(|error| refusal(&error))
        })
        .await
    }

    /// Has a key deleted after `window`. That it is about to be already is as good.
    pub(super) async fn schedule_deletion(
        &self,
        key: &KeyArn,
        window: DeletionWindow,
        deadline: Deadline,
    ) -> Result<(), KeyProviderError> {
        let scheduled = self.repeated(deadline, || async {
            let call = self.client().schedule_key_deletion().key_id(key.as_str());
            let scheduled = call.pending_window_in_days(window.days()).send().await;
            scheduled.map(drop).map_err(|error| refusal(&error))
        });
        match scheduled.await {
            Ok(()) | Err(Refusal::InvalidState(_)) => Ok(()),
            Err(refusal) => Err(refusal.told()),
        }
    }

    /// Lists the aliases that name a key, and the ids of those keys.
    pub(super) async fn aliases(
        &self,
        from: Option<&str>,
        deadline: Deadline,
    ) -> Result<Page<(String, String)>, Refusal> {
        let answer = self.repeated(deadline, || async {
            let call = self.client().list_aliases().limit(ALIASES_A_PAGE);
            let call = call.set_marker(from.map(str::to_owned));
            call.send().await.map_err(|error| refusal(&error))
        });
        let answer = answer.await?;
        let aliases = answer.aliases.as_deref().ok_or_else(no_list)?;
        let named = aliases.iter().filter_map(|alias| {
            let target = alias.target_key_id()?;
            // A key that has a nameless alias has an alias all the same.
            let name = alias.alias_name().unwrap_or_default();
            Some((name.to_owned(), target.to_owned()))
        });
        Ok(Page {
            items: named.collect(),
            next: answer.next_marker().map(str::to_owned),
        })
    }

    /// Lists the keys of account and region, `most` at a time.
    pub(super) async fn keys(
        &self,
        from: Option<&str>,
        most: i32,
        deadline: Deadline,
    ) -> Result<Page<KeyArn>, Refusal> {
        let answer = self.repeated(deadline, || async {
            let call = self.client().list_keys().limit(most);
            let listed = call.set_marker(from.map(str::to_owned)).send().await;
            listed.map_err(|error| refusal(&error))
        });
        let answer = answer.await?;
        let keys = answer.keys.as_deref().ok_or_else(no_list)?;
        let arns = keys.iter().map(|key| {
            key.key_arn().and_then(KeyArn::parse).ok_or_else(|| {
                let cause = told_that("a key in the list has no ARN of a key");
                Refusal::Trouble(Trouble::Unexpected, cause)
            })
        });
        Ok(Page {
            items: arns.collect::<Result<_, _>>()?,
            next: answer.next_marker().map(str::to_owned),
        })
    }

    /// Reads the tag by which a key of ours is known; `None` when it has none, or will not tell us.
    pub(super) async fn name_tag(
        &self,
        key: &KeyArn,
        deadline: Deadline,
    ) -> Result<Option<String>, Refusal> {
        let answer = self.repeated(deadline, || async {
            // AWS allows 50 tags and lists as many at once.
            let call = self
                .client()
                .list_resource_tags()
                .key_id(key.as_str())
                .limit(50);
            call.send().await.map_err(|error| refusal(&error))
        });
        match answer.await {
            Ok(answer) => {
                let mut tags = answer.tags.as_deref().ok_or_else(no_list)?.iter();
                let named = tags.find(|tag| tag.tag_key() == NAME_TAG);
                Ok(named.map(|tag| tag.tag_value().to_owned()))
            }
            // It was deleted meanwhile, or belongs to somebody who keeps us out, as no key of ours does.
            Err(Refusal::NotFound | Refusal::DeniedByKey(_)) => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }
}

/// An answer without a list is none of AWS's, and must not be taken for an empty one.
fn no_list() -> Refusal {
    Refusal::Trouble(
        Trouble::Unexpected,
        told_that("an answer that is a list has none"),
    )
}
