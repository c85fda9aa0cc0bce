//! The steps between the writer of the log and its file.

use std::io;

use super::chain::Position;
use super::sink::{Sink, Standing, Store};
use super::steps::{Step, Steps};

/// A store each of whose acts is a step.
#[derive(Debug)]
pub(super) struct SteppedStore<S> {
    inner: S,
    steps: Steps,
}

impl<S> SteppedStore<S> {
    pub(super) const fn new(inner: S, steps: Steps) -> Self {
        Self { inner, steps }
    }
}

/// A file each of whose acts is a step.
#[derive(Debug)]
pub(super) struct SteppedSink<S> {
    inner: S,
    steps: Steps,
}

impl<S: Store> Store for SteppedStore<S> {
    type Sink = SteppedSink<S::Sink>;

    fn open(&mut self, position: Position) -> io::Result<(Self::Sink, u64)> {
        let inner = &mut self.inner;
        let (inner, length) = self.steps.take(Step::Open, || inner.open(position))?;
        let steps = self.steps.clone();
        Ok((SteppedSink { inner, steps }, length))
    }
}

impl<S: Sink> Sink for SteppedSink<S> {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let inner = &mut self.inner;
        self.steps
            .put(Step::Append, bytes, |part| inner.append(part))
    }

    fn sync(&mut self) -> io::Result<()> {
        let inner = &mut self.inner;
        self.steps.take(Step::Sync, || inner.sync())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let inner = &mut self.inner;
        self.steps.take(Step::Truncate, || inner.truncate(length))
    }

    fn standing(&mut self) -> io::Result<Standing> {
        let inner = &mut self.inner;
        self.steps.take(Step::Look, || inner.standing())
    }
}
