//! The retired keys of a registry, for whoever looks at it from outside.

use std::fs;

use signer_domain::{HandleId, ProviderName, PublicKey, RetiredKey};
use sqlx::sqlite::SqliteConnection;
use sqlx::{ConnectOptions as _, Connection as _};

use super::connection::options;
use super::file::beside;
use super::refusal::{OpenRegistryError, RegistryRefusal};
use super::schema;
use crate::url::RegistryUrl;

/// Reads which keys of a provider are retired. Works beside a custodian, holds up none, and changes
/// nothing in the registry.
///
/// # Errors
/// When the registry cannot be read.
pub async fn retired_keys(
    url: &RegistryUrl,
    provider: ProviderName,
) -> Result<Vec<RetiredKey>, OpenRegistryError> {
    let read = read(url, provider).await;
    read.map_err(|refusal| OpenRegistryError {
        url: url.clone(),
        refusal,
    })
}

async fn read(
    url: &RegistryUrl,
    provider: ProviderName,
) -> Result<Vec<RetiredKey>, RegistryRefusal> {
    let log = fs::metadata(beside(url.path(), "-wal"));
    // Where no log has to be read, SQLite need not make the files that one is read by.
    let is_alone = !log.is_ok_and(|log| log.len() > 0);
    let reader = options(url.path()).read_only(true).immutable(is_alone);
    let mut reader = reader.connect().await.map_err(RegistryRefusal::Failed)?;
    let keys = retired_of(&mut reader, provider).await;
    drop(reader.close().await);
    keys
}

async fn retired_of(
    reader: &mut SqliteConnection,
    provider: ProviderName,
) -> Result<Vec<RetiredKey>, RegistryRefusal> {
    let application = sqlx::query_scalar("PRAGMA application_id");
    let application: i32 = application.fetch_one(&mut *reader).await?;
    if application != schema::APPLICATION_ID {
        return Err(RegistryRefusal::Foreign);
    }
    schema::permit(schema::version(reader).await?)?;
    let read = "SELECT handle_id, public_key FROM signing_key
                WHERE state = 'retired' AND provider = ?1";
    let rows: Vec<(String, Vec<u8>)> = sqlx::query_as(read)
        .bind(provider.as_str())
        .fetch_all(reader)
        .await?;
    let key = |(handle, public_key): (String, Vec<u8>)| {
        Some(RetiredKey {
            handle: HandleId::parse(&handle).ok()?,
            public_key: PublicKey::from_bytes(public_key.try_into().ok()?),
        })
    };
    let keys: Option<Vec<_>> = rows.into_iter().map(key).collect();
    keys.ok_or_else(|| RegistryRefusal::Corrupt("a retired key cannot be read".to_owned()))
}
