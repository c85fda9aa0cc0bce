//! The calls to one vault, each within the limits and its deadline.

mod sealed_body;
mod version;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use azure_core::error::ErrorKind;
use azure_core::http::{ClientOptions, RequestContent, RetryOptions, Transport};
use azure_security_keyvault_keys::models::{
    CreateKeyParameters, KeyAttributes, KeyClientGetKeyOptions, KeyClientSignOptions,
    KeyClientUpdateKeyPropertiesOptions, KeyClientWrapKeyOptions, KeyProperties, SignParameters,
    SignatureAlgorithm, UpdateKeyPropertiesParameters,
};
use azure_security_keyvault_keys::{KeyClient, KeyClientOptions};
use backon::{BackoffBuilder as _, ExponentialBuilder};
use futures_util::TryStreamExt as _;

use signer_cloud::{Pace, told};
use signer_domain::ports::KeyProviderError;
use signer_domain::{Deadline, Digest, Signature};
use signer_key_pair::LentKey;

use self::sealed_body::{key_in, seal_request, unseal_request};
use super::clients::Clients;
use super::error::{Refusal, misconfigured, unexpected};
use super::handle::KeyVersion;
use super::settings::AzureKvSettings;
use super::tags::Tags;
use super::transport::LimitedTransport;

pub(super) use self::version::Version;

/// How long a connection may take to be made.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);
/// The most pages of versions of one key: far more than anybody has.
const MOST_PAGES: usize = 40;

/// A vault, and how it is called.
pub(super) struct Vault {
    clients: Arc<Clients>,
    pace: Pace,
}

/// What a call does, and with that whether it may be made once more after it failed on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// Nothing: it may be made again.
    None,
    /// What it does a second time is done already, so it may be made again. A try that failed may have
    /// done it all the same.
    Same,
    /// It would do it a second time, so it is made once.
    Another,
}

impl Vault {
    /// Makes a client. Nothing is called yet.
    ///
    /// # Errors
    /// When the machine has no certificates to trust, or the credentials are not whole.
    pub(super) fn open(
        settings: &AzureKvSettings,
        http: reqwest::ClientBuilder,
    ) -> Result<Self, KeyProviderError> {
        let http = http
            .connect_timeout(CONNECT_PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|cause| misconfigured("preparing TLS connections", told(&cause)))?;
        let transport = Transport::new(Arc::new(LimitedTransport(http)));
        let options = move || ClientOptions {
            transport: Some(transport.clone()),
            // Calls are repeated here, where it is known which of them may be.
            retry: RetryOptions::none(),
            ..ClientOptions::default()
        };
        let only_for = settings.token_resource.as_ref();
        let credentials = &settings.credentials;
        let credential = credentials.open(options(), only_for).map_err(|cause| {
            misconfigured("preparing to sign in to the key service", told(&cause))
        })?;
        // Where the operator names the service, the credential asks for tokens of no other.
        let verify = only_for.is_none();
        let url = settings.vault.as_str().to_owned();
        let make = move || {
            let options = KeyClientOptions {
                verify_challenge_resource: Some(verify),
                client_options: options(),
                ..KeyClientOptions::default()
            };
            KeyClient::new(&url, Arc::clone(&credential), Some(options))
        };
        let clients = Clients::new(Box::new(make))
            .map_err(|cause| misconfigured("preparing the client of the vault", told(&cause)))?;
        Ok(Self {
            clients: Arc::new(clients),
            pace: Pace::new(settings.limits),
        })
    }

    /// The same vault for those who want signatures.
    pub(super) fn for_signatures(&self) -> Self {
        Self {
            clients: Arc::clone(&self.clients),
            pace: self.pace.for_signatures(),
        }
    }

    /// All versions of the key called `name`; none when there is no such key.
    pub(super) async fn versions(
        &self,
        name: &str,
        deadline: Deadline,
    ) -> Result<Vec<Version>, KeyProviderError> {
        let list = |client: Arc<KeyClient>| async move {
            let pages = client.list_key_properties_versions(name, None)?;
            let mut pages = pages.into_pages();
            let mut found: Vec<KeyProperties> = Vec::new();
            for _ in 0..MOST_PAGES {
                match pages.try_next().await? {
                    Some(page) => {
                        require_list(page.body())?;
                        found.extend(page.into_model()?.value);
                    }
                    None => return Ok(found),
                }
            }
            // The oldest one counts, so a list without its end is worth nothing.
            Err(azure_core::Error::with_message(
                ErrorKind::DataConversion,
                "the list of the versions of a key does not end",
            ))
        };
        let listed = match self.call(Effect::None, deadline, list).await {
            Err(Refusal::NotFound) => return Ok(Vec::new()),
            listed => listed.map_err(Refusal::plain)?,
        };
        let versions = listed
            .into_iter()
            .map(|listed| Version::read(listed.kid, name, listed.attributes, listed.tags));
        versions.collect()
    }

