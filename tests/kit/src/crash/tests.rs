//! Each call of each driven port has its points and passes them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use signer_domain::ports::{
    AuditEntry, AuditKey, AuditOutcome, AuditTrail, GeneratedKey, KeyProvider, KeyProviderError,
    KeyQuery, KeyRegistry, PendingKey, Purpose, Reservations as _, RetirementStage, WantedKey,
};
use signer_domain::{
    Deadline, Digest, HandleId, KeyId, KeyMark, KeyMarks, KeyState, ProviderName, PublicKey,
    RotationTransition, Scope, SigningKey,
};

use super::{Blow, CrashPoints, Crashing, Moment, Point, PortCall};
use crate::testdouble::TestDouble;
use signer_registry::{RegistryUrl, SqliteRegistry};

/// The ports as they are written, with the word that their points open with.
const PORTS: [(&str, &str); 8] = [
    (
        "registry",
        include_str!("../../../../domain/src/ports/key_registry/records.rs"),
    ),
    (
        "registry",
        include_str!("../../../../domain/src/ports/key_registry/reservations.rs"),
    ),
    (
        "registry",
        include_str!("../../../../domain/src/ports/key_registry/retirements.rs"),
    ),
    (
        "registry",
        include_str!("../../../../domain/src/ports/key_registry/rotations.rs"),
    ),
    (
        "registry",
        include_str!("../../../../domain/src/ports/key_registry/store.rs"),
    ),
    (
        "provider",
        include_str!("../../../../domain/src/ports/key_provider.rs"),
    ),
    (
        "audit",
        include_str!("../../../../domain/src/ports/audit_trail.rs"),
    ),
    (
        "audit_file",
        include_str!("../../../../adapters/audit/src/sink.rs"),
    ),
];

/// What tells a constant or what the process itself remembers; nothing can happen in between.
const WITHOUT_POINTS: [&str; 6] = [
    "provider.capabilities",
    "provider.forget",
    "provider.warnings",
    "audit.status",
    "registry.identity",
    "registry.newest_change",
];

/// Calls of one name, and a point for each thing that they are for.
const BY_PURPOSE: [&str; 2] = ["registry.reserve_rotation", "registry.open_rotation"];

/// Steps that change files beside the log. That each of them has points holds the compiler.
const STEPS: [&str; 3] = [
    "audit_file.note_run",
    "audit_file.sign_checkpoint",
    "audit_file.make_key",
];

fn calls_in(port: &str, source: &str) -> Vec<String> {
    let lines = source.lines().map(str::trim_start);
    let calls = lines.filter_map(|line| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        let (name, arguments) = line.strip_prefix("fn ")?.split_once('(')?;
        let takes_self = arguments.is_empty()
            || arguments.starts_with("&self")
            || arguments.starts_with("&mut self");
        takes_self.then(|| format!("{port}.{name}"))
    });
    calls.collect()
}

#[test]
fn every_call_of_a_driven_port_has_crash_points() {
    let mut wanted: BTreeSet<String> = PORTS
        .iter()
        .flat_map(|(port, source)| calls_in(port, source))
        .collect();
    for without in WITHOUT_POINTS {
        assert!(wanted.remove(without), "{without} is not there");
    }
    wanted.extend(STEPS.map(str::to_owned));
    wanted.extend(BY_PURPOSE.map(str::to_owned));
    let named: BTreeSet<String> = PortCall::ALL
        .iter()
        .map(|call| call.as_str().to_owned())
        .collect();
    assert_eq!(named, wanted);
    assert_eq!(Point::all().count(), 2 * wanted.len());
}

/// Notes each point that is passed, and lets everything go on.
fn recorder() -> (CrashPoints, Arc<Mutex<Vec<Point>>>) {
    let passed = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&passed);
    let points = CrashPoints::decided_by(move |point| {
        notes.lock().push(point);
        Blow::None
    });
    (points, passed)
}

/// An adapter behind two rows of points: the inner one fails every call, so that the adapter is
/// never reached; the outer one is the one that is looked at.
fn behind<A>(adapter: A, points: CrashPoints) -> Crashing<Crashing<A>> {
    let failing = CrashPoints::decided_by(|_| Blow::Fail);
    Crashing::new(Arc::new(Crashing::new(Arc::new(adapter), failing)), points)
}

fn key_id() -> KeyId {
    KeyId::parse("k1").unwrap()
}

fn handle() -> HandleId {
    HandleId::parse("software:platform|k1").unwrap()
}

fn generated() -> GeneratedKey {
    GeneratedKey {
        handle_id: handle(),
        public_key: PublicKey::from_bytes([7; 32]),
    }
}

