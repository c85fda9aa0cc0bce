//! A registry whose answers can get lost on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signer_kit::crash::{Blow, CrashPoints, Hold, Moment, Point, PortCall};

/// What the next answers of the registry are to suffer.
#[derive(Debug, Default)]
pub(crate) struct Lapses {
    /// How many further answers to a retirement or the end of a rotation get lost.
    pub(crate) losses: AtomicUsize,
    /// How many retirements and blocks fail before they have any effect.
    pub(crate) refusals: AtomicUsize,
    /// Whether what was learned of the registry does not count any more.
    pub(crate) is_lost: AtomicBool,
    /// Holds the next answer to `find` back.
    pub(crate) record: Arc<Hold>,
    /// Holds the next reservation back that is to be abandoned.
    pub(crate) abandonment: Arc<Hold>,
}

impl Lapses {
    /// The points where that happens.
    pub(crate) fn points(self: &Arc<Self>) -> CrashPoints {
        let lapses = Arc::clone(self);
        CrashPoints::decided_by(move |point| lapses.blow_at(point))
    }

    fn blow_at(&self, Point { call, moment }: Point) -> Blow {
        match (moment, call) {
            (Moment::Before, PortCall::LeaseHolds) if self.is_lost.load(Ordering::SeqCst) => {
                Blow::Fail
            }
            (Moment::Before, PortCall::Abandon) => Blow::Wait(Arc::clone(&self.abandonment)),
            (Moment::After, PortCall::Find) => Blow::Wait(Arc::clone(&self.record)),
            (Moment::Before, PortCall::Mark | PortCall::Retire) => strike(&self.refusals),
            (
                Moment::After,
                PortCall::Mark | PortCall::Unmark | PortCall::Retire | PortCall::CloseRotation,
            ) => strike(&self.losses),
            _ => Blow::None,
        }
    }
}

/// Fails if a failure is due.
fn strike(due: &AtomicUsize) -> Blow {
    let one_less = |due: usize| due.checked_sub(1);
    match due.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less) {
        Ok(_) => Blow::Fail,
        Err(_none) => Blow::None,
    }
}