    /// One version, or the newest where `version` is `None`.
    pub(super) async fn version(
        &self,
        name: &str,
        version: Option<&str>,
        deadline: Deadline,
    ) -> Result<Version, Refusal> {
        let get = |client: Arc<KeyClient>| async move {
            let options = KeyClientGetKeyOptions {
                key_version: version.map(str::to_owned),
                ..KeyClientGetKeyOptions::default()
            };
            let got = client.get_key(name, Some(options)).await?;
            got.into_model()
        };
        let key = self.call(Effect::None, deadline, get).await?;
        Ok(Version::of(key, name)?)
    }

    /// Makes a version of the key called `name`, also where there is one already. Asked once: whoever
    /// lost the answer looks first.
    pub(super) async fn create(
        &self,
        name: &str,
        parameters: &CreateKeyParameters,
        deadline: Deadline,
    ) -> Result<Version, Refusal> {
        let create = |client: Arc<KeyClient>| async move {
            let body = parameters.clone().try_into()?;
            let made = client.create_key(name, body, None).await?;
            made.into_model()
        };
        let key = self.call(Effect::Another, deadline, create).await?;
        Ok(Version::of(key, name)?)
    }

    /// Replaces the tags of a version.
    pub(super) async fn tag(
        &self,
        id: &KeyVersion,
        tags: &Tags,
        deadline: Deadline,
    ) -> Result<(), Refusal> {
        let change = UpdateKeyPropertiesParameters {
            tags: Some(tags.clone()),
            ..UpdateKeyPropertiesParameters::default()
        };
        self.update(Effect::Same, id, &change, deadline).await
    }

    /// Takes a version out of use. The vault then still shows it, and neither signs nor decrypts.
    pub(super) async fn disable(&self, id: &KeyVersion, deadline: Deadline) -> Result<(), Refusal> {
        let change = enabled(false);
        self.update(Effect::Same, id, &change, deadline).await
    }

    /// Takes a version into use again. Asked once: a late second try could undo a retirement.
    pub(super) async fn enable(&self, id: &KeyVersion, deadline: Deadline) -> Result<(), Refusal> {
        let change = enabled(true);
        self.update(Effect::Another, id, &change, deadline).await
    }

    async fn update(
        &self,
        effect: Effect,
        id: &KeyVersion,
        change: &UpdateKeyPropertiesParameters,
        deadline: Deadline,
    ) -> Result<(), Refusal> {
        let update = |client: Arc<KeyClient>| async move {
            let body = change.clone().try_into()?;
            let options = KeyClientUpdateKeyPropertiesOptions {
                key_version: Some(id.version().to_owned()),
                ..KeyClientUpdateKeyPropertiesOptions::default()
            };
            let options = Some(options);
            let updated = client.update_key_properties(id.name(), body, options);
            updated.await.map(drop)
        };
        self.call(effect, deadline, update).await
    }

