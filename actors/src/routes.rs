//! The way from a handle to its key actor, without passing through anybody's mailbox.

mod current_keys;
mod key_routes;
mod missing_keys;
mod notice_watch;
mod provider_routes;
mod record_changes;
mod rotation_watch;
mod under_way;
mod unsettled_watch;

use std::sync::Arc;

use actix::Addr;
use signer_domain::ports::{CustodyError, GeneratedOrStanding, OpenedOrStanding};
use signer_domain::{Deadline, HandleId, KeyId, ProviderName, Scope};

pub(crate) use current_keys::CurrentKeys;
pub(crate) use key_routes::KeyRoutes;
pub(crate) use missing_keys::MissingKeys;
pub(crate) use notice_watch::NoticeWatch;
pub(crate) use provider_routes::ProviderRoutes;
pub(crate) use record_changes::RecordChanges;
pub(crate) use rotation_watch::RotationWatch;
pub(crate) use under_way::{GenerateOutcome, Made, OpenOutcome, Place, UnderWay};
pub(crate) use unsettled_watch::UnsettledWatch;

use crate::admission::{Admission, Seat};
use crate::key::{KeyActor, Seats};
use crate::metrics::Metrics;
use crate::settings::CustodySettings;

/// The shared address tables. Locks are held for look-ups only, never across an await.
#[derive(Debug)]
pub(crate) struct Routes {
    /// From a handle to its actor.
    pub(crate) keys: KeyRoutes,
    /// From a provider's name to its actor and status.
    pub(crate) providers: ProviderRoutes,
    /// From a scope to the handle that signs for it.
    pub(crate) currents: Arc<CurrentKeys>,
    /// From a name to those who wait for its key to be made.
    pub(crate) generations: Arc<UnderWay<GeneratedOrStanding>>,
    /// The same for the new keys of rotations.
    pub(crate) openings: Arc<UnderWay<OpenedOrStanding>>,
    /// The keys whose records are being changed.
    pub(crate) changes: Arc<RecordChanges>,
    /// The keys that their providers do not show.
    pub(crate) missing: Arc<MissingKeys>,
    /// What was last seen of the marks of keys, and of scopes that cannot sign.
    pub(crate) notices: NoticeWatch,
    /// What was last seen of the rotations that are open.
    pub(crate) rotations: RotationWatch,
    /// What was last seen of reservations that nobody settles.
    pub(crate) unsettled: UnsettledWatch,
    metrics: Metrics,
}

/// The way to one key: the address of its actor, and the seats that go with a message to it.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) addr: Addr<KeyActor>,
    pub(crate) seats: Seats,
}

/// Where to queue for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// For one signature: turned away when there is no room.
    Single,
    /// For a share of a batch: waits for room.
    Share,
    /// For a retirement or a read: turned away when there is no room, but not for signs.
    Control,
}

impl Routes {
    pub(crate) fn new(
        names: &[ProviderName],
        settings: &CustodySettings,
        metrics: Metrics,
    ) -> Self {
        Self {
            keys: KeyRoutes::new(metrics.clone()),
            providers: ProviderRoutes::new(names, settings.max_in_flight, metrics.clone()),
            currents: Arc::default(),
            generations: Arc::default(),
            openings: Arc::default(),
            changes: Arc::default(),
            missing: Arc::new(MissingKeys::new(metrics.clone())),
            notices: NoticeWatch::new(metrics.clone()),
            rotations: RotationWatch::new(metrics.clone()),
            unsettled: UnsettledWatch::new(metrics.clone()),
            metrics,
        }
    }

    /// The way to a resident key; `None` when its actor is not in memory.
    ///
    /// # Errors
    /// [`CustodyError::Overloaded`] when there is no room for the key or its provider;
    /// [`CustodyError::DeadlineExceeded`] when room came too late.
    pub(crate) async fn way_to(
        &self,
        handle: &HandleId,
        line: Line,
        deadline: Deadline,
    ) -> Result<Option<Way>, CustodyError> {
        let room = match line {
            Line::Single | Line::Share => self.providers.work(handle.provider()),
            Line::Control => self.providers.control(handle.provider()),
        };
        let room = room.ok_or(CustodyError::KeyNotFound)?;
        let entered = match line {
            Line::Single => self.keys.enter(handle, |gate| gate.singles.enter()),
            Line::Control => self.keys.enter(handle, |gate| gate.control.enter()),
            Line::Share => return self.way_to_share(handle, &room, deadline).await,
        };
        let Some((addr, key)) = self.counted(entered)? else {
            return Ok(None);
        };
        let room = self.counted(room.enter())?;
        Ok(Some(Way {
            addr,
            seats: Seats::new(key, room),
        }))
    }

    /// Waits for the key first: who waits for a crowded key takes no room from others.
    async fn way_to_share(
        &self,
        handle: &HandleId,
        room: &Admission,
        deadline: Deadline,
    ) -> Result<Option<Way>, CustodyError> {
        let Some((_, gate)) = self.keys.enter(handle, |gate| Ok(Arc::clone(gate)))? else {
            return Ok(None);
        };
        let key = gate.shares.wait(deadline).await?;
        let room = room.wait(deadline).await?;
        // The seat holds the gate in place, but the actor may have changed meanwhile.
        let Some((addr, current)) = self.keys.enter(handle, |gate| Ok(Arc::clone(gate)))? else {
            return Ok(None);
        };
        let is_same = Arc::ptr_eq(&gate, &current);
        Ok(is_same.then(|| Way {
            addr,
            seats: Seats::new(key, room),
        }))
    }

    /// A seat in the room of a provider's work.
    ///
    /// # Errors
    /// [`CustodyError::Overloaded`]; [`CustodyError::KeyNotFound`] when it is not configured.
    pub(crate) fn enter_work(&self, name: ProviderName) -> Result<Seat, CustodyError> {
        let room = self.providers.work(name).ok_or(CustodyError::KeyNotFound)?;
        self.counted(room.enter())
    }

    /// Whether a key of this name is being made, for whatever purpose.
    pub(crate) fn is_being_made(&self, scope: Scope, key_id: &KeyId) -> bool {
        self.generations.is_under_way(scope, key_id) || self.openings.is_under_way(scope, key_id)
    }

    fn counted<T>(&self, entered: Result<T, CustodyError>) -> Result<T, CustodyError> {
        entered.inspect_err(|_overloaded| {
            self.metrics.overloads.inc();
        })
    }

    /// Cuts a dead provider off, together with the actors of its keys: they hold the dead value.
    pub(crate) fn bury_provider(&self, name: ProviderName) {
        self.providers.bury(name);
        self.keys.bury_all_of(name);
    }
}
