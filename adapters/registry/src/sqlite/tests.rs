//! What only the inside of the registry can show: settings of the connections, plans, a full disk, and
//! rows that are broken.

mod damage;
mod given_up;

use std::path::Path;

use signer_domain::ports::{
    CurrentKey, GeneratedKey, KeyQuery, KeyRecords as _, Purpose, RegistryStore as _, Reservation,
    Reservations as _, WantedKey,
};
use signer_domain::registry::Rows as _;
use signer_domain::{HandleId, KeyId, ProviderName, Scope, Timestamp};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};
use tempfile::TempDir;

use super::rows::SqliteRows;
use super::*;
use crate::RegistryUrl;

async fn open(directory: &TempDir) -> SqliteRegistry {
    let path = directory.path().join("registry.db");
    let url = RegistryUrl::parse(&format!("sqlite:{}", path.display())).unwrap();
    SqliteRegistry::open(&url).await.unwrap()
}

/// The rows of a statement, each as one line of text.
async fn ask(connection: &Connection, sql: &'static str, column: usize) -> Vec<String> {
    let rows = connection.run("asking", move |connection| {
        Box::pin(async move { Ok(sqlx::query(sql).fetch_all(connection).await?) })
    });
    let rows = rows.await.unwrap();
    let text = |row: &sqlx::sqlite::SqliteRow| {
        let number = || row.get_unchecked::<i64, _>(column).to_string();
        row.try_get::<String, _>(column)
            .unwrap_or_else(|_| number())
    };
    rows.iter().map(text).collect()
}

#[tokio::test]
async fn a_change_is_on_the_disk_before_it_is_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let registry = open(&directory).await;
    for (pragma, value) in [
        ("PRAGMA journal_mode", "wal"),
        // 2 is FULL: every commit waits for the log to reach the disk.
        ("PRAGMA synchronous", "2"),
        ("PRAGMA foreign_keys", "1"),
        ("PRAGMA busy_timeout", "2000"),
        ("PRAGMA mmap_size", "0"),
        ("PRAGMA cache_size", "-256"),
        ("PRAGMA trusted_schema", "0"),
        ("PRAGMA user_version", "4"),
        ("PRAGMA application_id", "1347637831"),
    ] {
        for connection in [&registry.writer, &registry.reader] {
            assert_eq!(ask(connection, pragma, 0).await, [value], "{pragma}");
        }
    }
    assert_eq!(ask(&registry.reader, "PRAGMA query_only", 0).await, ["1"]);
}

#[tokio::test]
async fn the_connection_of_the_questions_cannot_write() {
    let directory = tempfile::tempdir().unwrap();
    let registry = open(&directory).await;
    let answer = registry.reader.run("trying", |connection| {
        Box::pin(async move { Ok(SqliteRows(connection).next_seq().await?) })
    });
    assert!(matches!(
        answer.await,
        Err(KeyRegistryError::Unavailable { .. })
    ));
}

#[tokio::test]
async fn no_question_reads_the_whole_table() {
    let directory = tempfile::tempdir().unwrap();
    let registry = open(&directory).await;
    for plan in [
        "EXPLAIN QUERY PLAN SELECT * FROM signing_key WHERE handle_id = 'x'",
        "EXPLAIN QUERY PLAN SELECT * FROM signing_key WHERE scope = 'x' AND key_id = 'x'",
        "EXPLAIN QUERY PLAN SELECT * FROM signing_key WHERE state = 'pending' ORDER BY id",
        "EXPLAIN QUERY PLAN SELECT id FROM signing_key WHERE scope = 'x' AND is_current = 1",
        "EXPLAIN QUERY PLAN SELECT * FROM signing_key
             WHERE listed > 1 AND (?2 IS NULL OR state = ?2) ORDER BY listed LIMIT 9",
        "EXPLAIN QUERY PLAN SELECT * FROM signing_key
             WHERE listed > 1 AND (?2 IS NULL OR state = ?2) AND scope = 'x'
             ORDER BY listed LIMIT 9",
        "EXPLAIN QUERY PLAN SELECT id FROM signing_key
             WHERE scope = 'x' AND listed IS NOT NULL LIMIT 1",
    ] {
        let steps = ask(&registry.reader, plan, 3).await.join("; ");
        assert!(steps.contains("USING"), "{plan}: {steps}");
        assert!(!steps.contains("TEMP B-TREE"), "{plan}: {steps}");
    }
}

