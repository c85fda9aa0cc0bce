//! The time of day, also where the clock of the machine is far out.

use std::time::SystemTime;

use jiff::Timestamp;

/// The last second that can be told. Behind it, `Timestamp` reads no microseconds back.
pub const LAST: Timestamp = Timestamp::constant(253_402_207_200, 0);

/// The time of day, or the first or last that can be told.
pub fn now() -> Timestamp {
    told(SystemTime::now())
}

fn told(time: SystemTime) -> Timestamp {
    let nearest = if time < SystemTime::UNIX_EPOCH {
        Timestamp::MIN
    } else {
        LAST
    };
    Timestamp::try_from(time).map_or(nearest, |time| time.min(LAST))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn no_clock_is_so_far_out_that_there_is_no_time() {
        let day = Duration::from_hours(24);
        let far = day * (366 * 9000);
        let epoch = SystemTime::UNIX_EPOCH;
        assert_eq!(told(epoch), Timestamp::UNIX_EPOCH);
        assert_eq!(told(epoch - day).to_string(), "1969-12-31T00:00:00Z");
        assert_eq!(told(epoch + far), LAST);
        assert!(told(epoch - far) < Timestamp::UNIX_EPOCH);
    }

    #[test]
    fn the_first_and_the_last_time_can_be_stored_in_microseconds() {
        assert_eq!(LAST.as_second(), Timestamp::MAX.as_second());
        for time in [Timestamp::MIN, LAST] {
            let stored = time.as_microsecond();
            assert_eq!(Timestamp::from_microsecond(stored).unwrap(), time);
        }
    }
}
