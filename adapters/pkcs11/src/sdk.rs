//! The provider itself.

mod backoff;
mod desk;
mod doubts;
mod error;
mod inspection;
mod key_cache;
mod keys;
mod label;
mod making;
mod mechanisms;
mod module;
mod objects;
mod oddities;
mod origin;
mod pairs;
mod pin_file;
mod pool;
mod registered;
mod sentinel;
mod sentinel_count;
mod session_thread;
mod settings;
mod stopwatch;
mod stuck;
mod survey;
mod token;
mod user_pin;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use prometheus_client::registry::Registry;

use signer_domain::ports::{GeneratedKey, KeyProvider, KeyProviderError, ProviderCapabilities};
use signer_domain::{Deadline, Digest, HandleId, KeyId, PublicKey, Scope, Signature};

use self::keys::{
    CheckToken, DestroyPrivateKey, MeetToken, ReadPublicKey, SignAnew, SignDigest, WantedKey,
};
use self::label::Label;
use self::making::{FindPair, MakePair};
use self::pool::{Pool, Purpose};
use self::registered::Registered;
use self::survey::SurveyLabels;
use self::token::Token;
use crate::face::FACE;

pub use self::inspection::{
    CheckReport, CheckStep, OfferedMechanism, RETIRED_STEP, TokenDescription, check, mechanisms,
};
pub use self::label::{LabelPrefix, LabelsTooShort, ParseLabelPrefixError};
pub use self::mechanisms::NEEDED_MECHANISMS;
pub use self::module::{Closing, LoadModuleError, ModulePathRefusal, Pkcs11Module};
pub use self::pin_file::PinFileError;
pub use self::registered::RegisteredKeys;
pub use self::settings::{
    EcParams, ParseEcParamsError, ParseSlotChoiceError, Pkcs11Settings, SlotChoice,
};
pub use self::token::{PinRefusal, RegistryKnows};
pub use self::user_pin::{UnusablePin, UserPin};

/// Some tokens take seconds to make a pair, and pairs are made one at a time: the shortest time that
/// is given to that, however soon a signature is given up.
const ADMIN_PATIENCE: Duration = Duration::from_secs(8);
/// How long a check waits for a look at all labels.
const SURVEY_PATIENCE: Duration = Duration::from_secs(1);

/// The provider of one token. It lives as long as the process: it heals by itself, and what it
/// remembers of the token must not be lost.
pub struct Pkcs11Provider {
    token: Arc<Token>,
    registered: Registered,
    signers: Pool,
    admin: Pool,
}

impl Pkcs11Provider {
    /// A provider of the token that `settings` choose, behind `module`. Touches nothing yet, and takes an
    /// empty token into use only once it has [learnt](Self::learn) that the registry knows no key of it.
    pub fn new(module: Arc<Pkcs11Module>, settings: Pkcs11Settings, pin: UserPin) -> Self {
        let sessions = settings.sessions.get();
        let patience = settings.call_timeout;
        let token = Arc::new(Token::new(module, settings, pin));
        let pool = |name, size, patience| {
            let purpose = Purpose {
                name,
                size,
                patience,
            };
            Pool::new(purpose, Arc::clone(&token))
        };
        Self {
            signers: pool("p11-sign", sessions, patience),
            admin: pool("p11-admin", 1, patience.max(ADMIN_PATIENCE)),
            registered: Registered::new(),
            token,
        }
    }

    /// Initialises the module for the first time and looks at the token, once. Whatever is wrong may
    /// pass, unless it is misconfigured: then no later look goes better.
    ///
    /// # Errors
    /// As [`check`](KeyProvider::check).
    pub async fn meet(&self, deadline: Deadline) -> Result<(), KeyProviderError> {
        self.signers.call(MeetToken, deadline).await
    }

    /// Tells what the registry knows of keys in this token.
    pub fn learn(&self, registry: RegistryKnows) {
        self.token.learn(registry);
    }

    /// Names who knows the registered public keys. They tell which pair is meant where a label does not
    /// name exactly one.
    pub fn ask_for_registered(&self, keys: Arc<dyn RegisteredKeys>) {
        self.registered.ask(keys);
    }

    /// Whether the token has shown its sentinel, so that nobody takes it for an empty one any more.
    pub fn has_met_its_token(&self) -> bool {
        self.token.is_met()
    }

    /// Why the PIN is never offered again, if so.
    pub fn pin_refusal(&self) -> Option<PinRefusal> {
        self.token.pin_refusal()
    }

    /// Ends when nothing but a new process can help: the token was whole once, the module has to be
    /// initialised anew, and a call that does not return has forbidden that for too long.
    pub fn stuck(&self) -> impl Future<Output = ()> + Send + use<> {
        self.token.stuck()
    }