#[tokio::test]
async fn no_question_about_providers_rotations_and_retirements_reads_a_whole_table() {
    let directory = tempfile::tempdir().unwrap();
    let registry = open(&directory).await;
    for (question, index) in [
        (rotation::queries::UNCLOSED, "rotation_unclosed"),
        (rotation::queries::TO, "sqlite_autoindex_rotation_2"),
        (rotation::queries::OPEN, "rotation_due"),
        (queries::UNCONFIRMED, "signing_key_unconfirmed"),
        (queries::BEGUN, "signing_key_retiring"),
        (marks::MARKED[0], "signing_key_blocked"),
        (marks::MARKED[1], "signing_key_retiring"),
        (marks::MARKED[2], "signing_key_quarantined"),
        (marks::MARKED[3], "signing_key_unconfirmed"),
        (marks::WITHOUT_CURRENT, "scope_without_current"),
        (lookup::ANY_OF, "sqlite_autoindex_signing_key_"),
    ] {
        let plan = registry.reader.run("asking for a plan", move |connection| {
            let plan = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {question}"));
            Box::pin(async move { Ok(sqlx::query(plan).fetch_all(connection).await?) })
        });
        let rows = plan.await.unwrap();
        let steps: Vec<String> = rows.iter().map(|row| row.get(3)).collect();
        let steps = steps.join("; ");
        assert!(steps.contains(index), "{question}: {steps}");
        assert!(!steps.contains("TEMP B-TREE"), "{question}: {steps}");
        let mut scans = steps.split("; ").filter(|step| step.starts_with("SCAN"));
        let is_bounded = |step: &str| step.contains(index) || step == "SCAN CONSTANT ROW";
        assert!(scans.all(is_bounded), "{question}: {steps}");
    }
}

/// What the check at opening says of a registry of one reservation after `damage`, with its rows
/// judged and with only its pages checked.
async fn checked_after(damage: impl AsyncFn(&Path)) -> [Result<(), RegistryRefusal>; 2] {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("registry.db");
    let registry = open(&directory).await;
    registry.reserve(&wanted("k1")).await.unwrap();
    registry.close().await.unwrap();
    damage(&path).await;
    let mut findings = [Ok(()), Ok(())];
    for (finding, rows_judged_up_to) in findings.iter_mut().zip([i64::MAX, 0]) {
        let mut reader = connection::options(&path).connect().await.unwrap();
        *finding = open::check(&mut reader, rows_judged_up_to).await;
    }
    findings
}

#[tokio::test]
async fn the_check_finds_a_broken_page_at_every_size_and_a_broken_row_up_to_a_size() {
    let [rows, pages] = checked_after(async |_| ()).await;
    assert!(matches!((rows, pages), (Ok(()), Ok(()))));

    let [rows, pages] = checked_after(async |path| {
        let mut raw = connection::options(path).connect().await.unwrap();
        let update = "PRAGMA ignore_check_constraints = ON; UPDATE signing_key SET is_current = 1";
        sqlx::raw_sql(update).execute(&mut raw).await.unwrap();
        raw.close().await.unwrap();
    })
    .await;
    assert!(matches!(rows, Err(RegistryRefusal::Corrupt(_))), "{rows:?}");
    assert!(pages.is_ok(), "{pages:?}");

    let [rows, pages] = checked_after(async |path| {
        let mut bytes = std::fs::read(path).unwrap();
        bytes[4096..4112].fill(0xa5);
        std::fs::write(path, bytes).unwrap();
    })
    .await;
    assert!(matches!(rows, Err(RegistryRefusal::Corrupt(_))), "{rows:?}");
    assert!(
        matches!(pages, Err(RegistryRefusal::Corrupt(_))),
        "{pages:?}"
    );
}

