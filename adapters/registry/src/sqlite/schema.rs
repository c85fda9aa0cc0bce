//! The schema of the registry and the way from each version of it to the next.

use std::collections::BTreeMap;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use super::refusal::RegistryRefusal;

/// `PSRG`: tells a registry from any other SQLite database.
pub(super) const APPLICATION_ID: i32 = i32::from_be_bytes(*b"PSRG");

/// The steps, each with the version it leads to from the one before. A step that has been released
/// is never edited.
pub(super) const MIGRATIONS: [(i64, &str); 4] = [
    (1, include_str!("../../migrations/0001_signing_key.sql")),
    (2, include_str!("../../migrations/0002_rotation.sql")),
    (3, include_str!("../../migrations/0003_registry_proof.sql")),
    (4, include_str!("../../migrations/0004_key_marks.sql")),
];

/// The schema version that [`migrate`] leads to.
pub(super) const VERSION: i64 = 4;

/// Decides whether this program may open a registry of schema version `found`. A registry takes its
/// place only once it has a schema, so version 0 is never seen on a sound one.
pub(super) fn permit(found: i64) -> Result<(), RegistryRefusal> {
    let supported = VERSION;
    if found > supported {
        return Err(RegistryRefusal::Newer { found, supported });
    }
    if found < 1 {
        return Err(RegistryRefusal::Corrupt(
            "it has no schema version".to_owned(),
        ));
    }
    Ok(())
}

/// The schema version of the database.
pub(super) async fn version(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(connection)
        .await
}

/// Brings the database to [`VERSION`], all or nothing. Takes the write lock even when there is
/// nothing to do, which proves that the registry can be written.
pub(super) async fn migrate(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    run(connection, "BEGIN IMMEDIATE").await?;
    let from = version(connection).await?;
    for (to, step) in MIGRATIONS.into_iter().filter(|(to, _)| *to > from) {
        run(connection, step).await?;
        let stamp =
            format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {to};");
        sqlx::raw_sql(AssertSqlSafe(stamp))
            .execute(&mut *connection)
            .await?;
    }
    run(connection, "COMMIT").await
}

/// Holds the schema of a registry against what the steps up to its version make. A registry that was
/// made by steps which were edited later has the right version and lacks what later changes rely on.
pub(super) async fn compare(
    connection: &mut SqliteConnection,
    version: i64,
) -> Result<(), RegistryRefusal> {
    let memory = SqliteConnectOptions::new().in_memory(true);
    let mut reference = memory.connect().await?;
    for (_, step) in MIGRATIONS.into_iter().filter(|(to, _)| *to <= version) {
        run(&mut reference, step).await?;
    }
    let wanted = objects(&mut reference).await?;
    let found = objects(connection).await?;
    reference.close().await?;
    let is_as_wanted = |name: &&String| wanted.get(*name) == found.get(*name);
    match wanted
        .keys()
        .chain(found.keys())
        .find(|name| !is_as_wanted(name))
    {
        None => Ok(()),
        Some(name) => Err(RegistryRefusal::OtherSchema {
            version,
            object: name.clone(),
        }),
    }
}

/// What the schema consists of, by name. Comments and the layout of the text do not count.
async fn objects(
    connection: &mut SqliteConnection,
) -> Result<BTreeMap<String, String>, sqlx::Error> {
    let read = "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    let objects: Vec<(String, Option<String>)> = sqlx::query_as(read).fetch_all(connection).await?;
    let objects = objects.into_iter();
    Ok(objects
        .map(|(name, sql)| (name, essence(&sql.unwrap_or_default())))
        .collect())
}

fn essence(sql: &str) -> String {
    let without_comments = sql
        .lines()
        .map(|line| line.split("--").next().unwrap_or_default());
    let words: Vec<&str> = without_comments.flat_map(str::split_whitespace).collect();
    words.join(" ")
}

async fn run(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(sql).execute(connection).await?;
    Ok(())
}
