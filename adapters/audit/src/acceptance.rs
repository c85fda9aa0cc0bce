//! What an operator accepts of a log that does not fit.

/// What the operator decided when a log was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Acceptance {
    /// Nothing: whatever does not fit is refused.
    #[default]
    Nothing,
    /// The registry as it stands now.
    Registry,
    /// That the log ends before its checkpoint, or lacks what a run that died had written.
    Cut,
}
