//! What holds after every death.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use signer_test_support::{Connection, PublishedKey, sign_request};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tempfile::TempDir;

use super::scenario::{State, path};

const DIGEST: [u8; 64] = [0x3c; 64];

/// Makes sure that keys sign or do not sign as their state says, that what they sign verifies under
/// the key that is published, and that the scope signs by its current key.
pub(crate) fn inspect(connection: &mut Connection) -> State {
    let state = State::shown_by(connection);
    for (name, (key_state, is_current)) in &state.keys {
        let document = connection.ask("GET", &path(name), None).unwrap();
        let key = PublishedKey::of(&document.expect_status(200).json());
        let public = connection
            .ask("GET", &format!("{}/public-key", path(name)), None)
            .unwrap()
            .expect_status(200);
        assert_eq!(public.json()["public_key"], key.public_key.as_str());
        let sign = format!("{}/sign", path(name));
        let signed = connection.ask("POST", &sign, Some(&sign_request(&DIGEST)));
        let signed = signed.unwrap();
        match key_state.as_str() {
            "active" | "rotating" => assert!(
                signed.status == 200 && key.has_signed(&DIGEST, &signed),
                "{name}: {}",
                signed.text()
            ),
            "retired" => assert_eq!(signed.problem_code(), "key_retired", "{name}"),
            "blocked" => assert_eq!(signed.problem_code(), "key_blocked", "{name}"),
            other => panic!("{name} is {other}"),
        }
        if *is_current {
            let by_scope = sign_for_scope(connection);
            if key_state == "blocked" {
                assert_eq!(by_scope.problem_code(), "key_blocked", "{name}");
                continue;
            }
            assert!(
                key.has_signed(&DIGEST, &by_scope.expect_status(200)),
                "{name}"
            );
        }
    }
    if !state.keys.values().any(|(_, is_current)| *is_current) {
        let code = sign_for_scope(connection).problem_code();
        let wanted = if state.keys.is_empty() {
            "key_not_found"
        } else {
            "key_retired"
        };
        assert_eq!(code, wanted);
    }
    state
}

fn sign_for_scope(connection: &mut Connection) -> signer_test_support::Response {
    let request = sign_request(&DIGEST);
    let path = "/v1/scopes/platform/sign";
    connection.ask("POST", path, Some(&request)).unwrap()
}

/// Makes sure that the registry holds exactly what is shown, one row for each name, and nothing that
/// is half done.
pub(crate) fn inspect_registry(registry: &Path, state: &State) {
    let (keys, half_done, public_keys) = read(registry);
    let shown: Vec<_> = state
        .keys
        .iter()
        .map(|(name, (state, is_current))| (name.clone(), state.clone(), *is_current))
        .collect();
    assert_eq!(keys, shown, "the registry holds what is shown");
    assert_eq!(half_done, 0, "rotations half open and keys half retired");
    let different: BTreeSet<_> = public_keys.iter().collect();
    assert_eq!(different.len(), public_keys.len(), "one pair for each name");
}

type Row = (String, String, bool);

fn read(registry: &Path) -> (Vec<Row>, i64, Vec<String>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(async {
        let options = SqliteConnectOptions::new()
            .filename(registry)
            .read_only(true);
        let mut connection = options.connect().await.unwrap();
        let keys =
            sqlx::query_as("SELECT key_id, iif(blocked, 'blocked', state), is_current FROM signing_key ORDER BY key_id")
                .fetch_all(&mut connection)
                .await
                .unwrap();
        let half_done = "SELECT (SELECT count(*) FROM rotation WHERE opened_at IS NULL)
                              + (SELECT count(*) FROM signing_key WHERE retiring = 1)";
        let half_done = sqlx::query_scalar(half_done)
            .fetch_one(&mut connection)
            .await
            .unwrap();
        let public_keys: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT public_key FROM signing_key WHERE public_key IS NOT NULL")
                .fetch_all(&mut connection)
                .await
                .unwrap();
        connection.close().await.unwrap();
        let public_keys = public_keys.iter().map(|key| STANDARD.encode(key));
        (keys, half_done, public_keys.collect())
    })
}

/// What a killed custodian left behind, but for times and the record of requests. Looks at a copy, so
/// that the next start finds everything as it was.
pub(crate) fn remains(registry: &Path, memory: &Path) -> String {
    let directory = TempDir::new().unwrap();
    let copy = directory.path().join("copy.db");
    for suffix in ["db", "db-wal"] {
        let from = registry.with_extension(suffix);
        if from.exists() {
            fs::copy(from, copy.with_extension(suffix)).unwrap();
        }
    }
    let rows = "SELECT key_id || state || is_current || unconfirmed || retiring || blocked || purpose FROM signing_key
                UNION ALL SELECT old_key_id || new_key_id || (opened_at IS NULL) || (closed_at IS NULL)
                FROM rotation ORDER BY 1";
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let rows: Vec<String> = runtime.enable_all().build().unwrap().block_on(async {
        let options = SqliteConnectOptions::new().filename(copy);
        let mut connection = options.connect().await.unwrap();
        let rows = sqlx::query_scalar(rows).fetch_all(&mut connection).await;
        connection.close().await.unwrap();
        rows.unwrap()
    });
    format!("{rows:?}, {:?}", Held::read(memory))
}

/// What a provider remembers of the keys it holds: names that were made, and those that were retired.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Held {
    pub(crate) made: BTreeSet<String>,
    pub(crate) retired: BTreeSet<String>,
}

impl Held {
    pub(crate) fn read(file: &Path) -> Self {
        let mut held = Self::default();
        for line in fs::read_to_string(file).unwrap_or_default().lines() {
            let (word, handle) = line.split_once(' ').unwrap();
            let name = handle
                .strip_prefix("software:platform|")
                .unwrap()
                .to_owned();
            let is_new = match word {
                "made" => held.made.insert(name),
                "retired" => held.retired.insert(name),
                other => panic!("{other}"),
            };
            assert!(is_new, "twice: {line}");
        }
        held
    }

    /// Makes sure that no key is left without a record, and that the provider was told of each
    /// retirement.
    pub(crate) fn agrees_with(&self, state: &State) -> bool {
        let named: BTreeSet<_> = state.keys.keys().cloned().collect();
        let retired = |(name, (state, _)): (&String, &(String, bool))| {
            (state == "retired").then(|| name.clone())
        };
        let retired: BTreeSet<_> = state.keys.iter().filter_map(retired).collect();
        self.made == named && self.retired == retired
    }
}
