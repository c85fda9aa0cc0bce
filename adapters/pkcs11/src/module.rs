//! From the settings to a token, and to the end of its use.

mod commands;
mod first_use;

pub use self::commands::{accept, check, mechanisms};

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use prometheus_client::registry::Registry;
use signer_domain::Deadline;
use signer_domain::ports::{KeyProvider, KeyProviderError, KeyRecords};
use signer_module::{BoxFuture, Closed, Face, Prepared, ProviderModule, Refusal, Settings, Source};

use crate::face::{
    CALL_TIMEOUT, EC_PARAMS, FACE, LABEL, LABEL_MAX, MODULE_PATH, PIN, PIN_FILE, SESSIONS, SLOT,
};
use crate::sdk::{
    Closing, LabelPrefix, PinRefusal, Pkcs11Module, Pkcs11Provider, Pkcs11Settings, UserPin,
};

/// How long the start waits for a token. One that is slower may still come.
const START_PATIENCE: Duration = Duration::from_secs(5);
/// How long the end waits for calls to the token that are under way.
const END_PATIENCE: Duration = Duration::from_secs(1);

/// The provider as a module.
pub const MODULE: &dyn ProviderModule = &Module;

/// The PKCS#11 provider.
#[derive(Debug)]
struct Module;

#[async_trait]
impl ProviderModule for Module {
    fn face(&self) -> &'static Face {
        &FACE
    }

    async fn prepare(&self, settings: &Settings) -> Result<Arc<dyn Prepared>, Refusal> {
        Ok(Arc::new(OpenToken::of(settings)?))
    }
}

/// The one PKCS#11 module of this process and the provider on it. The provider heals by itself, so
/// whoever restarts it gets the same value again.
#[derive(Debug)]
struct OpenToken {
    module: Arc<Pkcs11Module>,
    provider: Arc<Pkcs11Provider>,
    /// Who gave the PIN.
    pin: Source,
}

impl OpenToken {
    /// Loads the module. Touches no token yet.
    fn of(settings: &Settings) -> Result<Self, Refusal> {
        let (module, chosen) = (load(settings)?, token_settings(settings)?);
        let (user_pin, pin) = user_pin(settings)?;
        let provider = Pkcs11Provider::new(Arc::clone(&module), chosen, user_pin);
        Ok(Self {
            module,
            provider: Arc::new(provider),
            pin,
        })
    }

    fn explain(&self, error: &KeyProviderError) -> Refusal {
        let flag = self.pin.flag();
        match self.provider.pin_refusal() {
            None => {
                let cause = cause_of(error);
                Refusal::usage(format_args!("--key-provider pkcs11: {cause}"))
            }
            Some(PinRefusal::Refused) => self.pin.explain(format_args!(
                "{flag}: the token refuses the PIN ({}); put it right before the next start, because \
                 tokens lock a PIN after a few wrong ones",
                cause_of(error)
            )),
            Some(refusal @ (PinRefusal::Locked | PinRefusal::LastTry)) => {
                self.pin.explain(format_args!("{flag}: {refusal}"))
            }
        }
    }
}

#[async_trait]
impl Prepared for OpenToken {
    /// Logs in to the token.
    async fn meet(&self) -> Result<(), Refusal> {
        match self.provider.meet(Deadline::after(START_PATIENCE)).await {
            Err(error @ KeyProviderError::Misconfigured { .. }) => Err(self.explain(&error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn open(&self) -> BoxFuture<'static, Result<Arc<dyn KeyProvider>, KeyProviderError>> {
        let provider: Arc<dyn KeyProvider> = Arc::<Pkcs11Provider>::clone(&self.provider);
        Box::pin(async move { Ok(provider) })
    }

    async fn learn_from(&self, registry: Arc<dyn KeyRecords>) -> Result<(), Refusal> {
        first_use::learn_from(&self.provider, registry).await
    }

    fn announce(&self) {
        if self.pin == Source::Flag(PIN.name) {
            tracing::warn!(
                "PIN given on the command line, where everybody on this machine can read it"
            );
        }
    }

    fn register(&self, metrics: &mut Registry) {
        self.module.register(metrics);
        self.provider.register(metrics);
    }

    async fn stuck(&self) -> &'static str {
        self.provider.stuck().await;
        "calls to the PKCS#11 token do not return, and nothing but a new process can use it again"
    }

    /// What a module does at an ordinary exit waits for a call that does not return for ever, or crashes.
    fn close(&self) -> Closed {
        let has_ended = self.provider.close(END_PATIENCE);
        if has_ended && self.module.close(END_PATIENCE) == Closing::Finalized {
            return Closed::InOrder;
        }
        tracing::warn!("a call to the token does not return; leaving without the module's consent");
        Closed::LeaveAtOnce
    }
}

fn load(settings: &Settings) -> Result<Arc<Pkcs11Module>, Refusal> {
    let path = settings.required_path(&MODULE_PATH)?;
    Pkcs11Module::load(&path.value)
        .map_err(|refusal| path.source.refuse(path.value.display(), refusal))
}

fn token_settings(settings: &Settings) -> Result<Pkcs11Settings, Refusal> {
    let prefix = settings.required_text(&LABEL)?.parse(LabelPrefix::parse)?;
    let label_max = settings.required_text(&LABEL_MAX)?;
    let slot = settings.required(&SLOT)?;
    let chosen = Pkcs11Settings::new(slot, prefix.value, settings.required(&LABEL_MAX)?)
        .map_err(|must| label_max.source.refuse(&label_max.value, must))?;
    Ok(chosen
        .with_ec_params(settings.required(&EC_PARAMS)?)
        .with_sessions(settings.required(&SESSIONS)?)
        .with_call_timeout(settings.duration(&CALL_TIMEOUT)?))
}

/// The PIN, and who gave it. A file comes before a PIN as it is.
fn user_pin(settings: &Settings) -> Result<(UserPin, Source), Refusal> {
    if let Some(pin) = settings.secret(&PIN) {
        let source = pin.source;
        return match UserPin::from_text(pin.value.expose_text()) {
            Ok(user_pin) => Ok((user_pin, source)),
            Err(must) => Err(source.explain(format_args!("{PIN}: {must}"))),
        };
    }
    let file = settings.required_path(&PIN_FILE)?;
    match UserPin::read(&file.value) {
        Ok(user_pin) => Ok((user_pin, file.source)),
        Err(refusal) => Err(file.source.explain(refusal)),
    }
}

/// An error and what the module said, for the operator.
fn cause_of(error: &KeyProviderError) -> String {
    let mut sentence = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        sentence.push_str(": ");
        sentence.push_str(&cause.to_string());
        source = cause.source();
    }
    sentence
}