    /// Has the vault sign the digest with its own Ed25519 key.
    pub(super) async fn sign(
        &self,
        id: &KeyVersion,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Signature, Refusal> {
        let sign = |client: Arc<KeyClient>| async move {
            let body = SignParameters {
                algorithm: Some(SignatureAlgorithm::UnknownValue("EdDSA".to_owned())),
                value: Some(digest.as_bytes().to_vec()),
            };
            let options = KeyClientSignOptions {
                key_version: Some(id.version().to_owned()),
                ..KeyClientSignOptions::default()
            };
            let signed = client.sign(id.name(), body.try_into()?, Some(options));
            signed.await?.into_model()
        };
        let signed = self.call(Effect::None, deadline, sign).await?;
        Self::require_answer_of(id, signed.kid.as_deref())?;
        let bytes = signed.result.unwrap_or_default();
        Signature::from_slice(&bytes)
            .map_err(|_length| unexpected("a signature is not 64 bytes long").into())
    }

    /// Has the vault encrypt a private key.
    pub(super) async fn seal(
        &self,
        id: &KeyVersion,
        key: &LentKey,
        deadline: Deadline,
    ) -> Result<Vec<u8>, Refusal> {
        let seal = |client: Arc<KeyClient>| async move {
            let body: RequestContent<_> = seal_request(key).into();
            let options = KeyClientWrapKeyOptions {
                key_version: Some(id.version().to_owned()),
                ..KeyClientWrapKeyOptions::default()
            };
            let sealed = client.wrap_key(id.name(), body, Some(options));
            sealed.await?.into_model()
        };
        let sealed = self.call(Effect::None, deadline, seal).await?;
        Self::require_answer_of(id, sealed.kid.as_deref())?;
        let ciphertext = sealed.result.filter(|bytes| !bytes.is_empty());
        ciphertext.ok_or_else(|| unexpected("an encrypted key is empty").into())
    }

    /// Has the vault decrypt a private key.
    pub(super) async fn unseal(
        &self,
        id: &KeyVersion,
        ciphertext: &[u8],
        deadline: Deadline,
    ) -> Result<LentKey, Refusal> {
        let unseal = |client: Arc<KeyClient>| async move {
            let body: RequestContent<_> = unseal_request(ciphertext).into();
            let (name, version) = (id.name(), id.version());
            let unsealed = client.unwrap_key(name, version, body, None).await?;
            Ok(key_in(unsealed.into_body().into()))
        };
        let unsealed = self.call(Effect::None, deadline, unseal).await?;
        unsealed.ok_or_else(|| unexpected("a decrypted key is not 32 bytes long").into())
    }

    /// An answer by another key than the one that was asked is none.
    fn require_answer_of(id: &KeyVersion, shown: Option<&str>) -> Result<(), Refusal> {
        match shown.map(|shown| KeyVersion::in_identifier(shown, id.name())) {
            Some(Some(shown)) if shown == *id => Ok(()),
            _ => Err(unexpected("another key has answered").into()),
        }
    }

    /// Makes a call, and makes it again up to twice after it failed on the way.
    async fn call<T, F>(
        &self,
        effect: Effect,
        deadline: Deadline,
        call: impl Fn(Arc<KeyClient>) -> F,
    ) -> Result<T, Refusal>
    where
        F: Future<Output = azure_core::Result<T>>,
    {
        let mut pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(100))
            .with_jitter()
            .with_max_times(2)
            .build();
        let mut may_have_had_its_effect = false;
        let mut is_renewed = false;
        loop {
            let client = self.clients.current();
            let answer = call(Arc::clone(&client));
            let outcome = self.pace.call(deadline, async { Ok(answer.await) }).await;
            let (refusal, is_client_new) = match outcome {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => (Refusal::of(&error), self.clients.renew(&client, &error)),
                Err(error) => (error.into(), false),
            };
            may_have_had_its_effect |= effect == Effect::Same && refusal.leaves_doubt();
            if is_client_new && effect != Effect::Another && !is_renewed {
                is_renewed = true;
                continue;
            }
            let may_again = effect != Effect::Another && refusal.may_pass();
            match pauses.next() {
                Some(pause) if may_again && pause < deadline.remaining() => {
                    tokio::time::sleep(pause).await;
                }
                _ if may_have_had_its_effect => return Err(refusal.after_doubt()),
                _ => return Err(refusal),
            }
        }
    }
}

/// A page that has no list is none of a vault's. The library would take it for an empty one, and the
/// caller that for the absence of a key.
fn require_list(page: &[u8]) -> azure_core::Result<()> {
    let document: Option<serde_json::Value> = serde_json::from_slice(page).ok();
    let list = document.as_ref().and_then(|document| document.get("value"));
    if list.is_some_and(serde_json::Value::is_array) {
        Ok(())
    } else {
        Err(azure_core::Error::with_message(
            ErrorKind::DataConversion,
            "the list of the versions of a key is none",
        ))
    }
}

fn enabled(enabled: bool) -> UpdateKeyPropertiesParameters {
    UpdateKeyPropertiesParameters {
        key_attributes: Some(KeyAttributes {
            enabled: Some(enabled),
            ..KeyAttributes::default()
        }),
        ..UpdateKeyPropertiesParameters::default()
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").finish_non_exhaustive()
    }
}