#[tokio::test]
async fn every_change_has_a_greater_number_than_the_one_before() {
    let directory = tempfile::tempdir().unwrap();
    let registry = open(&directory).await;
    let mut last = 0;
    for round in 0..3 {
        let at = Timestamp::from_second(round).unwrap();
        let wanted = WantedKey { at, ..wanted("k1") };
        let reservation = registry.reserve(&wanted).await.unwrap();
        let Reservation::Reserved(pending) = reservation else {
            panic!("{reservation:?}");
        };
        let reserved = seq(&registry).await;
        registry.reserve(&wanted).await.unwrap();
        assert_eq!(seq(&registry).await, reserved, "nothing changed");
        registry.abandon(&pending).await.unwrap();
        let abandoned = seq(&registry).await;
        registry.abandon(&pending).await.unwrap();
        assert_eq!(seq(&registry).await, abandoned, "nothing changed");
        assert!(last < reserved && reserved < abandoned);
        last = abandoned;
    }
}

#[tokio::test]
async fn a_full_disk_loses_nothing_and_the_registry_works_on_once_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let registry = open(&directory).await;
    ask(&registry.writer, "PRAGMA max_page_count = 50", 0).await;
    let mut reserved = 0;
    let refusal = loop {
        let wanted = wanted(&format!("{reserved:064}"));
        match registry.reserve(&wanted).await {
            Ok(_) => reserved += 1,
            Err(refusal) => break refusal,
        }
        assert!(reserved < 1000, "the disk never fills");
    };
    let KeyRegistryError::Unavailable { context, source } = refusal else {
        panic!("{refusal:?}");
    };
    assert_eq!(context, "reserving a key");
    assert!(source.unwrap().to_string().contains("full"));
    assert_eq!(registry.pending().await.unwrap().len(), reserved);

    ask(&registry.writer, "PRAGMA max_page_count = 1000", 0).await;
    registry.check().await.unwrap();
    let wanted = wanted(&format!("{reserved:064}"));
    registry.reserve(&wanted).await.unwrap();
    assert_eq!(registry.pending().await.unwrap().len(), reserved + 1);
}

#[test]
fn the_steps_of_the_schema_lead_to_its_version_one_by_one() {
    let versions = schema::MIGRATIONS.map(|(version, _)| version);
    assert!(versions.into_iter().eq(1..=schema::VERSION));
}

