//! The one rule for text that an operator hands over in a variable.

use signer_domain::is_one_line;

/// The text of `value` without the line end that an editor, `echo` or a mounted secret puts behind it.
///
/// # Errors
/// When a control character or a byte order mark is left, in words that fit behind the name of the variable.
/// They never show the value, which may be a secret.
pub(crate) fn one_line(value: &str) -> Result<&str, &'static str> {
    let line = value.strip_suffix('\n').unwrap_or(value);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if is_one_line(line) {
        Ok(line)
    } else {
        Err("must be one line of text without control characters")
    }
}
