//! How the actor goes through the signatures that are waited for.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use futures_util::FutureExt as _;
use signer_domain::ports::CustodyError;

use super::change::{News, tell};
use super::jobs::Job;
use super::pen::Pen;
use super::{KeyActor, SLICE};
use crate::errors::provider_down;
use crate::guarded::GuardedProvider;

/// How often the actor looks for requests whose deadline is past.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// When a signature is made.
#[derive(Debug, PartialEq, Eq)]
enum Course {
    Refused,
    /// It is there already: the provider computes it on this thread.
    AtOnce,
    Later,
}

/// Tells the actor that a signature is no longer being made.
struct SignatureOver(Addr<KeyActor>);

impl Drop for SignatureOver {
    fn drop(&mut self) {
        tell(&self.0, News::SignatureOver);
    }
}

impl KeyActor {
    /// What to sign with.
    pub(super) fn pen(&mut self, ctx: &mut Context<Self>) -> Arc<Pen> {
        let pen = self.pen.get_or_insert_with(|| {
            Arc::new(Pen {
                key: Arc::clone(&self.record),
                verifier: self.verifier.clone(),
                means: Arc::clone(&self.means),
                room: Arc::clone(&self.room),
                actor: ctx.address().downgrade(),
                signatures: self.means.metrics.signatures_of(self.record.provider()),
            })
        });
        Arc::clone(pen)
    }

    /// Makes the signatures that are waited for, as many at once as the provider takes.
    pub(super) fn sign_some(&mut self, ctx: &mut Context<Self>) {
        let provider = self.means.providers.value(self.record.provider());
        let width = provider
            .as_ref()
            .map_or(1, |provider| provider.capabilities().max_in_flight.get());
        let mut at_once = 0;
        while self.signing < width {
            if at_once == SLICE {
                self.pause(ctx);
                return;
            }
            let Some(job) = self.jobs.next() else {
                return;
            };
            if self.begin(job, provider.as_ref(), ctx) == Course::AtOnce {
                at_once += 1;
            }
        }
    }

    /// Makes a signature, or begins to.
    fn begin(
        &mut self,
        job: Job,
        provider: Option<&Arc<GuardedProvider>>,
        ctx: &mut Context<Self>,
    ) -> Course {
        let (digest, deadline) = job.wanted();
        let provider = if deadline.is_past() {
            Err(CustodyError::DeadlineExceeded)
        } else {
            let may_sign = self.may_sign();
            may_sign.and_then(|()| provider.cloned().ok_or_else(provider_down))
        };
        let provider = match provider {
            Ok(provider) => provider,
            Err(error) => {
                job.refuse(error);
                return Course::Refused;
            }
        };
        let pen = self.pen(ctx);
        let exit = Arc::clone(&self.room.exit);
        let mut work = Box::pin(async move { pen.sign(&provider, &digest, deadline).await });
        if let Some(signed) = work.as_mut().now_or_never() {
            job.keep(signed, exit);
            return Course::AtOnce;
        }
        self.signing += 1;
        let over = SignatureOver(ctx.address());
        actix_rt::spawn(async move {
            job.keep_by(work, exit).await;
            drop(over);
        });
        Course::Later
    }

    /// Lets others of this thread run, and goes on.
    fn pause(&mut self, ctx: &mut Context<Self>) {
        if !self.plans.go_on {
            self.plans.go_on = true;
            let pause = fut::wrap_future::<_, Self>(tokio::task::yield_now());
            ctx.spawn(pause.map(|(), actor, ctx| {
                actor.plans.go_on = false;
                actor.advance(ctx);
            }));
        }
    }

    /// Tells those whose time is up, every now and then.
    pub(super) fn look_for_the_late(&mut self, ctx: &mut Context<Self>) {
        if !self.plans.look && !self.jobs.is_empty() {
            self.plans.look = true;
            ctx.run_later(LOOK_INTERVAL, |actor, ctx| {
                actor.plans.look = false;
                actor.jobs.drop_the_late();
                actor.look_for_the_late(ctx);
            });
        }
    }
}
