//! Kills a process in the middle of its changes, again and again, and looks at what is left: all that
//! was acknowledged, and at most the one reservation that was under way.
//!
//! This program is both sides: with `REGISTRY_UNDER_FIRE` set it is the process that is killed.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test program fails by panicking and reports on its standard output"
)]

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use signer_adapters::registry::{RegistryRefusal, RegistryUrl, SqliteRegistry};
use signer_domain::ports::{GeneratedKey, KeyRegistry as _, Reservation};
use signer_domain::{HandleId, KeyId, KeyState, ProviderName, PublicKey, Scope, SigningKey};

const ROUNDS: u32 = 40;
const REGISTRY: &str = "REGISTRY_UNDER_FIRE";
const FIRST_KEY: &str = "FIRST_KEY";

fn main() {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().unwrap();
    match env::var(REGISTRY) {
        Ok(url) => runtime.block_on(change_until_killed(&url)),
        Err(_) => runtime.block_on(kill_again_and_again()),
    }
}

/// Generates keys, retires every other one, and tells of each change once it is acknowledged.
async fn change_until_killed(url: &str) {
    let registry = SqliteRegistry::open(&RegistryUrl::parse(url).unwrap())
        .await
        .unwrap();
    let first: u64 = env::var(FIRST_KEY).unwrap().parse().unwrap();
    let mut out = std::io::stdout();
    writeln!(out, "open").unwrap();
    for number in first.. {
        let now = Timestamp::now();
        let key = generate(&registry, number, now).await;
        writeln!(out, "{number} active").unwrap();
        if number % 2 == 0 {
            registry.retire(&key, now).await.unwrap();
            writeln!(out, "{number} retired").unwrap();
        }
    }
}

async fn kill_again_and_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("registry.db");
    let mut acknowledged = BTreeMap::new();
    let mut cut_off = 0;
    for round in 0..ROUNDS {
        let next = acknowledged
            .last_key_value()
            .map_or(0, |(number, _)| number + 1);
        let told = kill_after(&path, next, Duration::from_micros(u64::from(round) * 1777)).await;
        acknowledged.extend(told);
        cut_off += look(&path, &acknowledged).await;
    }
    let changes = acknowledged.len();
    assert!(
        changes > 100,
        "only {changes} keys: the kills came too early to prove anything"
    );
    println!(
        "{ROUNDS} kills, {changes} keys acknowledged, none lost; {cut_off} reservations cut off"
    );
}

/// Lets a process work for a while, kills it, and gives the last state it told of each key.
async fn kill_after(path: &Path, first: u64, delay: Duration) -> Vec<(u64, KeyState)> {
    let mut victim = start(path, first);
    let mut told = BufReader::new(victim.stdout.take().unwrap());
    let mut greeting = String::new();
    told.read_line(&mut greeting).unwrap();
    assert_eq!(greeting, "open\n");
    let refusal = SqliteRegistry::open(&url(path)).await.unwrap_err().refusal;
    assert!(matches!(refusal, RegistryRefusal::InUse), "{refusal}");
    tokio::time::sleep(delay).await;
    victim.kill().unwrap();
    victim.wait().unwrap();
    let mut lines = String::new();
    told.read_to_string(&mut lines).unwrap();
    // Only a line that ends was told.
    let whole = lines.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(acknowledgement).collect()
}

fn start(path: &Path, first: u64) -> Child {
    Command::new(env::current_exe().unwrap())
        .env(REGISTRY, url(path).to_string())
        .env(FIRST_KEY, first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn acknowledgement(line: &str) -> (u64, KeyState) {
    let (number, state) = line.split_once(' ').unwrap();
    (number.parse().unwrap(), state.parse().unwrap())
}

/// Checks the registry against what was acknowledged, settles the rest, and counts the reservations
/// that were cut off.
async fn look(path: &Path, acknowledged: &BTreeMap<u64, KeyState>) -> usize {
    let registry = SqliteRegistry::open(&url(path)).await.unwrap();
    for (number, state) in acknowledged {
        let found = registry
            .find(&pair(*number).handle_id)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.key.public_key, pair(*number).public_key);
        // A retirement may have been done without having been told of; never the other way round.
        assert!(found.key.state >= *state, "{number} was told to be {state}");
    }
    let reservations = registry.pending().await.unwrap();
    assert!(reservations.len() <= 1, "{reservations:?}");
    for reservation in &reservations {
        registry.abandon(reservation).await.unwrap();
    }
    registry.close().await.unwrap();
    reservations.len()
}

fn url(path: &Path) -> RegistryUrl {
    RegistryUrl::parse(&format!("sqlite:{}", path.display())).unwrap()
}

/// Makes the key, or meets the one of a victim that was killed before it could tell of it.
async fn generate(registry: &SqliteRegistry, number: u64, now: Timestamp) -> SigningKey {
    let key_id = KeyId::parse(&format!("k{number}")).unwrap();
    let reserving = registry.reserve(&Scope::Platform, &key_id, ProviderName::Software, now);
    match reserving.await.unwrap() {
        Reservation::Reserved(pending) => {
            let made = pair(number);
            registry.complete(&pending, &made, now).await.unwrap()
        }
        Reservation::Standing(key) => key,
        Reservation::AlreadyPending(pending) => panic!("{pending:?} was settled before"),
        Reservation::RotationInProgress => panic!("nobody rotates"),
    }
}

fn pair(number: u64) -> GeneratedKey {
    let mut bytes = [0; 32];
    let (head, _) = bytes.split_at_mut(8);
    head.copy_from_slice(&number.to_be_bytes());
    GeneratedKey {
        handle_id: HandleId::from_parts(ProviderName::Software, format!("platform|k{number}"))
            .unwrap(),
        public_key: PublicKey::from_bytes(bytes),
    }
}
