//! One setting of a provider, as data.

use std::fmt;
use std::time::Duration;

use signer_domain::check_path;

use crate::setting::variable;

/// A setting: its flag, its variable and all that is told of it.
#[derive(Debug)]
pub struct Flag {
    /// The flag as it is typed. The variable follows from it.
    pub name: &'static str,
    /// What stands for the value in the help.
    pub value: &'static str,
    /// What a value has to be.
    pub kind: Kind,
    /// What counts when nobody says anything.
    pub unsaid: Unsaid,
    /// What it is for, without its variable and its default, which are told behind it.
    pub help: &'static str,
}

/// What a value has to be. The text of every other kind is judged by the provider, if the binary holds it.
#[derive(Debug)]
pub enum Kind {
    /// A text.
    Text,
    /// A URL.
    Url,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// The path of a file that is read.
    Path {
        /// What the file is, as in "the module".
        what: &'static str,
    },
    /// The path of a file that holds a secret.
    SecretFile {
        /// What the file is, as in "the PIN".
        what: &'static str,
    },
    /// A secret itself, which is never shown.
    Secret,
    /// A whole number in these bounds.
    Number {
        /// What is counted, as in "a number of bytes".
        what: &'static str,
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
    /// A time in these bounds.
    Duration {
        /// The shortest.
        least: Duration,
        /// The longest.
        most: Duration,
        /// The bounds in words, and an example.
        must: &'static str,
    },
}

/// What counts when nobody says anything.
#[derive(Debug)]
pub enum Unsaid {
    /// This value.
    Default(&'static str),
    /// A value that depends on the machine.
    Computed {
        /// Which, for the help.
        told: &'static str,
        /// The value.
        of: fn() -> String,
    },
    /// No value; this is what comes of it.
    Otherwise(&'static str),
    /// No value.
    Nothing,
    /// It has to be said.
    Refused {
        /// How to put it right: the end of the refusal.
        cure: &'static str,
    },
}

impl Flag {
    /// What the help says of it.
    pub fn help_text(&self) -> String {
        let default = match self.unsaid {
            Unsaid::Default(told) | Unsaid::Computed { told, .. } | Unsaid::Otherwise(told) => {
                format!(" [default: {told}]")
            }
            Unsaid::Nothing | Unsaid::Refused { .. } => String::new(),
        };
        format!("{} [env: {}]{default}", self.help, variable(self.name))
    }

    /// What the file is to which a value leads, where it leads to one.
    pub const fn leads_to(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Path { what } | Kind::SecretFile { what } => Some(what),
            Kind::Text
            | Kind::Url
            | Kind::Choice(_)
            | Kind::Secret
            | Kind::Number { .. }
            | Kind::Duration { .. } => None,
        }
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

impl Kind {
    /// Refuses a text that every binary can tell to be wrong.
    pub(crate) fn judge(&self, text: &str) -> Result<(), String> {
        match self {
            Self::Text | Self::Url | Self::Choice(_) | Self::Secret => Ok(()),
            Self::Path { .. } | Self::SecretFile { .. } => {
                check_path(text).map_err(|problem| problem.to_string())
            }
            Self::Number { what, least, most } => match text.parse() {
                Ok(number) if (*least..=*most).contains(&number) => Ok(()),
                Ok(_) | Err(_) => Err(format!("must be {what} from {least} to {most}")),
            },
            Self::Duration { least, most, must } => match humantime::parse_duration(text) {
                Ok(time) if (*least..=*most).contains(&time) => Ok(()),
                Ok(_) | Err(_) => Err((*must).to_owned()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Kind = Kind::Duration {
        least: Duration::from_millis(50),
        most: Duration::from_mins(1),
        must: "must be a duration from 50ms to 60s",
    };

    #[test]
    fn a_number_is_whole_and_in_its_bounds() {
        let number = Kind::Number {
            what: "a number",
            least: 1,
            most: 256,
        };
        for text in ["1", "256"] {
            assert_eq!(number.judge(text), Ok(()));
        }
        for text in ["0", "257", "-1", "1e2", "", " 1", "99999999999999999999"] {
            let must = "must be a number from 1 to 256".to_owned();
            assert_eq!(number.judge(text), Err(must), "{text}");
        }
    }

    #[test]
    fn a_time_is_in_its_bounds() {
        for text in ["50ms", "1m", "1s 500ms"] {
            assert_eq!(TIME.judge(text), Ok(()));
        }
        for text in ["0s", "49ms", "61s", "1", "-1s", ""] {
            assert!(TIME.judge(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_path_is_one_and_other_texts_are_for_the_provider_to_judge() {
        assert!(Kind::Path { what: "the module" }.judge("-").is_err());
        assert!(Kind::SecretFile { what: "the PIN" }.judge("/a ").is_err());
        for kind in [Kind::Text, Kind::Url, Kind::Choice(&["a"]), Kind::Secret] {
            assert_eq!(kind.judge("-"), Ok(()));
        }
    }

    #[test]
    fn the_help_ends_with_the_variable_and_the_default() {
        let flag = |unsaid| Flag {
            name: "--a-b",
            value: "N",
            kind: Kind::Text,
            unsaid,
            help: "How many",
        };
        assert_eq!(
            flag(Unsaid::Default("7")).help_text(),
            "How many [env: PLEXSPHERE_SIGNER_A_B] [default: 7]"
        );
        assert_eq!(
            flag(Unsaid::Refused { cure: "say it" }).help_text(),
            "How many [env: PLEXSPHERE_SIGNER_A_B]"
        );
    }
}
