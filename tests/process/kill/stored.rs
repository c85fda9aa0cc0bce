//! The registry file itself, read without the custodian.

use std::fs;
use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions as _, Connection as _, FromRow, Row as _};
use tempfile::TempDir;

/// A row of the registry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StoredKey {
    pub(crate) scope: String,
    pub(crate) key_id: String,
    pub(crate) state: String,
    pub(crate) is_current: bool,
    pub(crate) handle_id: Option<String>,
    pub(crate) public_key: Option<Vec<u8>>,
}

impl FromRow<'_, SqliteRow> for StoredKey {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            scope: row.try_get("scope")?,
            key_id: row.try_get("key_id")?,
            state: row.try_get("state")?,
            is_current: row.try_get("is_current")?,
            handle_id: row.try_get("handle_id")?,
            public_key: row.try_get("public_key")?,
        })
    }
}

/// All rows, while the custodian serves.
pub(crate) fn read(registry: &Path) -> Vec<StoredKey> {
    query(
        &SqliteConnectOptions::new()
            .filename(registry)
            .read_only(true),
    )
}

/// All rows as a killed custodian left them. Works on a copy: the next start shall find what the
/// kill left behind, its write-ahead log too.
pub(crate) fn read_remains(registry: &Path) -> Vec<StoredKey> {
    let directory = TempDir::new().unwrap();
    let copy = directory.path().join("copy.db");
    fs::copy(registry, &copy).unwrap();
    let log = registry.with_extension("db-wal");
    if log.exists() {
        fs::copy(log, copy.with_extension("db-wal")).unwrap();
    }
    query(&SqliteConnectOptions::new().filename(copy))
}

fn query(options: &SqliteConnectOptions) -> Vec<StoredKey> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(async {
        let mut connection = options.connect().await.unwrap();
        let rows = sqlx::query_as(
            "SELECT scope, key_id, state, is_current, handle_id, public_key FROM signing_key",
        );
        let rows = rows.fetch_all(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        rows
    })
}
