//! The time of day as answers tell it.

use std::time::SystemTime;

use actix_http::header::HttpDate;
use signer_domain::Timestamp;

/// The time of day; none where answers have no words for it.
pub(crate) fn http_date() -> Option<String> {
    date_of(SystemTime::now())
}

fn date_of(time: SystemTime) -> Option<String> {
    // Beyond this no date is written, here and by the HTTP library alike.
    let is_told = time >= SystemTime::UNIX_EPOCH && Timestamp::try_from(time).is_ok();
    is_told.then(|| HttpDate::from(time).to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_date_is_told_from_1970_to_9999() {
        let epoch = SystemTime::UNIX_EPOCH;
        let first = "Thu, 01 Jan 1970 00:00:00 GMT";
        let far = Duration::from_hours(24 * 366 * 9000);
        assert_eq!(date_of(epoch).as_deref(), Some(first));
        assert_eq!(date_of(epoch - Duration::from_nanos(1)), None);
        assert_eq!(date_of(epoch + far), None);
    }
}
