//! Kills a process in the middle of its changes, again and again, and looks at what is left: all that
//! was acknowledged, at most the one reservation that was under way, and no rotation that is half
//! opened or half closed.
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
use signer_domain::ports::{
    CurrentKey, GeneratedKey, KeyRecords as _, PendingKey, Purpose, RegistryStore as _,
    Reservation, ReservationRefused, Reservations as _, RetirementStage, Retirements as _,
    RotationRecords as _, WantedKey,
};
use signer_domain::{
    HandleId, KeyId, KeyState, ProviderName, PublicKey, RotationTransition, Scope, SigningKey,
    clock,
};
use signer_registry::{RegistryRefusal, RegistryUrl, SqliteRegistry};

const ROUNDS: u32 = 40;
const REGISTRY: &str = "REGISTRY_UNDER_FIRE";
const FIRST_KEY: &str = "FIRST_KEY";

#[test]
fn nothing_that_was_acknowledged_is_lost_by_a_kill() {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().unwrap();
    match env::var(REGISTRY) {
        Ok(url) => runtime.block_on(change_until_killed(&url)),
        Err(_) => runtime.block_on(kill_again_and_again()),
    }
}

/// Generates keys in one scope and retires every other one, rotates another scope to a new key and
/// closes the rotation, and tells of each change once it is acknowledged.
async fn change_until_killed(url: &str) {
    let registry = SqliteRegistry::open(&RegistryUrl::parse(url).unwrap())
        .await
        .unwrap();
    let first: u64 = env::var(FIRST_KEY).unwrap().parse().unwrap();
    let mut out = std::io::stderr();
    writeln!(out, "open").unwrap();
    for number in first.. {
        let now = clock::now();
        let key = generate(&registry, Scope::Platform, number, now).await;
        writeln!(out, "{number} active").unwrap();
        if number % 2 == 0 {
            registry.retire(&key, now).await.unwrap();
            writeln!(out, "{number} retired").unwrap();
        }
        if let Some(opened) = rotate(&registry, number, now).await {
            writeln!(out, "{number} opened").unwrap();
            registry.close_rotation(&opened, now).await.unwrap();
            writeln!(out, "{number} closed").unwrap();
        }
    }
}

/// Puts a new key in the place of the current one; none where there is no current one yet, which is
/// made then.
async fn rotate(
    registry: &SqliteRegistry,
    number: u64,
    now: Timestamp,
) -> Option<RotationTransition> {
    let scope = rotated();
    let wanted = wanted(scope, number, Purpose::Rotate, now);
    match registry.reserve(&wanted).await.unwrap() {
        Reservation::Reserved(pending) => {
            Some(open_rotation(registry, &pending, number, now).await)
        }
        Reservation::Completed(earlier) if earlier.rotation.is_some() => earlier.rotation,
        Reservation::Refused(ReservationRefused::UnknownScope) => {
            generate(registry, scope, number, now).await;
            None
        }
        // The first key of the scope, made by a victim that was killed right after.
        Reservation::Refused(ReservationRefused::NameTaken) | Reservation::Completed(_) => None,
        answer @ (Reservation::AlreadyPending(_) | Reservation::Refused(_)) => {
            panic!("{answer:?} was settled before")
        }
    }
}

async fn open_rotation(
    registry: &SqliteRegistry,
    pending: &PendingKey,
    number: u64,
    now: Timestamp,
) -> RotationTransition {
    let made = pair(rotated(), number);
    let opening = registry.complete(pending, &made, now, now);
    opening.await.unwrap().rotation.unwrap()
}

fn rotated() -> Scope {
    Scope::parse("domain:00000000-0000-4000-8000-000000000001").unwrap()
}

/// What was told of a number. The later ones imply the earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Active,
    Retired,
    Opened,
    Closed,
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
        let told = kill_after(&path, next, Duration::from_micros(u64::from(round) * 5003)).await;
        acknowledged.extend(told);
        cut_off += look(&path, &acknowledged).await;
    }
    let keys = acknowledged.len();
    let closed = acknowledged.values().filter(|told| **told == Told::Closed);
    let closed = closed.count();
    assert!(
        keys > 30 && closed > 10,
        "only {keys} keys and {closed} rotations: the kills came too early to prove anything"
    );
    println!(
        "{ROUNDS} kills, {keys} keys and {closed} rotations acknowledged, none lost; \
         {cut_off} reservations cut off"
    );
}

