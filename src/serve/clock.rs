//! The clock of the machine, which must show a time that can be told.

use std::time::{Duration, SystemTime};

use crate::failure::Failure;

/// The end of the year 9999, less three days that libraries keep free for time zones.
const END: Duration = Duration::from_hours(24 * 2_932_894);

/// Refuses to start while the clock shows a time that neither answers nor the audit log could tell.
///
/// # Errors
/// One sentence with the cure.
pub(super) fn check() -> Result<(), Failure> {
    if is_told(SystemTime::now()) {
        return Ok(());
    }
    Err(Failure::general(
        "the clock of this machine shows a time before 1970 or after 9999; set it",
    ))
}

fn is_told(now: SystemTime) -> bool {
    now.duration_since(SystemTime::UNIX_EPOCH)
        .is_ok_and(|since| since < END)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_years_from_1970_to_9999_can_be_told() {
        let epoch = SystemTime::UNIX_EPOCH;
        assert!(is_told(epoch));
        assert!(is_told(SystemTime::now()));
        assert!(!is_told(epoch - Duration::from_nanos(1)));
        assert!(is_told(epoch + END - Duration::from_secs(1)));
        assert!(!is_told(epoch + END));
    }
}
