//! Keys that come and go for a long time cost the provider nothing that stays.
//!
//! `PKCS11_MODULE` names the module. `SIGNER_TEST_CYCLES` says how many keys come and go, 100 if it does
//! not.
//!
//! A retired key leaves its public half behind, and a software token becomes slower with each: it looks
//! through all of them for the next key. So they are swept away now and then, by this test alone.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a fixture that cannot be made fails the test"
)]

#[path = "pkcs11_support/mod.rs"]
mod support;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use cryptoki::context::Pkcs11;
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, ObjectClass};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;

use signer_domain::ports::KeyProvider;
use signer_domain::{Deadline, Digest, KeyId, Scope};

use support::{TestToken, USER_PIN};

/// The curve's object identifier, 1.3.101.112, in DER.
const ED25519: [u8; 5] = [0x06, 0x03, 0x2b, 0x65, 0x70];
/// What a process may grow by whatever it does: caches, arenas of the allocator.
const SLACK_KIB: u64 = 1024;
/// How many keys a provider remembers at the most, and what each may take.
const MOST_REMEMBERED: u64 = 16_384;
const REMEMBERED_BYTES: u64 = 256;
/// After so many keys the public halves they left are swept away.
const SWEEP_EVERY: usize = 250;

/// What a process holds, as the kernel and the module say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Holdings {
    files: usize,
    threads: usize,
    sessions: Option<u64>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_come_and_go_leave_no_session_file_or_memory_behind() {
    let cycles = cycles();
    let bare = TestToken::fresh().await;
    let context = support::context();
    let session = log_in(&context, bare.label());
    let before = memory_kib();
    for number in 0..cycles {
        bare_cycle(&session, number);
        sweep_now_and_then(&session, number);
    }
    // Software tokens keep what they hold in the memory of the process.
    let of_the_module = memory_kib().saturating_sub(before);
    session.logout().unwrap();
    session.close().unwrap();
    drop(bare);

    let token = TestToken::fresh().await;
    let module = support::module(&support::module_path());
    let provider = token.provider_with(module, NonZeroUsize::new(2).unwrap());
    for number in 0..20 {
        cycle(&provider, &format!("warm-{number}")).await;
    }
    let slot = slot_of(&context, token.label());
    // The provider is logged in, and a login is one for the whole process.
    let broom = context.open_rw_session(slot).unwrap();
    let (begin, before) = (holdings(&context, slot), memory_kib());
    for number in 0..cycles {
        cycle(&provider, &format!("k{number}")).await;
        sweep_now_and_then(&broom, number);
    }
    let (end, grown) = (
        holdings(&context, slot),
        memory_kib().saturating_sub(before),
    );
    println!(
        "{cycles} cycles: {end:?}, {grown} KiB more; {of_the_module} KiB more by the module alone"
    );
    assert_eq!(end, begin);
    assert!(
        grown <= of_the_module + of_the_module / 4 + remembered_kib(cycles) + SLACK_KIB,
        "{grown} KiB more, and only {of_the_module} KiB of them by the module"
    );
}

fn cycles() -> usize {
    let text = std::env::var("SIGNER_TEST_CYCLES").unwrap_or_else(|_| "100".to_owned());
    text.parse()
        .expect("SIGNER_TEST_CYCLES is a number of cycles")
}

/// What a provider knows of the keys that it has met.
fn remembered_kib(cycles: usize) -> u64 {
    let keys = u64::try_from(cycles).unwrap().min(MOST_REMEMBERED);
    keys * REMEMBERED_BYTES / 1024
}

async fn cycle(provider: &Arc<dyn KeyProvider>, key_id: &str) {
    let (scope, key_id) = (Scope::Platform, KeyId::parse(key_id).unwrap());
    let deadline = || Deadline::after(Duration::from_secs(30));
    let key = provider
        .generate(&scope, &key_id, deadline())
        .await
        .unwrap();
    let digest = Digest::from_bytes([7; 64]);
    provider
        .sign(&key.handle_id, &digest, deadline())
        .await
        .unwrap();
    provider.retire(&key.handle_id, deadline()).await.unwrap();
}

/// The same by nobody but the module.
fn bare_cycle(session: &Session, number: usize) {
    let label = Attribute::Label(format!("plexsphere:platform:bare-{number}").into());
    let id = Attribute::Id(format!("plexsphere:platform:bare-{number}").into());
    let public = [
        Attribute::Token(true),
        Attribute::Verify(true),
        Attribute::EcParams(ED25519.to_vec()),
        label.clone(),
        id.clone(),
    ];
    let private = [
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        label,
        id,
    ];
    let (_public, private) = session
        .generate_key_pair(&Mechanism::EccEdwardsKeyPairGen, &public, &private)
        .unwrap();
    let pure = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519));
    session.sign(&pure, private, &[7; 64]).unwrap();
    session.destroy_object(private).unwrap();
}

/// Destroys what retired keys left, but not the sentinel.
fn sweep_now_and_then(session: &Session, number: usize) {
    if number % SWEEP_EVERY != SWEEP_EVERY - 1 {
        return;
    }
    let class = Attribute::Class(ObjectClass::PUBLIC_KEY);
    for public in session.find_objects(&[class]).unwrap() {
        let attributes = session
            .get_attributes(public, &[AttributeType::Label])
            .unwrap();
        let is_of_the_provider = |attribute: &Attribute| matches!(attribute, Attribute::Label(label) if label.ends_with(b":sentinel"));
        if !attributes.iter().any(is_of_the_provider) {
            session.destroy_object(public).unwrap();
        }
    }
}

fn log_in(context: &Pkcs11, label: &str) -> Session {
    let session = context.open_rw_session(slot_of(context, label)).unwrap();
    let pin = AuthPin::from(USER_PIN);
    session.login(UserType::User, Some(&pin)).unwrap();
    session
}

fn slot_of(context: &Pkcs11, label: &str) -> Slot {
    let is_meant = |slot: &Slot| {
        let info = context.get_token_info(*slot);
        info.is_ok_and(|info| info.label().trim_end() == label)
    };
    let slots = context.get_slots_with_token().unwrap();
    slots.into_iter().find(is_meant).expect("no such token")
}

fn holdings(context: &Pkcs11, slot: Slot) -> Holdings {
    let entries = |place: &str| std::fs::read_dir(place).unwrap().count();
    Holdings {
        files: entries("/proc/self/fd"),
        threads: entries("/proc/self/task"),
        sessions: context.get_token_info(slot).unwrap().session_count(),
    }
}

/// The resident memory of this process.
fn memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    number
        .and_then(|number| number.trim().parse().ok())
        .unwrap()
}
