//! How far the registry has come.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::sqlite::SqliteConnection;

use super::connection::lost;
use super::failure::Failure;
use signer_files::Watch;

/// The number of the registry's newest durable change, kept in memory.
#[derive(Debug, Clone)]
pub(super) struct ChangeCounter(Arc<AtomicU64>);

impl ChangeCounter {
    /// The number of the newest change that is durable; 0 when there never was one.
    pub(super) fn last(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    pub(super) fn starting_at(seq: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seq)))
    }

    /// Notes that the change `seq` and all before it are durable.
    pub(super) fn advance(&self, seq: u64) {
        self.0.fetch_max(seq, Ordering::Release);
    }
}

/// Which registry it is, and how far it has come.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) id: Arc<str>,
    pub(super) counter: ChangeCounter,
}

impl Identity {
    /// Makes sure that `connection` sees this registry, and no state of it from before the newest change.
    /// Once it sees another one, nothing that is read there is believed any more.
    pub(super) async fn confirm(
        &self,
        connection: &mut SqliteConnection,
        files: &Watch,
    ) -> Result<(), Failure> {
        let last = self.counter.last();
        let id = sqlx::query_scalar("SELECT lower(hex(value)) FROM registry_identity");
        let id: Option<String> = id.fetch_optional(&mut *connection).await?;
        if id.as_deref() == Some(&*self.id) && read(connection).await? >= last {
            return Ok(());
        }
        files.distrust();
        files.look().map_err(lost)
    }
}

/// The number of the newest change that `connection` sees.
pub(super) async fn read(connection: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    let seq: i64 = sqlx::query_scalar("SELECT seq FROM registry_change")
        .fetch_one(connection)
        .await?;
    u64::try_from(seq).map_err(|negative| sqlx::Error::ColumnDecode {
        index: "seq".to_owned(),
        source: negative.into(),
    })
}