fn wanted(purpose: Purpose) -> WantedKey {
    WantedKey {
        scope: Scope::Platform,
        key_id: key_id(),
        provider: ProviderName::new("software"),
        purpose,
        at: Timestamp::UNIX_EPOCH,
    }
}

fn pending(purpose: Purpose) -> PendingKey {
    PendingKey {
        scope: Scope::Platform,
        key_id: key_id(),
        provider: ProviderName::new("software"),
        purpose,
        reservation: 1,
    }
}

fn signing_key() -> SigningKey {
    SigningKey {
        scope: Scope::Platform,
        key_id: key_id(),
        handle_id: handle(),
        public_key: PublicKey::from_bytes([7; 32]),
        state: KeyState::Active,
        current: true,
        marks: KeyMarks::default(),
        valid_from: Timestamp::UNIX_EPOCH,
        valid_until: None,
        version: 1,
    }
}

fn transition() -> RotationTransition {
    RotationTransition {
        scope: Scope::Platform,
        old_key_id: key_id(),
        new_key_id: key_id(),
        old_handle_id: handle(),
        new_handle_id: handle(),
        opened_at: Timestamp::UNIX_EPOCH,
        closes_at: Timestamp::UNIX_EPOCH,
        closed_at: None,
    }
}

fn query() -> KeyQuery {
    KeyQuery {
        scope: None,
        state: None,
        limit: std::num::NonZeroU32::MIN,
        after: None,
    }
}

fn entry() -> AuditEntry {
    AuditEntry {
        time: Timestamp::UNIX_EPOCH,
        request_id: "r1".to_owned(),
        op: "sign",
        outcome: AuditOutcome::Ok,
        http_status: 200,
        code: None,
        key: AuditKey::default(),
        peer: None,
        digest: None,
        signature: None,
        items: Vec::new(),
        latency: Duration::ZERO,
        count: None,
    }
}

/// Makes every call of the registry; how many of them failed.
async fn call_registry(registry: &impl KeyRegistry) -> usize {
    let (scope, key_id, at) = (Scope::Platform, key_id(), Timestamp::UNIX_EPOCH);
    let failed = [
        registry.reserve(&wanted(Purpose::Generate)).await.is_err(),
        registry
            .complete(&pending(Purpose::Generate), &generated(), at, at)
            .await
            .is_err(),
        registry.abandon(&pending(Purpose::Generate)).await.is_err(),
        registry.pending().await.is_err(),
        registry.find(&handle()).await.is_err(),
        registry
            .any_of(ProviderName::new("software"))
            .await
            .is_err(),
        registry.current(&scope).await.is_err(),
        registry.list(&query()).await.is_err(),
        registry.mark(&handle(), KeyMark::Blocked).await.is_err(),
        registry.unmark(&handle(), KeyMark::Blocked).await.is_err(),
        registry.notices().await.is_err(),
        registry.begin_retirement(&handle()).await.is_err(),
        registry.retire(&signing_key(), at).await.is_err(),
        registry.lease_holds().is_err(),
        registry.check().await.is_err(),
        registry.close().await.is_err(),
        registry.reserve(&wanted(Purpose::Rotate)).await.is_err(),
        registry
            .complete(&pending(Purpose::Rotate), &generated(), at, at)
            .await
            .is_err(),
        registry.rotate_to(&signing_key(), at, at).await.is_err(),
        registry.rotation(&scope).await.is_err(),
        registry
            .rotation_between(&scope, &key_id, &key_id)
            .await
            .is_err(),
        registry.open_rotations().await.is_err(),
        registry.close_rotation(&transition(), at).await.is_err(),
        registry
            .unsettled_retirements(RetirementStage::Begun)
            .await
            .is_err(),
        registry.confirm_retirement(&handle()).await.is_err(),
    ];
    failed.iter().filter(|failed| **failed).count()
}

/// Makes every call of the provider; how many of them failed.
async fn call_provider(provider: &impl KeyProvider) -> usize {
    let (scope, key_id) = (Scope::Platform, key_id());
    let deadline = Deadline::after(Duration::from_secs(10));
    let digest = Digest::from_bytes([1; 64]);
    let failed = [
        provider.generate(&scope, &key_id, deadline).await.is_err(),
        provider.sign(&handle(), &digest, deadline).await.is_err(),
        provider.public_key(&handle(), deadline).await.is_err(),
        provider.retire(&handle(), deadline).await.is_err(),
        provider.locate(&scope, &key_id, deadline).await.is_err(),
        provider.check(deadline).await.is_err(),
    ];
    failed.iter().filter(|failed| **failed).count()
}

