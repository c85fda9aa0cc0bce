//! A record of requests that a test can read, and break.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use parking_lot::Mutex;
use signer_domain::ports::{AuditEntry, AuditStatus, AuditTrail, AuditUnavailable, CheckState};

/// How the record behaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Everything is recorded, at once.
    #[default]
    Kept,
    /// No record is kept.
    Off,
    /// Everything is, each entry after a while.
    Slow,
    /// Nothing can be recorded, and nobody has found out yet.
    Refusing,
    /// The same, and it takes a while to say so.
    SlowlyRefusing,
    /// Nothing can be recorded, and that is known.
    Failing,
    /// Writing the record panics.
    Panicking,
}

/// How long a slow record takes; longer than a short deadline.
pub(crate) const SLOWNESS: Duration = Duration::from_millis(900);

/// Remembers every entry in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct RecordingTrail {
    mood: Mutex<Mood>,
    recorded: Mutex<Vec<AuditEntry>>,
    noted: Mutex<Vec<AuditEntry>>,
}

impl RecordingTrail {
    pub(crate) fn set(&self, mood: Mood) {
        *self.mood.lock() = mood;
    }

    fn mood(&self) -> Mood {
        *self.mood.lock()
    }

    /// The entries that somebody waited for, and forgets them.
    pub(crate) fn take_recorded(&self) -> Vec<AuditEntry> {
        std::mem::take(&mut *self.recorded.lock())
    }

    /// The entries that nobody waited for, and forgets them.
    pub(crate) fn take_noted(&self) -> Vec<AuditEntry> {
        std::mem::take(&mut *self.noted.lock())
    }

    /// How many entries there are.
    pub(crate) fn count(&self) -> usize {
        self.recorded.lock().len() + self.noted.lock().len()
    }

    /// The only entry since the last one was taken.
    pub(crate) fn take_one(&self) -> AuditEntry {
        assert_eq!(self.take_noted(), []);
        let mut entries = self.take_recorded();
        assert_eq!(entries.len(), 1, "{entries:?}");
        entries.remove(0)
    }

    /// The only entry that comes to be noted within a while.
    pub(crate) fn wait_for_note(&self) -> AuditEntry {
        let started = Instant::now();
        loop {
            let mut noted = self.take_noted();
            if !noted.is_empty() {
                assert_eq!(noted.len(), 1, "{noted:?}");
                return noted.remove(0);
            }
            assert!(started.elapsed() < Duration::from_secs(5), "nothing noted");
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }
}

#[async_trait]
impl AuditTrail for RecordingTrail {
    async fn record(&self, entry: AuditEntry) -> Result<(), AuditUnavailable> {
        let mood = self.mood();
        if matches!(mood, Mood::Slow | Mood::SlowlyRefusing) {
            tokio::time::sleep(SLOWNESS).await;
        }
        self.recorded.lock().push(entry);
        match mood {
            Mood::Panicking => panic!("scripted"),
            Mood::Kept | Mood::Off | Mood::Slow => Ok(()),
            Mood::Refusing | Mood::SlowlyRefusing | Mood::Failing => Err(AuditUnavailable),
        }
    }

    fn note(&self, entry: AuditEntry) {
        self.noted.lock().push(entry);
    }

    fn status(&self) -> AuditStatus {
        match self.mood() {
            Mood::Off => AuditStatus::Off,
            Mood::Failing => AuditStatus::Kept(CheckState::Failing),
            Mood::Kept | Mood::Slow | Mood::Refusing | Mood::SlowlyRefusing | Mood::Panicking => {
                AuditStatus::Kept(CheckState::Ok)
            }
        }
    }
}
