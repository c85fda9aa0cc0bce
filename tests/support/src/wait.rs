//! Waiting for what another process does.

use std::time::{Duration, Instant};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Looks again and again until `look` sees something; panics when it never does.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(started.elapsed() < PATIENCE, "never saw: {what}");
        pause(Duration::from_millis(5));
    }
}

/// Lets time pass.
pub fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