#[tokio::test]
async fn the_store_itself_refuses_what_must_not_be() {
    let directory = tempfile::tempdir().unwrap();
    let registry = open(&directory).await;
    let sound = "INSERT INTO signing_key VALUES
        (1, 2, 'platform', 'k1', 'software', 'active', 1, 'software:a', zeroblob(32), 0, 0, NULL, 1, 1, 'generate', 0, 0, 0, 0)";
    ask(&registry.writer, sound, 0).await;
    for (rule, broken) in [
        (
            "two current keys",
            "(3, 4, 'platform', 'k2', 'software', 'active', 1, 'software:b', zeroblob(32), 0, 0, NULL, 1, 2, 'generate', 0, 0, 0, 0)",
        ),
        (
            "one name twice",
            "(3, 4, 'platform', 'k1', 'software', 'active', 0, 'software:b', zeroblob(32), 0, 0, NULL, 1, 2, 'generate', 0, 0, 0, 0)",
        ),
        (
            "one handle twice",
            "(3, 4, 'platform', 'k2', 'software', 'active', 0, 'software:a', zeroblob(32), 0, 0, NULL, 1, 2, 'generate', 0, 0, 0, 0)",
        ),
        (
            "one change twice",
            "(3, 4, 'platform', 'k2', 'software', 'active', 0, 'software:b', zeroblob(32), 0, 0, NULL, 1, 1, 'generate', 0, 0, 0, 0)",
        ),
        (
            "an unknown state",
            "(3, 4, 'platform', 'k2', 'software', 'lost', 0, 'software:b', zeroblob(32), 0, 0, NULL, 1, 2, 'generate', 0, 0, 0, 0)",
        ),
        (
            "a retired current key",
            "(3, 4, 'x', 'k2', 'software', 'retired', 1, 'software:b', zeroblob(32), 0, 0, 0, 2, 2, 'generate', 0, 0, 0, 0)",
        ),
        (
            "retired, but not since when",
            "(3, 4, 'x', 'k2', 'software', 'retired', 0, 'software:b', zeroblob(32), 0, 0, NULL, 2, 2, 'generate', 0, 0, 0, 0)",
        ),
        (
            "a short public key",
            "(3, 4, 'x', 'k2', 'software', 'active', 0, 'software:b', zeroblob(31), 0, 0, NULL, 1, 2, 'generate', 0, 0, 0, 0)",
        ),
        (
            "an active key without a handle",
            "(3, 4, 'x', 'k2', 'software', 'active', 0, NULL, zeroblob(32), 0, 0, NULL, 1, 2, 'generate', 0, 0, 0, 0)",
        ),
        (
            "a reservation with a handle",
            "(3, NULL, 'x', 'k2', 'software', 'pending', 0, 'software:b', NULL, 0, NULL, NULL, 0, 2, 'generate', 0, 0, 0, 0)",
        ),
        (
            "the handle of another provider",
            "(3, 4, 'x', 'k2', 'software', 'active', 0, 'pkcs11:b', zeroblob(32), 0, 0, NULL, 1, 2, 'generate', 0, 0, 0, 0)",
        ),
        (
            "text where bytes belong",
            "(3, 4, 'x', 'k2', 'software', 'active', 0, 'software:b', '12345678901234567890123456789012', 0, 0, NULL, 1, 2, 'generate', 0, 0, 0, 0)",
        ),
        (
            "a reservation that is listed",
            "(3, 4, 'x', 'k2', 'software', 'pending', 0, NULL, NULL, 0, NULL, NULL, 0, 2, 'generate', 0, 0, 0, 0)",
        ),
        (
            "an active key that is not listed",
            "(3, NULL, 'platform', 'k2', 'software', 'active', 0, 'software:b', zeroblob(32), 0, 0, NULL, 1, 2, 'generate', 0, 0, 0, 0)",
        ),
        (
            "listed before it was reserved",
            "(3, 2, 'platform', 'k2', 'software', 'active', 0, 'software:b', zeroblob(32), 0, 0, NULL, 1, 2, 'generate', 0, 0, 0, 0)",
        ),
        (
            "an active key at version 0",
            "(3, 4, 'x', 'k2', 'software', 'active', 0, 'software:b', zeroblob(32), 0, 0, NULL, 0, 2, 'generate', 0, 0, 0, 0)",
        ),
        (
            "a retirement that was begun and is over",
            "(3, 4, 'x', 'k2', 'software', 'retired', 0, 'software:b', zeroblob(32), 0, 0, 1, 2, 2, 'generate', 0, 1, 0, 0)",
        ),
        (
            "a retirement of what is no key yet",
            "(3, NULL, 'x', 'k2', 'software', 'pending', 0, NULL, NULL, 0, NULL, NULL, 0, 2, 'generate', 0, 1, 0, 0)",
        ),
    ] {
        let answer = registry.writer.run(rule, move |connection| {
            Box::pin(async move {
                let insert = format!("INSERT INTO signing_key VALUES {broken}");
                sqlx::raw_sql(sqlx::AssertSqlSafe(insert))
                    .execute(connection)
                    .await?;
                Ok(())
            })
        });
        let error = answer.await.expect_err(rule);
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(
            cause.contains("constraint failed") || cause.contains("cannot store"),
            "{cause}"
        );
    }
}

