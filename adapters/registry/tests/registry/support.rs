//! What the tests of the SQLite registry share.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

pub(crate) use signer_kit::registry::support::*;
use signer_registry::{OpenRegistryError, RegistryUrl, SqliteRegistry};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tempfile::TempDir;

/// A directory with room for one registry.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("registry.db")
    }

    pub(crate) fn directory(&self) -> &Path {
        self.0.path()
    }

    pub(crate) async fn open(&self) -> SqliteRegistry {
        open(&self.path()).await.unwrap()
    }

    /// Opens the file without the registry's help.
    pub(crate) async fn open_raw(&self) -> SqliteConnection {
        let raw = SqliteConnectOptions::new().filename(self.path());
        raw.create_if_missing(true).connect().await.unwrap()
    }

    /// Everything in the directory: names, contents, modes and times.
    pub(crate) fn snapshot(&self) -> BTreeMap<PathBuf, Facts> {
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(self.directory()).unwrap() {
            let path = entry.unwrap().path();
            let metadata = std::fs::symlink_metadata(&path).unwrap();
            let mut content = DefaultHasher::new();
            if metadata.is_file() {
                std::fs::read(&path).unwrap().hash(&mut content);
            }
            let facts = Facts {
                length: metadata.len(),
                content: content.finish(),
                mode: metadata.mode(),
                modified: (metadata.mtime(), metadata.mtime_nsec()),
            };
            files.insert(path, facts);
        }
        files
    }
}

/// What can be told apart about one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    length: u64,
    content: u64,
    pub(crate) mode: u32,
    modified: (i64, i64),
}

pub(crate) fn url(path: &Path) -> RegistryUrl {
    RegistryUrl::parse(&format!("sqlite:{}", path.display())).unwrap()
}

pub(crate) async fn open(path: &Path) -> Result<SqliteRegistry, OpenRegistryError> {
    SqliteRegistry::open(&url(path)).await
}
