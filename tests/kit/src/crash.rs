//! Deaths, failures and delays at every call of a driven port, for the tests of recovery.
//!
//! [`Crashing`] stands in front of an adapter and implements the ports that the adapter implements, those of the
//! registry by standing in front of the [`Engine`](signer_domain::registry::Engine).
//! Each call passes two [`Point`]s: `before` it, and `after` it, when the effect is there and the
//! answer is still on its way. What happens at a point is up to the [`CrashPoints`] that the test
//! armed.
//!
//! | text | what happens |
//! | --- | --- |
//! | `registry.complete.after:2` | the process dies at the second hit of this point |
//! | `any:17` | it dies at the 17th point, whichever it is; calls that only look are not counted |
//! | `registry.retire.before:1=fail` | the first such call fails without effect |
//! | `registry.retire.after:1+=fail` | from the first on, each has its effect and its answer is lost |
//! | `provider.retire.before:1=refuse` | the first such call fails and says that it certainly had no effect |
//! | `provider.sign.before:1+=slow-20ms` | each of these calls waits first |
//! | `audit.record.before:1=hangs` | the first such call never returns |
//!
//! Several are separated by commas.

mod audit;
mod disk;
mod hold;
mod plan;
mod point;
mod points;
mod provider;
mod registry;
mod remembering;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use self::disk::CrashingDisk;
pub use self::hold::Hold;
pub use self::plan::ParsePlanError;
pub use self::point::{Moment, Point, PortCall};
pub use self::points::{Blow, CrashPoints};
pub use self::remembering::Remembering;

/// An adapter with crash points around each of its calls.
#[derive(Debug)]
pub struct Crashing<A: ?Sized> {
    points: CrashPoints,
    inner: Arc<A>,
}

impl<A: ?Sized> Crashing<A> {
    /// Puts `points` around the calls of `inner`.
    pub const fn new(inner: Arc<A>, points: CrashPoints) -> Self {
        Self { points, inner }
    }
}
