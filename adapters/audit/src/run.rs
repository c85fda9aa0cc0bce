//! The run under way: its claim to the log, and the note that it has not ended in order.

use std::fs::File;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::warn;

use super::chain::Position;
use super::sink::{Sink, Standing, Store};
use super::steps::{Step, Steps};
use super::unfinished::Unfinished;
use signer_files::Watch;

/// A run of a custodian, with the lock file that it holds for as long as it writes the log.
#[derive(Debug)]
pub(super) struct Run {
    /// None where somebody else's file stands in its place.
    lock: Option<File>,
    /// Whoever may take the lock at its path may take the log as well.
    watch: Option<Watch>,
    covered: Mutex<Covered>,
    steps: Steps,
}

/// What the checkpoints do not cover.
#[derive(Debug)]
struct Covered {
    /// Whether the file may hold lines that were not made durable.
    is_torn: bool,
    /// Whether it holds durable entries that no checkpoint speaks of.
    is_ahead: bool,
}

impl Run {
    /// A run behind what the file holds; `is_ahead` when no checkpoint covers all of it.
    pub(super) const fn new(lock: Option<File>, is_ahead: bool, steps: Steps) -> Self {
        Self {
            lock,
            watch: None,
            covered: Mutex::new(Covered {
                is_torn: false,
                is_ahead,
            }),
            steps,
        }
    }

    /// Has the run go on only as long as its lock file is in its place.
    pub(super) fn watched_by(self, watch: Watch) -> Self {
        let watch = Some(watch);
        Self { watch, ..self }
    }

    /// Makes sure that nobody else can have taken the log.
    pub(super) fn stands(&self) -> io::Result<()> {
        let look = self.watch.as_ref().map_or(Ok(()), Watch::look);
        look.map_err(io::Error::other)
    }

    /// Says that a checkpoint covers every durable entry.
    pub(super) fn cover(&self) {
        self.covered.lock().is_ahead = false;
    }

    fn note(&self, note: Unfinished) -> io::Result<()> {
        let Some(lock) = &self.lock else {
            return Ok(());
        };
        let line = note.line();
        self.steps
            .write_durably(Step::NoteRun, lock, line.as_bytes())
    }

    /// Takes the note back, unless the file holds what no checkpoint covers.
    pub(super) fn end(&self) {
        let Covered { is_torn, is_ahead } = *self.covered.lock();
        let Some(lock) = &self.lock else { return };
        if is_torn || is_ahead {
            return;
        }
        let emptied = self.steps.take(Step::NoteRun, || {
            if lock.metadata()?.len() > 0 {
                lock.set_len(0)?;
                lock.sync_data()?;
            }
            Ok(())
        });
        if let Err(cause) = emptied {
            warn!(%cause, "orderly end of the audit log not noted");
        }
    }
}

/// The claim of a run to its log. Dropping it ends the run: in order when everything is covered.
#[derive(Debug)]
pub(super) struct Claim(pub(super) Arc<Run>);

impl Drop for Claim {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// A store whose files are noted before and behind their first entry of the run.
#[derive(Debug)]
pub(super) struct NotedStore<S> {
    inner: S,
    run: Arc<Run>,
}

impl<S> NotedStore<S> {
    pub(super) const fn new(inner: S, run: Arc<Run>) -> Self {
        Self { inner, run }
    }
}

/// A file that is noted before and behind its first entry of the run.
#[derive(Debug)]
pub(super) struct NotedSink<S> {
    inner: S,
    run: Arc<Run>,
    /// The first entry that the run puts into this file.
    first: u64,
    noted: Option<Unfinished>,
}

impl<S: Store> Store for NotedStore<S> {
    type Sink = NotedSink<S::Sink>;

    fn open(&mut self, position: Position) -> io::Result<(Self::Sink, u64)> {
        self.run.stands()?;
        let (inner, length) = self.inner.open(position)?;
        let sink = NotedSink {
            inner,
            run: Arc::clone(&self.run),
            first: position.seq + 1,
            noted: None,
        };
        Ok((sink, length))
    }
}

impl<S: Sink> NotedSink<S> {
    fn note(&mut self, note: Unfinished) -> io::Result<()> {
        self.run.note(note)?;
        self.noted = Some(note);
        Ok(())
    }
}

impl<S: Sink> Sink for NotedSink<S> {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.noted.is_none() {
            self.note(Unfinished::Begun(self.first))?;
        }
        self.run.covered.lock().is_torn = true;
        self.inner.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.inner.sync()?;
        let held = Unfinished::Holds(self.first);
        if self.noted != Some(held) {
            self.note(held)?;
        }
        *self.run.covered.lock() = Covered {
            is_torn: false,
            is_ahead: true,
        };
        self.run.stands()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.inner.truncate(length)?;
        self.run.covered.lock().is_torn = false;
        Ok(())
    }

    fn standing(&mut self) -> io::Result<Standing> {
        self.run.stands()?;
        self.inner.standing()
    }
}
