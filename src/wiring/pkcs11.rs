//! The token of the PKCS#11 provider, from the configuration to the end of the process.

mod first_use;

pub(crate) use self::first_use::accept;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prometheus_client::registry::Registry as Metrics;
use signer_actors::ProviderSpec;
use signer_adapters::providers::pkcs11::{
    self, CheckReport, Closing, LabelPrefix, PinRefusal, Pkcs11Module, Pkcs11Provider,
    Pkcs11Settings, SlotChoice, TokenDescription, UserPin,
};
use signer_adapters::registry::RetiredKey;
use signer_domain::ports::KeyProviderError;
use signer_domain::{Deadline, ProviderName};

use super::pkcs11_report::{
    CheckDocument, MechanismDocument, MechanismsDocument, StepDocument, TokenDocument,
};
use super::providers::always;
use crate::config::pkcs11::PinSource;
use crate::config::{Pkcs11Config, Setting};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::telemetry;

/// How long the start waits for a token. One that is slower may still come.
const START_PATIENCE: Duration = Duration::from_secs(5);
/// How long the end waits for calls to the token that are under way.
const END_PATIENCE: Duration = Duration::from_secs(1);

/// The one PKCS#11 module of this process and the provider on it. The provider heals by itself, so
/// whoever restarts it gets the same value again.
#[derive(Debug)]
pub(crate) struct OpenToken {
    module: Arc<Pkcs11Module>,
    provider: Arc<Pkcs11Provider>,
}

impl OpenToken {
    /// Loads the module and logs in to the token.
    ///
    /// # Errors
    /// When something is wrong that only the operator can put right. A token that is not there may
    /// come yet, and is no error.
    pub(super) async fn open(config: &Pkcs11Config) -> Result<Self, Failure> {
        let (module, settings) = (load(config)?, settings(config)?);
        let provider = Pkcs11Provider::new(Arc::clone(&module), settings, pin(config)?);
        let opened = Self {
            module,
            provider: Arc::new(provider),
        };
        let deadline = Deadline::after(START_PATIENCE);
        match opened.provider.meet(deadline).await {
            Err(error @ KeyProviderError::Misconfigured { .. }) => {
                let refusal = opened.explain(&error, config);
                opened.close(Err(refusal))
            }
            Ok(()) | Err(_) => Ok(opened),
        }
    }

    /// The provider, ready to be opened by its actor.
    pub(super) fn spec(&self) -> ProviderSpec {
        let provider = Arc::clone(&self.provider);
        always(ProviderName::Pkcs11, provider)
    }

    /// Adds the metrics of the module and of its token.
    pub(super) fn register(&self, metrics: &mut Metrics) {
        self.module.register(metrics);
        self.provider.register(metrics);
    }

    /// Ends when nothing but a new process can help.
    pub(super) async fn stuck(&self) {
        self.provider.stuck().await;
    }

    /// Ends the use of the module, and hands the outcome of the process on. With a call that does not
    /// return this ends the process on the spot: what a module does at an ordinary exit waits for that
    /// call for ever, or crashes.
    pub(super) fn close<T>(self, outcome: Result<T, Failure>) -> Result<T, Failure> {
        let has_ended = self.provider.close(END_PATIENCE);
        if has_ended && self.module.close(END_PATIENCE) == Closing::Finalized {
            return outcome;
        }
        tracing::warn!("a call to the token does not return; leaving without the module's consent");
        let exit = match outcome {
            Ok(_) => {
                telemetry::flush();
                Exit::Ok
            }
            Err(failure) => {
                output::say(&failure);
                failure.exit()
            }
        };
        signal_hook::low_level::exit(exit.status().into())
    }

    fn explain(&self, error: &KeyProviderError, config: &Pkcs11Config) -> Failure {
        let pin = config.pin.as_ref();
        let Some((refusal, source)) = self.provider.pin_refusal().zip(pin.map(PinSource::source))
        else {
            let cause = cause_of(error);
            return Failure::usage(format_args!("--key-provider pkcs11: {cause}"));
        };
        let flag = source.flag();
        match refusal {
            PinRefusal::Refused => source.explain(format_args!(
                "{flag}: the token refuses the PIN ({}); put it right before the next start, because \
                 tokens lock a PIN after a few wrong ones",
                cause_of(error)
            )),
            PinRefusal::Locked | PinRefusal::LastTry => {
                source.explain(format_args!("{flag}: {refusal}"))
            }
        }
    }
}

/// Lists what the token offers.
///
/// # Errors
/// When it cannot be asked.
pub(crate) fn mechanisms(config: &Pkcs11Config) -> Result<MechanismsDocument, Failure> {
    let (module, slot) = (load(config)?, slot(config)?);
    let listed = pkcs11::mechanisms(&module, &slot);
    let closing = module.close(END_PATIENCE);
    tracing::debug!(?closing, "module closed");
    let (token, offered) = listed.map_err(|error| verdict(&error))?;
    let missing = pkcs11::NEEDED_MECHANISMS
        .into_iter()
        .filter(|needed| !offered.iter().any(|mechanism| mechanism.name == *needed))
        .map(str::to_owned)
        .collect();
    let mechanisms = offered
        .into_iter()
        .map(|mechanism| MechanismDocument {
            name: mechanism.name,
            sign: mechanism.signs,
            generate_key_pair: mechanism.generates_pairs,
            needed: mechanism.is_needed,
        })
        .collect();
    Ok(MechanismsDocument {
        token: token_document(token),
        mechanisms,
        missing,
    })
}

