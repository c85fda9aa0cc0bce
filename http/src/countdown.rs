//! A limit to how long something is waited for.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use actix_web::rt::time::{Sleep, sleep_until};

/// A wait with a limit, which may begin anew as often as it likes: that costs a look at the clock,
/// and the one timer is only ever put off.
#[derive(Debug)]
pub(crate) struct Countdown {
    limit: Duration,
    end: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Countdown {
    /// Nothing is waited for yet.
    pub(crate) const fn new(limit: Duration) -> Self {
        Self {
            limit,
            end: None,
            timer: None,
        }
    }

    /// Begins, or begins anew.
    pub(crate) fn start(&mut self) {
        self.end = Some(Instant::now() + self.limit);
    }

    /// Nothing is waited for any more.
    pub(crate) const fn stop(&mut self) {
        self.end = None;
    }

    pub(crate) const fn is_running(&self) -> bool {
        self.end.is_some()
    }

    /// Ready once the limit is reached; never while nothing is waited for.
    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(end) = self.end else {
            return Poll::Pending;
        };
        let end = end.into();
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
        if timer.deadline() < end {
            timer.as_mut().reset(end);
        }
        timer.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures_util::poll;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(30);

    #[actix_web::test]
    async fn ends_after_the_limit_and_later_when_it_begins_anew() {
        let mut countdown = Countdown::new(LIMIT);
        for _ in 0..2 {
            let started = Instant::now();
            countdown.start();
            poll_fn(|cx| countdown.poll_end(cx)).await;
            assert!(started.elapsed() >= LIMIT);
        }
        let endless = Duration::from_hours(1);
        let mut countdown = Countdown::new(endless);
        countdown.start();
        assert!(poll!(poll_fn(|cx| countdown.poll_end(cx))).is_pending());
    }

    #[actix_web::test]
    async fn never_ends_while_nothing_is_waited_for() {
        let mut countdown = Countdown::new(Duration::ZERO);
        assert!(!countdown.is_running());
        assert!(poll!(poll_fn(|cx| countdown.poll_end(cx))).is_pending());
        countdown.start();
        assert!(countdown.is_running());
        countdown.stop();
        assert!(poll!(poll_fn(|cx| countdown.poll_end(cx))).is_pending());
    }
}
