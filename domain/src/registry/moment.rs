//! How precisely the registry tells the time.

use jiff::Timestamp;

/// The instant as a store keeps it: in whole microseconds, what is finer cut off.
pub(super) fn as_kept(at: Timestamp) -> Timestamp {
    // Only the last second of the year 9999 cannot be told so.
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instant_is_kept_in_whole_microseconds() {
        for (precise, kept) in [
            (
                "2027-01-15T08:00:00.123456789Z",
                "2027-01-15T08:00:00.123456Z",
            ),
            ("2027-01-15T08:00:00.123456Z", "2027-01-15T08:00:00.123456Z"),
        ] {
            let precise: Timestamp = precise.parse().unwrap();
            assert_eq!(as_kept(precise).to_string(), kept);
        }
    }
}
