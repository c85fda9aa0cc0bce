//! How far a key's actor relies on the record that it has in memory.

use std::sync::Arc;

use actix::prelude::*;
use signer_domain::ports::CustodyError;
use signer_domain::{KeyState, SigningKey};

use super::KeyActor;
use crate::errors::from_registry;

/// How far the record in memory may be relied on. Each change whose answer got lost may have changed it:
/// then it is read again before the key is used, and a reading that began before says nothing.
#[derive(Debug, Default)]
pub(super) struct Trust {
    /// How many answers got lost.
    doubts: u64,
    /// How many of them had by the time of the last reading.
    settled: u64,
    pub(super) is_reading: bool,
}

impl Trust {
    /// Notes that an answer got lost.
    pub(super) const fn doubt(&mut self) {
        self.doubts += 1;
    }

    /// Whether the record must be read again before the key is used.
    pub(super) const fn is_shaken(&self) -> bool {
        self.settled < self.doubts
    }
}

impl KeyActor {
    /// Reads the record again because it may no longer be relied on.
    pub(super) fn read_again(&mut self, ctx: &mut Context<Self>) {
        let doubts = self.trust.doubts;
        self.trust.is_reading = true;
        let registry = Arc::clone(&self.means.ports.registry);
        let handle = self.record.handle_id.clone();
        let read = async move { registry.find(&handle).await };
        ctx.spawn(read.into_actor(self).map(move |found, actor, ctx| {
            actor.trust.is_reading = false;
            let found = found.map_err(from_registry);
            match found.and_then(|found| found.ok_or(CustodyError::KeyNotFound)) {
                Ok(key) => {
                    actor.adopt(key);
                    actor.trust.settled = doubts;
                }
                Err(error) => actor.jobs.refuse(&error),
            }
            actor.advance(ctx);
        }));
    }

    /// Takes over a record, unless a later one was taken over meanwhile.
    pub(super) fn adopt(&mut self, key: SigningKey) {
        if key.version < self.record.version {
            return;
        }
        self.room.exit.follow(&key);
        if key.state == KeyState::Retired {
            self.is_retiring = false;
            self.stays = None;
        }
        self.record = Arc::new(key);
        self.pen = None;
    }
}