/// Lets a process work for a while, kills it, and gives what it told, the last of each number last.
async fn kill_after(path: &Path, first: u64, delay: Duration) -> Vec<(u64, Told)> {
    let mut victim = start(path, first);
    let mut told = BufReader::new(victim.stderr.take().unwrap());
    let mut greeting = String::new();
    told.read_line(&mut greeting).unwrap();
    assert_eq!(greeting, "open\n");
    let refusal = SqliteRegistry::open(&url(path)).await.unwrap_err().refusal;
    assert!(matches!(refusal, RegistryRefusal::InUse(_)), "{refusal}");
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
        .args(["--exact", "nothing_that_was_acknowledged_is_lost_by_a_kill"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn acknowledgement(line: &str) -> (u64, Told) {
    let (number, told) = line.split_once(' ').unwrap();
    let told = match told {
        "active" => Told::Active,
        "retired" => Told::Retired,
        "opened" => Told::Opened,
        "closed" => Told::Closed,
        _ => panic!("{line}"),
    };
    (number.parse().unwrap(), told)
}

/// Checks the registry against what was acknowledged, settles the rest, and counts the reservations
/// that were cut off.
async fn look(path: &Path, acknowledged: &BTreeMap<u64, Told>) -> usize {
    let registry = SqliteRegistry::open(&url(path)).await.unwrap();
    for (number, told) in acknowledged {
        let key = find(&registry, Scope::Platform, *number).await.unwrap();
        assert_eq!(key.public_key, pair(Scope::Platform, *number).public_key);
        // A retirement may have been done without having been told of; never the other way round.
        if number % 2 == 0 && *told >= Told::Retired {
            assert_eq!(key.state, KeyState::Retired, "{number} was told of");
        }
        if *told >= Told::Opened {
            let new = find(&registry, rotated(), *number).await.unwrap();
            assert_eq!(new.public_key, pair(rotated(), *number).public_key);
        }
    }
    look_at_rotation(&registry, acknowledged).await;
    let reservations = registry.pending().await.unwrap();
    assert!(reservations.len() <= 1, "{reservations:?}");
    for reservation in &reservations {
        registry.abandon(reservation).await.unwrap();
    }
    registry.close().await.unwrap();
    reservations.len()
}

/// Checks that the scope that is rotated has one current key, and an older one in use exactly while a
/// rotation is open, and closes that.
async fn look_at_rotation(registry: &SqliteRegistry, acknowledged: &BTreeMap<u64, Told>) {
    let open = registry.open_rotations().await.unwrap();
    let current = match registry.current(&rotated()).await.unwrap() {
        CurrentKey::Key(key) => key,
        CurrentKey::Unknown => return,
        CurrentKey::Retired => panic!("the scope has lost its current key"),
    };
    assert_eq!(current.state, KeyState::Active);
    if let Some((number, told)) = acknowledged.last_key_value()
        && *told == Told::Closed
    {
        assert!(open.is_empty(), "{number} was told to be closed: {open:?}");
    }
    match open.as_slice() {
        [] => {}
        [open] => {
            assert_eq!(open.new_handle_id, current.handle_id);
            let old = registry.find(&open.old_handle_id).await.unwrap().unwrap();
            assert_eq!(old.state, KeyState::Rotating);
            let now = clock::now();
            registry.close_rotation(open, now).await.unwrap();
        }
        several => panic!("{several:?}"),
    }
    let closed = acknowledged.values().filter(|told| **told == Told::Closed);
    let retired = registry
        .unsettled_retirements(RetirementStage::Unconfirmed)
        .await
        .unwrap();
    assert!(retired.len() >= closed.count(), "{}", retired.len());
}

async fn find(registry: &SqliteRegistry, scope: Scope, number: u64) -> Option<SigningKey> {
    let handle = pair(scope, number).handle_id;
    registry.find(&handle).await.unwrap()
}

fn url(path: &Path) -> RegistryUrl {
    RegistryUrl::parse(&format!("sqlite:{}", path.display())).unwrap()
}

/// Makes the key, or meets the one of a victim that was killed before it could tell of it.
async fn generate(
    registry: &SqliteRegistry,
    scope: Scope,
    number: u64,
    now: Timestamp,
) -> SigningKey {
    let wanted = wanted(scope, number, Purpose::Generate, now);
    match registry.reserve(&wanted).await.unwrap() {
        Reservation::Reserved(pending) => {
            let made = pair(scope, number);
            let completing = registry.complete(&pending, &made, now, now);
            completing.await.unwrap().key
        }
        Reservation::Completed(earlier) => earlier.key,
        answer @ (Reservation::AlreadyPending(_) | Reservation::Refused(_)) => {
            panic!("{answer:?} was settled before")
        }
    }
}

fn wanted(scope: Scope, number: u64, purpose: Purpose, at: Timestamp) -> WantedKey {
    WantedKey {
        scope,
        key_id: name(number),
        provider: ProviderName::new("software"),
        purpose,
        at,
    }
}

fn name(number: u64) -> KeyId {
    KeyId::parse(&format!("k{number}")).unwrap()
}

fn pair(scope: Scope, number: u64) -> GeneratedKey {
    let mut bytes = [0; 32];
    let (head, _) = bytes.split_at_mut(8);
    head.copy_from_slice(&number.to_be_bytes());
    GeneratedKey {
        handle_id: HandleId::from_parts(
            ProviderName::new("software"),
            format!("{scope}|k{number}"),
        )
        .unwrap(),
        public_key: PublicKey::from_bytes(bytes),
    }
}
