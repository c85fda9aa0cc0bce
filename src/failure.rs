//! Why a command did not do what it was asked: one sentence and the reason to end.

use std::fmt;
use std::io;

use signer_domain::io_cure;
use signer_module::{Reason, Refusal};

use crate::exit::Exit;

pub(crate) use signer_module::quoted;

/// What stopped a command. Its text is the one line on standard error.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    sentence: String,
}

impl Failure {
    /// Ends with `exit`, for the reason told by `sentence`.
    pub(crate) fn new(exit: Exit, sentence: impl fmt::Display) -> Self {
        Self {
            exit,
            sentence: one_line(&sentence.to_string()),
        }
    }

    /// Command line, configuration or input at fault.
    pub(crate) fn usage(sentence: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, sentence)
    }

    /// Failed for a reason without a status of its own.
    pub(crate) fn general(sentence: impl fmt::Display) -> Self {
        Self::new(Exit::General, sentence)
    }

    /// Standard output could not be written. A reader that went away meanwhile is told nothing.
    pub(crate) fn output(cause: &io::Error) -> Self {
        if cause.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Exit::General, "");
        }
        let cure = io_cure(cause).map_or_else(String::new, |cure| format!("; {cure}"));
        Self::general(format_args!(
            "standard output cannot be written ({cause}), so part of it is lost{cure}"
        ))
    }

    /// The reason to end.
    pub(crate) const fn exit(&self) -> Exit {
        self.exit
    }

    /// Whether there is anything to say.
    pub(crate) const fn is_silent(&self) -> bool {
        self.sentence.is_empty()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

/// Folds line breaks and other control characters, so that nothing told can forge a second line.
fn one_line(text: &str) -> String {
    let visible = |character: char| {
        if character.is_control() {
            ' '
        } else {
            character
        }
    };
    text.chars().map(visible).collect()
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let exit = match refusal.reason() {
            Reason::Usage => Exit::Usage,
            Reason::General => Exit::General,
            Reason::Unavailable => Exit::Unavailable,
            Reason::Integrity => Exit::Integrity,
        };
        Self::new(exit, refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_one_line_whatever_the_cause_says() {
        let failure = Failure::usage("first\nerror: second\r\u{1b}[2J");
        assert_eq!(failure.to_string(), "first error: second  [2J");
    }
}
