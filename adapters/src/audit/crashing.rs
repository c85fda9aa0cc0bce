//! Crash points between the writer of the log and its file. Never compiled into a shipped binary.

use std::io;

use super::chain::Position;
use super::sink::{Sink, Standing, Store};
use crate::crash::{CrashPoints, Moment, PortCall};

/// A store whose files have crash points.
#[derive(Debug)]
pub(super) struct CrashingStore<S> {
    inner: S,
    points: CrashPoints,
}

impl<S> CrashingStore<S> {
    pub(super) const fn new(inner: S, points: CrashPoints) -> Self {
        Self { inner, points }
    }
}

/// A file with crash points.
#[derive(Debug)]
pub(super) struct CrashingSink<S> {
    inner: S,
    points: CrashPoints,
}

/// Does `work` between its two points.
fn around<T>(
    points: &CrashPoints,
    call: PortCall,
    work: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    points.pass_on_a_thread(call, Moment::Before)?;
    let answer = work()?;
    points.pass_on_a_thread(call, Moment::After)?;
    Ok(answer)
}

impl<S: Store> Store for CrashingStore<S> {
    type Sink = CrashingSink<S::Sink>;

    fn open(&mut self, position: Position) -> io::Result<(Self::Sink, u64)> {
        let (inner, length) = around(&self.points, PortCall::OpenLog, || {
            self.inner.open(position)
        })?;
        let points = self.points.clone();
        Ok((CrashingSink { inner, points }, length))
    }
}

impl<S: Sink> Sink for CrashingSink<S> {
    /// Writes in two halves, because the kernel may as well: a death in between leaves a torn line.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (front, back) = bytes.split_at(bytes.len() / 2);
        around(&self.points, PortCall::AppendToLog, || {
            self.inner.append(front)
        })?;
        around(&self.points, PortCall::AppendToLog, || {
            self.inner.append(back)
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        around(&self.points, PortCall::SyncLog, || self.inner.sync())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        around(&self.points, PortCall::TruncateLog, || {
            self.inner.truncate(length)
        })
    }

    fn standing(&mut self) -> io::Result<Standing> {
        around(&self.points, PortCall::LookAtLog, || self.inner.standing())
    }
}
