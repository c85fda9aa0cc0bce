//! The settings of a PKCS#11 token. Their forms are judged where the token is opened.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::thread::available_parallelism;
use std::time::Duration;

use serde::Deserialize;

use super::setting::variable;
use super::{Environment, Setting, Source, limits};
use crate::cli::Pkcs11Args;
use crate::failure::Failure;

/// More sessions than processors gain nothing where the module computes by itself.
const MOST_SESSIONS_BY_DEFAULT: usize = 8;

/// How a PKCS#11 token is found and opened.
#[derive(Debug)]
pub(crate) struct Pkcs11Config {
    pub(crate) module: Option<Setting<PathBuf>>,
    pub(crate) slot: Option<Setting<String>>,
    pub(crate) pin: Option<PinSource>,
    pub(crate) label: Setting<String>,
    pub(crate) label_max: Setting<usize>,
    pub(crate) ec_params: Setting<String>,
    pub(crate) sessions: Setting<NonZeroUsize>,
    pub(crate) call_timeout: Setting<Duration>,
}

/// Where the PIN comes from.
#[derive(Debug)]
pub(crate) enum PinSource {
    /// A file.
    File(Setting<PathBuf>),
    /// It was given as it is.
    Given(Setting<TypedPin>),
}

/// A PIN as somebody wrote it; never shown.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct TypedPin(String);

impl TypedPin {
    /// Shows the PIN.
    #[cfg_attr(
        not(feature = "pkcs11"),
        expect(dead_code, reason = "a binary without the provider offers no PIN")
    )]
    pub(crate) fn expose_pin(&self) -> &str {
        &self.0
    }
}

impl FromStr for TypedPin {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for TypedPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedPin").finish_non_exhaustive()
    }
}

impl Pkcs11Config {
    /// Resolves the settings, of which each may be missing.
    ///
    /// # Errors
    /// When one is not of its form.
    pub(crate) fn resolve(args: &Pkcs11Args, environment: &Environment) -> Result<Self, Failure> {
        let pick = |flag, typed: &Option<String>, found: &Option<String>| {
            Setting::pick(flag, typed.as_ref(), found.as_ref())
        };
        let module = pick("--pkcs11-module", &args.module, &environment.pkcs11_module)
            .map(|text| text.parse(limits::path))
            .transpose()?;
        let label_max = pick(
            "--pkcs11-label-max",
            &args.label_max,
            &environment.pkcs11_label_max,
        );
        let sessions = pick(
            "--pkcs11-sessions",
            &args.sessions,
            &environment.pkcs11_sessions,
        );
        let call_timeout = pick(
            CALL_TIMEOUT,
            &args.call_timeout,
            &environment.pkcs11_call_timeout,
        );
        Ok(Self {
            module,
            slot: pick("--pkcs11-slot", &args.slot, &environment.pkcs11_slot),
            pin: pin(args, environment)?,
            label: pick("--pkcs11-label", &args.label, &environment.pkcs11_label)
                .unwrap_or_else(|| default("--pkcs11-label", "plexsphere".to_owned())),
            label_max: match label_max {
                Some(text) => text.parse(limits::label_max)?,
                None => default("--pkcs11-label-max", 255),
            },
            ec_params: pick(
                "--pkcs11-ec-params",
                &args.ec_params,
                &environment.pkcs11_ec_params,
            )
            .unwrap_or_else(|| default("--pkcs11-ec-params", "oid".to_owned())),
            sessions: match sessions {
                Some(text) => text.parse(limits::sessions)?,
                None => default("--pkcs11-sessions", sessions_by_default()),
            },
            call_timeout: match call_timeout {
                Some(text) => text.parse(limits::call_timeout)?,
                None => default(CALL_TIMEOUT, Duration::from_secs(1)),
            },
        })
    }

    /// The first of these settings that somebody gave: for a custodian without the provider, which
    /// must not swallow it.
    pub(crate) fn first_given(&self) -> Option<Source> {
        let of_pin = self.pin.as_ref().map(PinSource::source);
        let optional = [
            self.module.as_ref().map(|setting| setting.source),
            self.slot.as_ref().map(|setting| setting.source),
            of_pin,
        ];
        let defaulted = [
            self.label.source,
            self.label_max.source,
            self.ec_params.source,
            self.sessions.source,
            self.call_timeout.source,
        ];
        optional
            .into_iter()
            .flatten()
            .chain(defaulted)
            .find(Source::is_given)
    }

    /// Whether the PIN was given on the command line, where everybody can read it.
    pub(crate) fn shows_its_pin(&self) -> bool {
        matches!(
            self.pin.as_ref().map(PinSource::source),
            Some(Source::Flag(PIN))
        )
    }
}

