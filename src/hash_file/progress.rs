//! A progress bar for what takes long enough to look at.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Below this length, hashing is over before a bar could be read.
const WORTH_SHOWING: u64 = 64 * 1024 * 1024;

/// The bytes read so far. It is drawn on standard error, and only where that is a terminal.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// A bar towards `length` bytes; nothing to see for a short file.
    pub(super) fn of_length(length: u64) -> Self {
        if length < WORTH_SHOWING {
            return Self(ProgressBar::hidden());
        }
        Self::drawn(
            ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr()),
            "{bar:30} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}",
        )
    }

    /// A count of bytes whose end nobody knows.
    pub(super) fn of_unknown_length() -> Self {
        Self::drawn(
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()),
            "{spinner} {bytes} {binary_bytes_per_sec}",
        )
    }

    fn drawn(bar: ProgressBar, template: &str) -> Self {
        // A template that does not parse costs the looks, not the digest.
        Self(match ProgressStyle::with_template(template) {
            Ok(style) => bar.with_style(style),
            Err(_malformed) => bar,
        })
    }

    /// Counts bytes.
    pub(super) fn advance(&self, count: usize) {
        self.0.inc(u64::try_from(count).unwrap_or(u64::MAX));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_templates_are_well_formed() {
        for template in [
            "{bar:30} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}",
            "{spinner} {bytes} {binary_bytes_per_sec}",
        ] {
            ProgressStyle::with_template(template).unwrap();
        }
    }
}