/// Checks the token, holds it against the retired keys of a registry if there is one, and tells what to
/// end with.
///
/// # Errors
/// When there is nothing to check.
pub(crate) fn check(
    config: &Pkcs11Config,
    retired: Option<&[RetiredKey]>,
) -> Result<(CheckDocument, Result<(), Failure>), Failure> {
    let (module, settings) = (load(config)?, settings(config)?);
    let report = pkcs11::check(&module, settings, pin(config)?, retired);
    let closing = module.close(END_PATIENCE);
    tracing::debug!(?closing, "module closed");
    let failed = report.steps.iter().find_map(|step| {
        let error = step.outcome.as_ref().err()?;
        let exit = if step.name == pkcs11::RETIRED_STEP {
            Exit::Integrity
        } else {
            verdict(error).exit()
        };
        let sentence = format!("the check failed at \"{}\"", step.name);
        Some(Failure::new(exit, sentence))
    });
    Ok((check_document(report), failed.map_or(Ok(()), Err)))
}

fn check_document(report: CheckReport) -> CheckDocument {
    let usable = report.is_usable();
    let step = |step: pkcs11::CheckStep| StepDocument {
        name: step.name,
        ok: step.outcome.is_ok(),
        detail: step.outcome.unwrap_or_else(|error| cause_of(&error)),
    };
    CheckDocument {
        usable,
        token: report.token.map(token_document),
        retired_still_usable: report
            .still_usable
            .map(|handles| handles.iter().map(ToString::to_string).collect()),
        sentinel_public_key: report.sentinel.map(|key| STANDARD.encode(key.as_bytes())),
        steps: report.steps.into_iter().map(step).collect(),
    }
}

fn token_document(token: TokenDescription) -> TokenDocument {
    TokenDocument {
        slot: token.slot,
        label: token.label,
        serial: token.serial,
        manufacturer: token.manufacturer,
        model: token.model,
        most_sessions: token.most_sessions,
        pin_warning: token.pin_warning,
    }
}

fn load(config: &Pkcs11Config) -> Result<Arc<Pkcs11Module>, Failure> {
    let Some(Setting { value, source }) = &config.module else {
        return Err(Failure::usage(
            "--pkcs11-module is required; name the vendor's PKCS#11 module by its absolute path",
        ));
    };
    Pkcs11Module::load(value).map_err(|refusal| source.refuse(value.display(), refusal))
}

fn slot(config: &Pkcs11Config) -> Result<SlotChoice, Failure> {
    let Some(Setting { value, source }) = &config.slot else {
        return Err(Failure::usage(
            "--pkcs11-slot is required; name the token by the number of its slot, by label:NAME or \
             by serial:NUMBER",
        ));
    };
    value.parse().map_err(|must| source.refuse(value, must))
}

fn settings(config: &Pkcs11Config) -> Result<Pkcs11Settings, Failure> {
    let Setting { value, source } = &config.label;
    let prefix = LabelPrefix::parse(value).map_err(|must| source.refuse(value, must))?;
    let Setting { value, source } = config.label_max;
    let settings = Pkcs11Settings::new(slot(config)?, prefix, value)
        .map_err(|must| source.refuse(value, must))?;
    let Setting { value, source } = &config.ec_params;
    let ec_params = value.parse().map_err(|must| source.refuse(value, must))?;
    Ok(settings
        .with_ec_params(ec_params)
        .with_sessions(config.sessions.value)
        .with_call_timeout(config.call_timeout.value))
}

fn pin(config: &Pkcs11Config) -> Result<UserPin, Failure> {
    match &config.pin {
        Some(PinSource::File(file)) => {
            UserPin::read(&file.value).map_err(|refusal| file.source.explain(refusal))
        }
        Some(PinSource::Given(pin)) => UserPin::from_text(pin.value.expose_pin()).map_err(|must| {
            let flag = pin.source.flag();
            pin.source.explain(format_args!("{flag}: {must}"))
        }),
        None => Err(Failure::usage(
            "--pkcs11-pin-file is required; name a file that holds the PIN and that only its owner \
             can read",
        )),
    }
}

/// What a command ends with when the token cannot be asked.
fn verdict(error: &KeyProviderError) -> Failure {
    let exit = match error {
        KeyProviderError::Misconfigured { .. } => Exit::Usage,
        KeyProviderError::ProviderUnavailable { .. } => Exit::Unavailable,
        KeyProviderError::KeyNotFound
        | KeyProviderError::KeyRetired
        | KeyProviderError::RotationInProgress => Exit::General,
    };
    Failure::new(exit, cause_of(error))
}

/// An error and what the module said, for the operator.
fn cause_of(error: &KeyProviderError) -> String {
    let mut sentence = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        sentence.push_str(": ");
        sentence.push_str(&cause.to_string());
        source = cause.source();
    }
    sentence
}