    /// Closes the sessions; tells whether all of them could be closed in time.
    pub fn close(&self, within: Duration) -> bool {
        let until = Instant::now() + within;
        let signers_ended = self.signers.close(within);
        let left = until.saturating_duration_since(Instant::now());
        self.admin.close(left) && signers_ended
    }

    /// Adds what is measured of the token.
    pub fn register(&self, registry: &mut Registry) {
        oddities::register(&self.token.oddities, registry);
    }

    /// Looks for labels that do not name exactly one pair. A token that cannot be asked for all its
    /// labels serves all the same.
    async fn look_for_oddities(&self, deadline: Deadline) {
        let is_hung = self.token.module.hung_calls() > 0;
        if is_hung || !self.token.oddities.is_due() {
            return;
        }
        let deadline = deadline.min(Deadline::after(SURVEY_PATIENCE));
        if let Err(cause) = self.admin.call(SurveyLabels, deadline).await {
            tracing::debug!(%cause, "labels of the token not looked at");
        }
    }

    fn label_of(&self, scope: &Scope, key_id: &KeyId) -> Label {
        self.token.settings.labels.of_key(scope, key_id)
    }

    async fn wanted(
        &self,
        handle: &HandleId,
        deadline: Deadline,
    ) -> Result<WantedKey, KeyProviderError> {
        let label = self.token.settings.labels.in_handle(handle);
        let label = label.ok_or(KeyProviderError::KeyNotFound)?;
        let registered = self.registered.public_key_of(handle, deadline).await;
        Ok(WantedKey { label, registered })
    }
}

#[async_trait]
impl KeyProvider for Pkcs11Provider {
    fn capabilities(&self) -> ProviderCapabilities {
        ProviderCapabilities {
            name: FACE.name,
            max_in_flight: self.token.settings.sessions,
            caution: None,
            mistaken_secret: None,
        }
    }

    async fn generate(
        &self,
        scope: &Scope,
        key_id: &KeyId,
        deadline: Deadline,
    ) -> Result<GeneratedKey, KeyProviderError> {
        let label = self.label_of(scope, key_id);
        self.admin.call(MakePair(label), deadline).await
    }

    async fn sign(
        &self,
        handle: &HandleId,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Signature, KeyProviderError> {
        let asked = SignDigest {
            key: self.wanted(handle, deadline).await?,
            digest: *digest,
        };
        let signed = self.signers.call(asked.clone(), deadline).await?;
        match signed.verified(digest) {
            Some(signature) => Ok(signature),
            None => self.signers.call(SignAnew(asked), deadline).await,
        }
    }

    fn forget(&self, handle: &HandleId) {
        if let Some(label) = self.token.settings.labels.in_handle(handle) {
            self.token.keys.forget(&label);
        }
    }

    async fn public_key(
        &self,
        handle: &HandleId,
        deadline: Deadline,
    ) -> Result<PublicKey, KeyProviderError> {
        let key = self.wanted(handle, deadline).await?;
        self.admin.call(ReadPublicKey(key), deadline).await
    }

    async fn retire(&self, handle: &HandleId, deadline: Deadline) -> Result<(), KeyProviderError> {
        let key = self.wanted(handle, deadline).await?;
        self.admin.call(DestroyPrivateKey(key), deadline).await
    }

    async fn locate(
        &self,
        scope: &Scope,
        key_id: &KeyId,
        deadline: Deadline,
    ) -> Result<Option<GeneratedKey>, KeyProviderError> {
        let label = self.label_of(scope, key_id);
        self.admin.call(FindPair(label), deadline).await
    }

    /// Asks once more when the answer is that it is too early to try: a check comes seldom, and the
    /// token is to be found as soon as it is there again.
    async fn check(&self, deadline: Deadline) -> Result<(), KeyProviderError> {
        let outcome = match self.signers.call(CheckToken, deadline).await {
            Err(KeyProviderError::ProviderUnavailable { retry_after, .. })
                if retry_after < deadline.remaining() =>
            {
                tokio::time::sleep(retry_after).await;
                self.signers.call(CheckToken, deadline).await
            }
            outcome => outcome,
        };
        if outcome.is_ok() {
            self.look_for_oddities(deadline).await;
        }
        outcome
    }

    fn warnings(&self) -> Vec<String> {
        self.token.oddities.warnings()
    }
}

impl fmt::Debug for Pkcs11Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pkcs11Provider")
            .field("module", &self.token.module)
            .field("slot", &self.token.settings.slot)
            .finish_non_exhaustive()
    }
}
