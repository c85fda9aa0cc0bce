//! The one rule for a path that an operator writes, in a flag or in a variable.

/// Why a text is not taken for the path of a file. Displays in words that fit behind the name of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathProblem {
    /// There is nothing, or what no path can hold.
    #[error("must be a path")]
    NoPath,
    /// It is a word by which other programs are told yes, no, or standard output.
    #[error("must be a path; for a file of that name put ./ in front")]
    Switch,
    /// It would name a file that nobody sees or types.
    #[error("must be one line of text without control characters")]
    NotOneLine,
    /// A blank around it was left there by accident.
    #[error("must not begin or end with a blank")]
    Blank,
}

/// Refuses what nobody means as the path of a file.
///
/// # Errors
/// With what is wrong with it.
pub fn check_path(text: &str) -> Result<(), PathProblem> {
    if text.is_empty() || text.contains('\0') {
        Err(PathProblem::NoPath)
    } else if !is_one_line(text) {
        Err(PathProblem::NotOneLine)
    } else if is_a_switch(text) {
        Err(PathProblem::Switch)
    } else if text.trim() != text {
        Err(PathProblem::Blank)
    } else {
        Ok(())
    }
}

/// Whether `text` holds neither a control character nor a byte order mark.
pub fn is_one_line(text: &str) -> bool {
    const BYTE_ORDER_MARK: char = '\u{feff}';
    !text
        .chars()
        .any(|it| it.is_control() || it == BYTE_ORDER_MARK)
}

fn is_a_switch(text: &str) -> bool {
    const SWITCHES: [&str; 14] = [
        "-", "none", "null", "nil", "off", "on", "no", "yes", "false", "true", "0", "1", "stdout",
        "stderr",
    ];
    SWITCHES
        .iter()
        .any(|switch| text.trim().eq_ignore_ascii_case(switch))
}
