//! One setting, and where its value came from, so that a refusal can name the place to cure.

use std::fmt;

use crate::refusal::Refusal;

/// What opens the name of every variable of ours.
pub const PREFIX: &str = "PLEXSPHERE_SIGNER_";

/// A value and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub source: Source,
}

/// Where a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The flag was given.
    Flag(&'static str),
    /// The environment holds the value of this flag.
    Environment(&'static str),
    /// Nobody said; the flag is the place to say.
    Default(&'static str),
}

impl Source {
    /// Whether somebody said so.
    pub const fn is_given(&self) -> bool {
        match self {
            Self::Flag(_) | Self::Environment(_) => true,
            Self::Default(_) => false,
        }
    }

    /// The flag that sets the value.
    pub const fn flag(self) -> &'static str {
        match self {
            Self::Flag(flag) | Self::Environment(flag) | Self::Default(flag) => flag,
        }
    }

    /// The flag, with the place to cure where that is not the flag.
    pub fn named(self) -> String {
        match self {
            Self::Flag(flag) => flag.to_owned(),
            Self::Environment(flag) => format!("{flag} (set by {})", variable(flag)),
            Self::Default(flag) => format!("{flag} (by default)"),
        }
    }

    /// A refusal of `value`: what is wrong with it, and how to cure it.
    pub fn refuse(self, value: impl fmt::Display, problem: impl fmt::Display) -> Refusal {
        let flag = self.flag();
        let value = quoted(value);
        self.explain(format_args!("{flag} {value}: {problem}"))
    }

    /// A refusal in the words of `sentence`, with the place to cure where that is not the flag.
    pub fn explain(self, sentence: impl fmt::Display) -> Refusal {
        match self {
            Self::Flag(_) => Refusal::usage(sentence),
            Self::Environment(flag) => {
                let variable = variable(flag);
                Refusal::usage(format_args!("{sentence} (set by {variable})"))
            }
            // The sentence may end with a line to paste, so nothing is put behind it.
            Self::Default(flag) => {
                let sentence = sentence.to_string();
                match sentence.strip_prefix(flag) {
                    Some(rest) => Refusal::usage(format_args!("{}{rest}", self.named())),
                    None => Refusal::usage(format_args!("{}: {sentence}", self.named())),
                }
            }
        }
    }
}

impl Setting<String> {
    /// Picks the text that counts: the flag's, else the environment's.
    pub fn pick(
        flag: &'static str,
        typed: Option<&String>,
        found: Option<&String>,
    ) -> Option<Self> {
        let of = |value: &String, source| Self {
            value: value.clone(),
            source,
        };
        typed
            .map(|value| of(value, Source::Flag(flag)))
            .or_else(|| found.map(|value| of(value, Source::Environment(flag))))
    }

    /// The same, or a default.
    pub fn pick_or(
        flag: &'static str,
        typed: Option<&String>,
        found: Option<&String>,
        default: &str,
    ) -> Self {
        Self::pick(flag, typed, found).unwrap_or_else(|| Self {
            value: default.to_owned(),
            source: Source::Default(flag),
        })
    }

    /// Reads the text.
    ///
    /// # Errors
    /// When `read` refuses it, in the words of `read`'s error: "must be ...".
    pub fn parse<T, E: fmt::Display>(
        self,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Setting<T>, Refusal> {
        match read(&self.value) {
            Ok(value) => Ok(Setting {
                value,
                source: self.source,
            }),
            Err(problem) => Err(self.source.refuse(&self.value, problem)),
        }
    }
}

impl<T> Setting<Option<T>> {
    /// The value, unless the setting says that there is none.
    pub fn given(self) -> Option<Setting<T>> {
        let source = self.source;
        self.value.map(|value| Setting { value, source })
    }
}

/// `text` in quotation marks, with whatever would not print made visible.
pub fn quoted(text: impl fmt::Display) -> String {
    format!("\"{}\"", text.to_string().escape_debug())
}

/// The variable that stands for `flag`.
pub fn variable(flag: &str) -> String {
    let name = flag.trim_start_matches('-').replace('-', "_");
    format!("{PREFIX}{}", name.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_wins_over_the_environment() {
        let typed = "a".to_owned();
        let found = "b".to_owned();
        let pick = |typed, found| Setting::pick("--x", typed, found).map(|setting| setting.source);
        assert_eq!(pick(Some(&typed), Some(&found)), Some(Source::Flag("--x")));
        assert_eq!(pick(None, Some(&found)), Some(Source::Environment("--x")));
        assert_eq!(pick(None, None), None);
    }

    #[test]
    fn quotes_what_does_not_print() {
        assert_eq!(quoted("a\n\"b\""), r#""a\n\"b\"""#);
    }

    #[test]
    fn a_refusal_names_the_place_to_cure() {
        let refuse = |source: Source| source.refuse("7", "must be even").to_string();
        assert_eq!(refuse(Source::Flag("--a-b")), "--a-b \"7\": must be even");
        assert_eq!(
            refuse(Source::Environment("--a-b")),
            "--a-b \"7\": must be even (set by PLEXSPHERE_SIGNER_A_B)"
        );
        assert_eq!(
            refuse(Source::Default("--a-b")),
            "--a-b (by default) \"7\": must be even"
        );
        assert_eq!(
            Source::Default("--a-b")
                .explain("the rest: is wrong")
                .to_string(),
            "--a-b (by default): the rest: is wrong"
        );
    }
}
