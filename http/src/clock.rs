//! The time of day, also where the clock of the machine is far out.

use std::time::SystemTime;

use actix_http::header::HttpDate;
use signer_domain::Timestamp;

/// The time of day, or the first or last that can be told.
pub(crate) fn now() -> Timestamp {
    told(SystemTime::now())
}

/// The time of day as answers tell it; none where they have no words for it.
pub(crate) fn http_date() -> Option<String> {
    date_of(SystemTime::now())
}

fn told(time: SystemTime) -> Timestamp {
    let nearest = if time < SystemTime::UNIX_EPOCH {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    Timestamp::try_from(time).unwrap_or(nearest)
}

fn date_of(time: SystemTime) -> Option<String> {
    // Beyond this no date is written, here and by the HTTP library alike.
    let is_told = time >= SystemTime::UNIX_EPOCH && told(time) < Timestamp::MAX;
    is_told.then(|| HttpDate::from(time).to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const DAY: Duration = Duration::from_hours(24);
    const FAR: Duration = Duration::from_hours(24 * 366 * 9000);

    #[test]
    fn no_clock_is_so_far_out_that_there_is_no_time() {
        let epoch = SystemTime::UNIX_EPOCH;
        assert_eq!(told(epoch), Timestamp::UNIX_EPOCH);
        assert_eq!(told(epoch - DAY).to_string(), "1969-12-31T00:00:00Z");
        assert_eq!(told(epoch + FAR), Timestamp::MAX);
        assert!(told(epoch - FAR) < Timestamp::UNIX_EPOCH);
    }

    #[test]
    fn a_date_is_told_from_1970_to_9999() {
        let epoch = SystemTime::UNIX_EPOCH;
        let first = "Thu, 01 Jan 1970 00:00:00 GMT";
        assert_eq!(date_of(epoch).as_deref(), Some(first));
        assert_eq!(date_of(epoch - Duration::from_nanos(1)), None);
        assert_eq!(date_of(epoch + FAR), None);
    }
}