#[tokio::test]
async fn the_store_itself_refuses_rotations_that_must_not_be() {
    let directory = tempfile::tempdir().unwrap();
    let registry = open(&directory).await;
    ask(
        &registry.writer,
        "INSERT INTO signing_key (id, scope, key_id, provider, state, is_current, reserved_at, version, seq)
         VALUES (1, 'platform', 'k1', 'software', 'pending', 0, 0, 0, 1),
                (2, 'platform', 'k2', 'software', 'pending', 0, 0, 0, 2),
                (3, 'platform', 'k3', 'software', 'pending', 0, 0, 0, 3),
                (4, 'platform', 'k4', 'software', 'pending', 0, 0, 0, 4),
                (5, 'x', 'k5', 'software', 'pending', 0, 0, 0, 5)",
        0,
    )
    .await;
    let sound = "INSERT INTO rotation VALUES
        (2, 'platform', 'k1', 'k2', 0, 1, 2, 3, 2), (3, 'platform', 'k2', 'k3', 0, NULL, NULL, NULL, 3)";
    ask(&registry.writer, sound, 0).await;
    for (rule, broken) in [
        (
            "two rotations of a scope at once",
            "rotation VALUES (4, 'platform', 'k3', 'k4', 0, NULL, NULL, NULL, 9)",
        ),
        (
            "two rotations of a scope open at once",
            "rotation VALUES (4, 'platform', 'k3', 'k4', 0, 1, 2, NULL, 9)",
        ),
        (
            "two rotations to a key",
            "rotation VALUES (4, 'platform', 'k4', 'k3', 0, 1, 2, 3, 9)",
        ),
        (
            "two rotations from a key",
            "rotation VALUES (4, 'platform', 'k1', 'k4', 0, 1, 2, 3, 9)",
        ),
        (
            "from a key to itself",
            "rotation VALUES (4, 'platform', 'k4', 'k4', 0, 1, 2, 3, 9)",
        ),
        (
            "to a key that is not there",
            "rotation VALUES (4, 'platform', 'k3', 'k9', 0, 1, 2, 3, 9)",
        ),
        (
            "from a key that is not there",
            "rotation VALUES (4, 'platform', 'k9', 'k4', 0, 1, 2, 3, 9)",
        ),
        (
            "from one scope to another",
            "rotation VALUES (5, 'x', 'k3', 'k5', 0, 1, 2, 3, 9)",
        ),
        (
            "without a reservation",
            "rotation VALUES (9, 'platform', 'k3', 'k4', 0, 1, 2, 3, 9)",
        ),
        (
            "opened, but not until when",
            "rotation VALUES (4, 'platform', 'k3', 'k4', 0, 1, NULL, 3, 9)",
        ),
        (
            "due before it was opened",
            "rotation VALUES (4, 'platform', 'k3', 'k4', 0, 2, 1, 3, 9)",
        ),
        (
            "closed before it was opened",
            "rotation VALUES (4, 'platform', 'k3', 'k4', 0, NULL, NULL, 3, 9)",
        ),
        (
            "one change twice",
            "rotation VALUES (4, 'platform', 'k3', 'k4', 0, 1, 2, 3, 3)",
        ),
        (
            "a second identity",
            "registry_identity VALUES (2, zeroblob(16))",
        ),
        (
            "an unknown purpose",
            "signing_key VALUES (6, NULL, 'x', 'k6', 'software', 'pending', 0, NULL, NULL, 0, NULL, NULL, 0, 6, 'play', 0, 0, 0, 0)",
        ),
        (
            "a provider to be told of a key that is not retired",
            "signing_key VALUES (6, 7, 'x', 'k6', 'software', 'active', 0, 'software:x', zeroblob(32), 0, 0, NULL, 1, 7, 'rotate', 1, 0, 0, 0)",
        ),
    ] {
        let answer = registry.writer.run(rule, move |connection| {
            let insert = sqlx::AssertSqlSafe(format!("INSERT INTO {broken}"));
            Box::pin(async move { Ok(sqlx::raw_sql(insert).execute(connection).await?) })
        });
        let error = answer.await.expect_err(rule);
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("constraint failed"), "{rule}: {cause}");
    }
    let answer = registry.writer.run("losing a key", |connection| {
        let delete = "DELETE FROM signing_key WHERE key_id = 'k1'";
        Box::pin(async move { Ok(sqlx::raw_sql(delete).execute(connection).await?) })
    });
    answer.await.expect_err("a key that a rotation names");
}

