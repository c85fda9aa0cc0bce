//! The one rule for text that an operator hands over in a variable.

/// The text of `value` without the line end that an editor, `echo` or a mounted secret puts behind it.
///
/// # Errors
/// When a control character or a byte order mark is left, in words that fit behind the name of the variable.
/// They never show the value, which may be a secret.
pub(crate) fn one_line(value: &str) -> Result<&str, &'static str> {
    let line = value.strip_suffix('\n').unwrap_or(value);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line
        .chars()
        .any(|it| it.is_control() || it == BYTE_ORDER_MARK)
    {
        return Err("must be one line of text without control characters");
    }
    Ok(line)
}

const BYTE_ORDER_MARK: char = '\u{feff}';
