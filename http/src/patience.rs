//! How long a request is waited for.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use actix_web::rt::time::{Sleep, sleep_until};
use futures_util::future::poll_fn;
use signer_domain::Deadline;

use crate::drain::{Drain, Stage};

/// How often a waiting request looks whether the drain has expired.
const GLANCE: Duration = Duration::from_millis(250);

/// The patience with one request. It owns one timer, armed only once there is something to wait
/// for: most requests are answered without.
#[derive(Debug)]
pub(crate) struct Patience<'d> {
    cutoff: Instant,
    drain: &'d Drain,
    timer: Option<Pin<Box<Sleep>>>,
}

/// Why nobody waits any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Impatience {
    /// The deadline has passed.
    DeadlinePassed,
    /// The process stops and cannot wait any longer.
    DrainExpired,
}

impl<'d> Patience<'d> {
    pub(crate) const fn until(deadline: Deadline, drain: &'d Drain) -> Self {
        Self {
            cutoff: deadline.instant(),
            drain,
            timer: None,
        }
    }

    /// Waits a little longer from here on.
    pub(crate) fn extend(&mut self, grace: Duration) {
        self.cutoff += grace;
    }

    /// Waits for `future`, which is always asked first.
    pub(crate) async fn wait_for<F: Future>(&mut self, future: F) -> Result<F::Output, Impatience> {
        let mut future = pin!(future);
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => self.poll_end(cx).map(Err),
        })
        .await
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Impatience> {
        loop {
            let now = Instant::now();
            if self.drain.stage() == Stage::Expired {
                return Poll::Ready(Impatience::DrainExpired);
            }
            if now >= self.cutoff {
                return Poll::Ready(Impatience::DeadlinePassed);
            }
            let glance = self.cutoff.min(now + GLANCE);
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(sleep_until(glance.into())));
            ready!(timer.as_mut().poll(cx));
            timer.as_mut().reset(glance.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[actix_web::test]
    async fn an_answer_that_is_there_wins_over_a_deadline_that_has_passed() {
        let drain = Drain::default();
        let mut patience = Patience::until(Deadline::after(Duration::ZERO), &drain);
        assert_eq!(patience.wait_for(ready(7)).await, Ok(7));
    }

    #[actix_web::test]
    async fn gives_up_at_the_deadline() {
        let drain = Drain::default();
        let deadline = Deadline::after(Duration::from_millis(20));
        let mut patience = Patience::until(deadline, &drain);
        let waited = patience.wait_for(pending::<()>()).await;
        assert_eq!(waited, Err(Impatience::DeadlinePassed));
        assert!(deadline.is_past());
    }

    #[actix_web::test]
    async fn gives_up_when_the_drain_expires() {
        let drain = Drain::default();
        drain.expire();
        let mut patience = Patience::until(Deadline::after(Duration::from_mins(1)), &drain);
        let waited = patience.wait_for(pending::<()>()).await;
        assert_eq!(waited, Err(Impatience::DrainExpired));
    }
}