/// A store in which another key has become current while a rotation was being opened.
#[tokio::test]
async fn a_rotation_does_not_take_the_mark_from_a_key_it_was_not_reserved_for() {
    let directory = tempfile::tempdir().unwrap();
    let registry = open(&directory).await;
    ask(
        &registry.writer,
        "INSERT INTO signing_key (id, listed, scope, key_id, provider, state, is_current, handle_id, public_key,
             reserved_at, valid_from, valid_until, version, seq)
         VALUES (1, 2, 'platform', 'k1', 'software', 'retired', 0, 'software:a', zeroblob(32), 0, 0, 1, 2, 3),
                (4, 5, 'platform', 'k2', 'software', 'active', 1, 'software:b', zeroblob(32), 0, 0, NULL, 1, 5);
         INSERT INTO signing_key (id, scope, key_id, provider, state, is_current, reserved_at, version, seq, purpose)
         VALUES (6, 'platform', 'k3', 'software', 'pending', 0, 0, 0, 6, 'rotate');
         INSERT INTO rotation VALUES (6, 'platform', 'k1', 'k3', 0, NULL, NULL, NULL, 6)",
        0,
    )
    .await;
    let pending = registry.pending().await.unwrap();
    let made = GeneratedKey {
        handle_id: HandleId::parse("software:c").unwrap(),
        public_key: signer_domain::PublicKey::from_bytes([1; 32]),
    };
    let at = Timestamp::UNIX_EPOCH;
    let answer = registry.complete(&pending[0], &made, at, at).await;
    assert!(
        matches!(answer, Err(KeyRegistryError::Conflict)),
        "{answer:?}"
    );
    let CurrentKey::Key(current) = registry.current(&Scope::Platform).await.unwrap() else {
        panic!("the mark is lost");
    };
    assert_eq!(current.key_id.as_str(), "k2");
}

#[test]
fn a_full_sentence_names_the_flag_the_path_and_the_cure() {
    let url = RegistryUrl::parse("sqlite:/var/lib/x/registry.db").unwrap();
    let error = OpenRegistryError {
        url,
        refusal: RegistryRefusal::NoDirectory(Path::new("/var/lib/x").to_owned()),
    };
    assert_eq!(
        error.to_string(),
        "--registry sqlite:/var/lib/x/registry.db: the directory /var/lib/x does not exist; \
         create it for the user that runs the custodian, or name another file"
    );
}

/// A name that is wanted for a key that is generated.
fn wanted(key_id: &str) -> WantedKey {
    WantedKey {
        scope: Scope::Platform,
        key_id: KeyId::parse(key_id).unwrap(),
        provider: ProviderName::new("software"),
        purpose: Purpose::Generate,
        at: Timestamp::UNIX_EPOCH,
    }
}

async fn seq(registry: &SqliteRegistry) -> i64 {
    let answer = ask(&registry.reader, "SELECT seq FROM registry_change", 0).await;
    answer.first().unwrap().parse().unwrap()
}