impl PinSource {
    /// Who said so.
    pub(crate) const fn source(&self) -> Source {
        match self {
            Self::File(file) => file.source,
            Self::Given(pin) => pin.source,
        }
    }
}

const PIN: &str = "--pkcs11-pin";
const PIN_FILE: &str = "--pkcs11-pin-file";
const CALL_TIMEOUT: &str = "--pkcs11-call-timeout";

/// The command line comes first, and a file before a PIN as it is.
fn pin(args: &Pkcs11Args, environment: &Environment) -> Result<Option<PinSource>, Failure> {
    let file = |text: &String, source| Setting {
        value: text.clone(),
        source,
    };
    let given = |pin: &TypedPin, source| {
        PinSource::Given(Setting {
            value: pin.clone(),
            source,
        })
    };
    let path = match (&args.pin_file, &args.pin) {
        (Some(text), _) => file(text, Source::Flag(PIN_FILE)),
        (None, Some(pin)) => return Ok(Some(given(pin, Source::Flag(PIN)))),
        (None, None) => match (&environment.pkcs11_pin_file, &environment.pkcs11_pin) {
            (Some(_), Some(_)) => {
                return Err(Failure::usage(format_args!(
                    "{} and {} are both set: unset one of them",
                    variable(PIN_FILE),
                    variable(PIN)
                )));
            }
            (Some(text), None) => file(text, Source::Environment(PIN_FILE)),
            (None, Some(pin)) => return Ok(Some(given(pin, Source::Environment(PIN)))),
            (None, None) => return Ok(None),
        },
    };
    Ok(Some(PinSource::File(path.parse(limits::path)?)))
}

const fn default<T>(flag: &'static str, value: T) -> Setting<T> {
    Setting {
        value,
        source: Source::Default(flag),
    }
}

fn sessions_by_default() -> NonZeroUsize {
    let processors = available_parallelism().unwrap_or(NonZeroUsize::MIN);
    NonZeroUsize::new(MOST_SESSIONS_BY_DEFAULT).map_or(processors, |most| processors.min(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let variables = variables.iter().map(|(name, value)| {
            let name = format!("PLEXSPHERE_SIGNER_PKCS11_{name}");
            (name.into(), (*value).into())
        });
        Environment::from_variables(variables).unwrap()
    }

    #[test]
    fn a_typed_pin_is_never_shown() {
        let pin: TypedPin = "throw-away-4711".parse().unwrap();
        let args = Pkcs11Args {
            pin: Some(pin),
            ..Pkcs11Args::default()
        };
        let config = Pkcs11Config::resolve(&args, &Environment::default()).unwrap();
        let shown = format!("{args:?} {config:?} {config:#?}");
        assert!(!shown.contains("4711"), "{shown}");
        assert!(config.shows_its_pin());
    }

    #[test]
    fn the_command_line_comes_before_the_environment_and_a_file_before_a_pin() {
        let environment = environment(&[("PIN_FILE", "/of-environment")]);
        let source = |args: &Pkcs11Args| {
            let config = Pkcs11Config::resolve(args, &environment).unwrap();
            assert!(!config.shows_its_pin() || args.pin.is_some());
            config.pin.map(|pin| pin.source())
        };
        let mut args = Pkcs11Args::default();
        assert_eq!(source(&args), Some(Source::Environment(PIN_FILE)));
        args.pin = "throw-away".parse().ok();
        assert_eq!(source(&args), Some(Source::Flag(PIN)));
        args.pin = None;
        args.pin_file = Some("/of-flag".to_owned());
        assert_eq!(source(&args), Some(Source::Flag(PIN_FILE)));
    }

    #[test]
    fn two_pins_in_the_environment_are_refused() {
        let environment = environment(&[("PIN_FILE", "/pin"), ("PIN", "throw-away")]);
        let refusal = Pkcs11Config::resolve(&Pkcs11Args::default(), &environment).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "PLEXSPHERE_SIGNER_PKCS11_PIN_FILE and PLEXSPHERE_SIGNER_PKCS11_PIN are both set: \
             unset one of them"
        );
    }

    #[test]
    fn says_which_setting_was_given() {
        let resolve = |args: &Pkcs11Args| {
            let config = Pkcs11Config::resolve(args, &Environment::default()).unwrap();
            config.first_given()
        };
        assert_eq!(resolve(&Pkcs11Args::default()), None);
        let args = Pkcs11Args {
            label: Some("p".to_owned()),
            ..Pkcs11Args::default()
        };
        assert_eq!(resolve(&args), Some(Source::Flag("--pkcs11-label")));
    }
}
