//! What happens at the points.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Signal, getpid, kill_process};

use super::plan::{ParsePlanError, Plan};
use super::{Hold, Moment, Point, PortCall};

/// What a point does to the call that passes it.
#[derive(Debug, Clone)]
pub enum Blow {
    /// Nothing.
    None,
    /// The process dies by SIGKILL.
    Kill,
    /// The call fails as if its back end were out of reach.
    Fail,
    /// The call fails, and whoever asked learns that it had no effect. Meant for the point before a
    /// call of a provider; elsewhere it is as [`Fail`](Self::Fail).
    Refuse,
    /// The call goes on after this time.
    Delay(Duration),
    /// The call waits if this holds it, until it is let go.
    Wait(Arc<Hold>),
    /// The call never returns.
    Hang,
}

/// Decides what happens at each point. Clones count together.
#[derive(Clone)]
pub struct CrashPoints(Arc<dyn Fn(Point) -> Blow + Send + Sync>);

/// The call has to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Struck {
    /// Who asked cannot tell whether it had an effect.
    Lost,
    /// It had none, and says so.
    Refused,
}

impl CrashPoints {
    /// Asks `decide` at each point.
    pub fn decided_by(decide: impl Fn(Point) -> Blow + Send + Sync + 'static) -> Self {
        Self(Arc::new(decide))
    }

    /// No point does anything.
    pub fn unarmed() -> Self {
        Self::decided_by(|_| Blow::None)
    }

    /// Arms what `text` names; the table in the documentation of the module says how. A point that
    /// strikes says so on standard error: `crash point` and its name.
    ///
    /// # Errors
    /// When the text is not understood.
    pub fn parse(text: &str) -> Result<Self, ParsePlanError> {
        let plan = Plan::parse(text)?;
        Ok(Self::decided_by(move |point| {
            let blow = plan.blow_at(point);
            if !matches!(blow, Blow::None) {
                announce(point);
            }
            blow
        }))
    }

    /// Passes a point.
    pub(super) async fn pass(&self, call: PortCall, moment: Moment) -> Result<(), Struck> {
        let point = Point { call, moment };
        match (self.0)(point) {
            Blow::None => Ok(()),
            Blow::Kill => die(point),
            Blow::Fail => Err(Struck::Lost),
            Blow::Refuse => Err(Struck::Refused),
            Blow::Delay(delay) => {
                tokio::time::sleep(delay).await;
                Ok(())
            }
            Blow::Wait(hold) => {
                hold.pass().await;
                Ok(())
            }
            Blow::Hang => std::future::pending().await,
        }
    }

    /// Passes a point of a call that nobody waits for, which can be lost or end the process but
    /// neither wait nor hang.
    pub(super) fn pass_at_once(&self, call: PortCall, moment: Moment) -> Result<(), Struck> {
        let point = Point { call, moment };
        match (self.0)(point) {
            Blow::None | Blow::Delay(_) | Blow::Wait(_) => Ok(()),
            Blow::Kill => die(point),
            Blow::Fail | Blow::Refuse | Blow::Hang => Err(Struck::Lost),
        }
    }

    /// Passes a point on a thread that may wait.
    fn pass_on_a_thread(&self, call: PortCall, moment: Moment) -> io::Result<()> {
        let point = Point { call, moment };
        match (self.0)(point) {
            Blow::None | Blow::Wait(_) => Ok(()),
            Blow::Kill => die(point),
            Blow::Fail | Blow::Refuse => Err(io::Error::other("a crash point was passed")),
            Blow::Delay(delay) => {
                wait(delay);
                Ok(())
            }
            Blow::Hang => {
                wait(Duration::MAX);
                Ok(())
            }
        }
    }

    /// Does `work` between its two points, on a thread that may wait.
    ///
    /// # Errors
    /// Those of the work, and what a point strikes.
    pub fn around_on_a_thread<T>(
        &self,
        call: PortCall,
        work: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        self.pass_on_a_thread(call, Moment::Before)?;
        let answer = work()?;
        self.pass_on_a_thread(call, Moment::After)?;
        Ok(answer)
    }

    /// Passes both points of a call that can fail.
    pub(super) async fn around<T, E>(
        &self,
        call: PortCall,
        unavailable: fn(Struck) -> E,
        work: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        self.pass(call, Moment::Before).await.map_err(unavailable)?;
        let answer = work.await;
        self.pass(call, Moment::After).await.map_err(unavailable)?;
        answer
    }
}

/// Keeps this thread, and only this one, for so long. Nobody wakes it up.
fn wait(time: Duration) {
    let started = Instant::now();
    while let Some(left) = time.checked_sub(started.elapsed()) {
        thread::park_timeout(left);
    }
}

#[expect(
    clippy::print_stderr,
    reason = "a test listens, and the log may be off"
)]
fn announce(point: Point) {
    eprintln!("crash point {point}");
}

/// Ends the process as a power cut would: nothing is flushed, nobody is told. The signal reaches this
/// thread before the system call returns.
#[expect(clippy::panic, reason = "there is nothing to return to")]
fn die(point: Point) -> ! {
    let killed = kill_process(getpid(), Signal::KILL);
    panic!("survived {point}: {killed:?}")
}

impl fmt::Debug for CrashPoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CrashPoints").finish_non_exhaustive()
    }
}
