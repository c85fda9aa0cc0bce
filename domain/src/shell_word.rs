//! A word of a command that an operator is told to run.

use std::fmt;
use std::path::Path;

/// A word as a POSIX shell takes it: in quotation marks where it would fall apart or mean something
/// else without them. For the commands that refusals give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShellWord(String);

impl ShellWord {
    /// The word for this text.
    pub fn of(text: impl fmt::Display) -> Self {
        let text = text.to_string();
        if !text.is_empty() && text.chars().all(means_itself) {
            return Self(text);
        }
        Self(format!("'{}'", text.replace('\'', r"'\''")))
    }

    /// The word for this path.
    pub fn of_path(path: &Path) -> Self {
        Self::of(path.display())
    }
}

const fn means_itself(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || matches!(
            character,
            '/' | '.' | '_' | '-' | ':' | '=' | ',' | '+' | '@' | '%'
        )
}

impl fmt::Display for ShellWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_quoted_where_a_shell_would_take_it_for_something_else() {
        for plain in ["/var/lib/x/audit.jsonl", "sqlite:a-b_c.db", "a=b,c+d@e%f"] {
            assert_eq!(ShellWord::of(plain).to_string(), plain);
        }
        for (text, word) in [
            ("", "''"),
            ("/my log", "'/my log'"),
            ("~/log", "'~/log'"),
            ("$HOME", "'$HOME'"),
            ("a`b`", "'a`b`'"),
            ("it's", r"'it'\''s'"),
            ("\u{e4}", "'\u{e4}'"),
        ] {
            assert_eq!(ShellWord::of(text).to_string(), word);
        }
    }
}
