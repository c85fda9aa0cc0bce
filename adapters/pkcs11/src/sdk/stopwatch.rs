//! How long a thread has been inside the module, and until when it may wait for others.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Runs while its thread is at work in the module, and stands while the thread waits outside: whoever
/// waits for another's login or for a pause to end is no call that does not return.
#[derive(Debug, Default)]
pub(super) struct Stopwatch(Mutex<Option<Instant>>);

impl Stopwatch {
    /// Starts it from zero.
    pub(super) fn start(&self) {
        *self.0.lock() = Some(Instant::now());
    }

    /// How long the thread has been inside without a break.
    pub(super) fn elapsed(&self) -> Duration {
        self.0
            .lock()
            .map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Stops it; tells whether it ran.
    fn stop(&self) -> bool {
        self.0.lock().take().is_some()
    }
}

/// Until when a thread may wait for something outside of the module.
#[derive(Debug, Clone, Copy)]
pub(super) struct Until<'thread> {
    instant: Instant,
    stopwatch: &'thread Stopwatch,
}

impl<'thread> Until<'thread> {
    pub(super) const fn new(instant: Instant, stopwatch: &'thread Stopwatch) -> Self {
        Self { instant, stopwatch }
    }

    /// The same, but no later than `instant`.
    pub(super) fn at_most(self, instant: Instant) -> Self {
        Self {
            instant: self.instant.min(instant),
            ..self
        }
    }

    pub(super) const fn instant(self) -> Instant {
        self.instant
    }

    pub(super) fn is_past(self) -> bool {
        Instant::now() >= self.instant
    }

    /// Waits until then, whatever happens.
    pub(super) fn pass(self) {
        self.wait(|end| {
            loop {
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return;
                }
                std::thread::park_timeout(left);
            }
        });
    }

    /// Waits. That is no time in the module, and what comes after it is measured from zero.
    pub(super) fn wait<T>(self, wait: impl FnOnce(Instant) -> T) -> T {
        let ran = self.stopwatch.stop();
        let waited = wait(self.instant);
        if ran {
            self.stopwatch.start();
        }
        waited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stands_while_its_thread_waits_and_begins_anew_behind_that() {
        let stopwatch = Stopwatch::default();
        let until = Until::new(Instant::now(), &stopwatch);
        assert_eq!(stopwatch.elapsed(), Duration::ZERO);
        stopwatch.start();
        let started = *stopwatch.0.lock();
        until.wait(|_until| assert_eq!(*stopwatch.0.lock(), None));
        assert!(*stopwatch.0.lock() >= started);
    }

    #[test]
    fn does_not_begin_to_run_because_something_was_waited_for() {
        let stopwatch = Stopwatch::default();
        Until::new(Instant::now(), &stopwatch).wait(|_until| ());
        assert_eq!(*stopwatch.0.lock(), None);
    }
}
