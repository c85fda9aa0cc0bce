//! Crash points between the writer of the log and its file. Never compiled into a shipped binary.

use std::io;

use super::chain::Position;
use super::sink::{Sink, Standing, Store};
use crate::crash::{CrashPoints, PortCall};

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

impl<S: Store> Store for CrashingStore<S> {
    type Sink = CrashingSink<S::Sink>;

    fn open(&mut self, position: Position) -> io::Result<(Self::Sink, u64)> {
        let (inner, length) = self
            .points
            .around_on_a_thread(PortCall::OpenLog, || self.inner.open(position))?;
        let points = self.points.clone();
        Ok((CrashingSink { inner, points }, length))
    }
}

impl<S: Sink> Sink for CrashingSink<S> {
    /// Writes in two halves, because the kernel may as well: a death in between leaves a torn line.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (front, back) = bytes.split_at(bytes.len() / 2);
        self.points
            .around_on_a_thread(PortCall::AppendToLog, || self.inner.append(front))?;
        self.points
            .around_on_a_thread(PortCall::AppendToLog, || self.inner.append(back))
    }

    fn sync(&mut self) -> io::Result<()> {
        self.points
            .around_on_a_thread(PortCall::SyncLog, || self.inner.sync())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.points
            .around_on_a_thread(PortCall::TruncateLog, || self.inner.truncate(length))
    }

    fn standing(&mut self) -> io::Result<Standing> {
        self.points
            .around_on_a_thread(PortCall::LookAtLog, || self.inner.standing())
    }
}