async fn registry() -> (SqliteRegistry, tempfile::TempDir) {
    let place = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", place.path().join("registry.db").display());
    let url = RegistryUrl::parse(&url).unwrap();
    (SqliteRegistry::open(&url).await.unwrap(), place)
}

/// Records nothing at all: what stands behind it in these tests is never reached.
#[derive(Debug)]
struct NoTrail;

#[async_trait::async_trait]
impl AuditTrail for NoTrail {
    async fn record(&self, _: AuditEntry) -> Result<(), signer_domain::ports::AuditUnavailable> {
        panic!("reached")
    }

    fn note(&self, _: AuditEntry) {
        panic!("reached")
    }

    fn status(&self) -> signer_domain::ports::AuditStatus {
        signer_domain::ports::AuditStatus::Off
    }
}

#[tokio::test]
async fn every_call_passes_the_point_before_it_and_the_point_after_it() {
    let (points, passed) = recorder();
    let (sqlite, _place) = registry().await;
    assert_eq!(call_registry(&behind(sqlite, points.clone())).await, 25);
    let double = behind(TestDouble::new(), points.clone());
    assert_eq!(call_provider(&double).await, 6);
    let trail = behind(NoTrail, points);
    trail.record(entry()).await.unwrap_err();
    trail.note(entry());
    let mut passed = passed.lock().clone();
    for pair in passed.chunks(2) {
        let call = pair[0].call;
        let both = [Moment::Before, Moment::After].map(|moment| Point { call, moment });
        assert_eq!(pair, both);
    }
    passed.sort_unstable();
    // The tests of the audit log and of the whole process pass those of its file.
    let is_of_a_port = |point: &Point| !point.call.as_str().starts_with("audit_file.");
    assert_eq!(
        passed,
        Point::all().filter(is_of_a_port).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_call_that_fails_before_has_no_effect_and_one_that_fails_after_has_it() {
    let wanted = wanted(Purpose::Generate);
    let (sqlite, _place) = registry().await;
    let sqlite = Arc::new(sqlite);
    let armed = |text: &str| {
        let points = CrashPoints::parse(text).unwrap();
        Crashing::new(Arc::clone(&sqlite), points)
    };
    let before = armed("registry.reserve.before:1=fail");
    before.reserve(&wanted).await.unwrap_err();
    assert_eq!(before.pending().await.unwrap(), []);
    let after = armed("registry.reserve.after:1=fail");
    after.reserve(&wanted).await.unwrap_err();
    assert_eq!(after.pending().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_trap_strikes_at_the_hit_it_names_once_or_for_ever() {
    let double = Arc::new(TestDouble::new());
    let deadline = Deadline::after(Duration::from_secs(10));
    for (text, wanted) in [
        ("provider.check.before:2=fail", [true, false, true]),
        ("provider.check.before:2+=fail", [true, false, false]),
        ("provider.check.after:1=fail", [false, true, true]),
        ("provider.sign.before:1=fail", [true, true, true]),
        ("any:1+=fail", [true, true, true]),
        (
            "provider.check.before:3=fail,provider.check.before:1=fail",
            [false, true, false],
        ),
    ] {
        let points = CrashPoints::parse(text).unwrap();
        let crashing = Crashing::new(Arc::clone(&double), points);
        let mut went = [false; 3];
        for went in &mut went {
            *went = crashing.check(deadline).await.is_ok();
        }
        assert_eq!(went, wanted, "{text}");
    }
}

#[tokio::test]
async fn a_provider_that_refuses_says_that_it_did_nothing_and_one_that_fails_does_not() {
    for (blow, is_unknown) in [("refuse", false), ("fail", true)] {
        let points = CrashPoints::parse(&format!("provider.check.before:1={blow}")).unwrap();
        let crashing = Crashing::new(Arc::new(TestDouble::new()), points);
        let deadline = Deadline::after(Duration::from_secs(10));
        let KeyProviderError::ProviderUnavailable {
            outcome_unknown, ..
        } = crashing.check(deadline).await.unwrap_err()
        else {
            panic!("{blow}");
        };
        assert_eq!(outcome_unknown, is_unknown, "{blow}");
    }
}

#[test]
fn refuses_a_text_that_names_no_crash_point() {
    for text in [
        "",
        "registry.complete",
        "registry.complete.after",
        "registry.complete.after:",
        "registry.complete.after:0",
        "registry.complete.after:1=explode",
        "registry.complete.during:1",
        "any:1,",
        "any:1=slow-1s",
    ] {
        let refusal = CrashPoints::parse(text).unwrap_err();
        assert!(
            refusal.to_string().starts_with("no crash point: "),
            "{text}"
        );
    }
}
