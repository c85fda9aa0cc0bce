//! The settings of one provider, as they were said.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::face::Face;
use crate::flag::{Flag, Kind, Unsaid};
use crate::refusal::Refusal;
use crate::setting::{Setting, Source, variable};

/// What was said of a provider's settings, and the defaults for the rest. Each text has been judged as far
/// as every binary can tell.
pub struct Settings {
    face: &'static Face,
    values: Vec<(&'static Flag, Setting<String>)>,
}

/// A secret as somebody wrote it; never shown.
#[derive(Clone)]
pub struct SecretText(String);

impl SecretText {
    /// Shows the secret.
    pub fn expose_text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretText").finish_non_exhaustive()
    }
}

impl Settings {
    /// Settings of `face`: of each flag what was `typed`, else what was `found` in the environment, else its
    /// default.
    ///
    /// # Errors
    /// When a value is not of its kind, or two are said of which only one may be.
    pub fn read<'a>(
        face: &'static Face,
        typed: impl Fn(&str) -> Option<&'a String>,
        found: impl Fn(&str) -> Option<&'a String>,
    ) -> Result<Self, Refusal> {
        for [one, other] in face.one_of {
            let is_typed = typed(one).or_else(|| typed(other)).is_some();
            if !is_typed && found(one).is_some() && found(other).is_some() {
                return Err(Refusal::usage(format_args!(
                    "{} and {} are both set: unset one of them",
                    variable(one),
                    variable(other)
                )));
            }
        }
        let mut values = Vec::new();
        for flag in face.flags {
            let other = face.other_than(flag.name);
            let other_is_typed = other.and_then(&typed).is_some();
            let found = found(flag.name).filter(|_| !other_is_typed);
            let said = Setting::pick(flag.name, typed(flag.name), found);
            let Some(setting) = said.or_else(|| default_of(flag)) else {
                continue;
            };
            flag.kind
                .judge(&setting.value)
                .map_err(|problem| setting.source.refuse(&setting.value, problem))?;
            values.push((flag, setting));
        }
        Ok(Self { face, values })
    }

    /// Whose settings these are.
    pub const fn face(&self) -> &'static Face {
        self.face
    }

    /// Where the first value came from that somebody gave: for a program without the provider, which must
    /// not swallow it.
    pub fn first_given(&self) -> Option<Source> {
        let mut sources = self.values.iter().map(|(_, setting)| setting.source);
        sources.find(Source::is_given)
    }

    /// Refuses that a setting is missing which the provider cannot do without.
    ///
    /// # Errors
    /// With the sentence that names the flag and the cure.
    pub fn require_all(&self) -> Result<(), Refusal> {
        let name = self.face.name;
        self.face
            .flags
            .iter()
            .try_for_each(|flag| match flag.unsaid {
                Unsaid::Refused { cure } if self.is_missing(flag) => Err(Refusal::usage(
                    format_args!("{flag} is required with --key-provider {name}; {cure}"),
                )),
                Unsaid::Refused { .. }
                | Unsaid::Default(_)
                | Unsaid::Computed { .. }
                | Unsaid::Otherwise(_)
                | Unsaid::Nothing => Ok(()),
            })
    }

    fn is_missing(&self, flag: &Flag) -> bool {
        let other = self.face.other_than(flag.name);
        self.find(flag.name).or_else(|| self.find(other?)).is_none()
    }

    fn find(&self, name: &str) -> Option<&Setting<String>> {
        let mut values = self.values.iter();
        let found = values.find(|(flag, _)| flag.name == name);
        found.map(|(_, setting)| setting)
    }

    /// The text of a setting, and where it came from; `None` when there is none.
    pub fn text(&self, flag: &Flag) -> Option<&Setting<String>> {
        self.find(flag.name)
            .filter(|_| !matches!(flag.kind, Kind::Secret))
    }

    /// A text that has to be there.
    ///
    /// # Errors
    /// When it is not there.
    pub fn required_text(&self, flag: &Flag) -> Result<Setting<String>, Refusal> {
        self.text(flag).cloned().ok_or_else(|| missing(flag))
    }

    /// A secret, and where it came from.
    pub fn secret(&self, flag: &Flag) -> Option<Setting<SecretText>> {
        self.find(flag.name).map(|setting| Setting {
            value: SecretText(setting.value.clone()),
            source: setting.source,
        })
    }

    /// A path, and where it came from.
    pub fn path(&self, flag: &Flag) -> Option<Setting<PathBuf>> {
        self.text(flag).map(|setting| Setting {
            value: setting.value.clone().into(),
            source: setting.source,
        })
    }

    /// A path that has to be there.
    ///
    /// # Errors
    /// When it is not there.
    pub fn required_path(&self, flag: &Flag) -> Result<Setting<PathBuf>, Refusal> {
        self.path(flag).ok_or_else(|| missing(flag))
    }

    /// A setting as what it stands for.
    ///
    /// # Errors
    /// When it is not of its form, in the words of the error: "must be ...".
    pub fn optional<T>(&self, flag: &Flag) -> Result<Option<T>, Refusal>
    where
        T: FromStr<Err: fmt::Display>,
    {
        self.text(flag)
            .map(|setting| setting.clone().parse(str::parse).map(|read| read.value))
            .transpose()
    }

    /// The same of a setting that has to be there.
    ///
    /// # Errors
    /// When it is not there, or not of its form.
    pub fn required<T>(&self, flag: &Flag) -> Result<T, Refusal>
    where
        T: FromStr<Err: fmt::Display>,
    {
        self.optional(flag)?.ok_or_else(|| missing(flag))
    }

    /// A time that has to be there.
    ///
    /// # Errors
    /// When it is not there, or not of its form.
    pub fn duration(&self, flag: &Flag) -> Result<Duration, Refusal> {
        let setting = self.text(flag).ok_or_else(|| missing(flag))?;
        let read = setting.clone().parse(humantime::parse_duration)?;
        Ok(read.value)
    }

    /// The places to which these settings lead: where each came from, its path, and what the file is.
    pub fn places(&self) -> impl Iterator<Item = (Source, PathBuf, &'static str)> {
        self.values.iter().filter_map(|(flag, setting)| {
            let what = flag.leads_to()?;
            Some((setting.source, setting.value.clone().into(), what))
        })
    }
}

/// The refusal of a setting that was not said, by a command that asks for it.
pub(crate) fn missing(flag: &Flag) -> Refusal {
    match flag.unsaid {
        Unsaid::Refused { cure } => Refusal::usage(format_args!("{flag} is required; {cure}")),
        Unsaid::Default(_) | Unsaid::Computed { .. } | Unsaid::Otherwise(_) | Unsaid::Nothing => {
            Refusal::usage(format_args!("{flag} is required"))
        }
    }
}

fn default_of(flag: &Flag) -> Option<Setting<String>> {
    let value = match flag.unsaid {
        Unsaid::Default(value) => value.to_owned(),
        Unsaid::Computed { of, .. } => of(),
        Unsaid::Otherwise(_) | Unsaid::Nothing | Unsaid::Refused { .. } => return None,
    };
    let source = Source::Default(flag.name);
    Some(Setting { value, source })
}

/// Names what was said, and shows no value: one of them may be a secret.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources = self.values.iter().map(|(_, setting)| setting.source);
        f.debug_struct("Settings")
            .field("provider", &self.face.name)
            .field("sources", &sources.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
