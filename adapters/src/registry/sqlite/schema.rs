//! The schema of the registry and the way from each version of it to the next.

use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;

use super::refusal::RegistryRefusal;

/// `PSRG`: tells a registry from any other SQLite database.
pub(super) const APPLICATION_ID: i32 = i32::from_be_bytes(*b"PSRG");

/// The steps, each with the version it leads to from the one before. A step that has been released
/// is never edited.
pub(super) const MIGRATIONS: [(i64, &str); 4] = [
    (1, include_str!("../../../migrations/0001_signing_key.sql")),
    (2, include_str!("../../../migrations/0002_rotation.sql")),
    (
        3,
        include_str!("../../../migrations/0003_registry_proof.sql"),
    ),
    (4, include_str!("../../../migrations/0004_key_marks.sql")),
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

async fn run(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(sql).execute(connection).await?;
    Ok(())
}
