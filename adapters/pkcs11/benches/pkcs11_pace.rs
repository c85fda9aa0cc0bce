//! How fast the PKCS#11 provider signs, beside a bare loop of `C_Sign` with as many sessions, and what a
//! key that many ask for costs the others.
//!
//! A software token computes on the processors that verification needs too. What the loop does when it
//! verifies each of its signatures is therefore the most that any provider could do on this machine.
//!
//! ```console
//! $ PKCS11_MODULE=/usr/lib/softhsm/libsofthsm2.so cargo bench -p signer-pkcs11 --features sdk
//! ```

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a measurement that cannot be made ends with a panic, and its outcome is printed"
)]

#[path = "../tests/pkcs11_support/mod.rs"]
mod support;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cryptoki::context::Pkcs11;
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, ObjectClass};
use tokio::runtime::Runtime;

use signer_domain::ports::{GeneratedKey, KeyProvider};
use signer_domain::{Deadline, Digest, KeyId, Scope, Signature};
use signer_pkcs11_one_call::OneCallSign;
use signer_verify::verifier_for;

use support::TestToken;

const KEYS: usize = 8;
/// As many as ask a busy custodian at once: every session has the next signature waiting.
const CALLERS: usize = 32;
const ROUND: Duration = Duration::from_secs(3);
const ROUNDS: usize = 5;

fn main() {
    let runtime = Runtime::new().unwrap();
    println!(
        "{:>8} {:>10} {:>12} {:>10} {:>6} {:>11}",
        "sessions", "bare/s", "verifying/s", "provider/s", "ratio", "to verifying"
    );
    for sessions in [1, 2, 4] {
        let stage = Stage::new(&runtime, sessions);
        // One after the other and again, so that what else the machine does falls on both.
        let rounds: Vec<Round> = (0..ROUNDS)
            .map(|_| Round {
                bare: stage.bare(sessions, Checking::None),
                verifying: stage.bare(sessions, Checking::Each),
                provider: stage.provider(&runtime),
            })
            .collect();
        let median = |pick: fn(&Round) -> f64| {
            let mut rates: Vec<f64> = rounds.iter().map(pick).collect();
            rates.sort_by(f64::total_cmp);
            rates[ROUNDS / 2]
        };
        println!(
            "{sessions:>8} {:>10.0} {:>12.0} {:>10.0} {:>6.2} {:>11.2}",
            median(|round| round.bare),
            median(|round| round.verifying),
            median(|round| round.provider),
            median(|round| round.provider / round.bare),
            median(|round| round.provider / round.verifying),
        );
        if sessions == 2 {
            stage.fairness(&runtime);
        }
    }
}

/// Signatures a second, measured one after the other.
struct Round {
    bare: f64,
    verifying: f64,
    provider: f64,
}

/// What the loop does with its signatures.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Checking {
    None,
    Each,
}

/// A token with some keys, and a provider on it.
struct Stage {
    _token: TestToken,
    provider: Arc<dyn KeyProvider>,
    keys: Vec<GeneratedKey>,
    context: Pkcs11,
    c_sign: OneCallSign,
    label: String,
}

impl Stage {
    fn new(runtime: &Runtime, sessions: usize) -> Self {
        let token = runtime.block_on(TestToken::fresh());
        let sessions = NonZeroUsize::new(sessions).unwrap();
        let provider = token.provider_with(support::module(&support::module_path()), sessions);
        let keys = (0..KEYS)
            .map(|number| {
                let key_id = KeyId::parse(&format!("k{number}")).unwrap();
                let deadline = Deadline::after(Duration::from_secs(10));
                let call = provider.generate(&Scope::Platform, &key_id, deadline);
                runtime.block_on(call).unwrap()
            })
            .collect();
        Self {
            provider,
            keys,
            context: support::context(),
            c_sign: OneCallSign::load(&support::module_path()).unwrap().unwrap(),
            label: token.label().to_owned(),
            _token: token,
        }
    }

    /// Signatures a second by a loop that does nothing else, or verifies each.
    fn bare(&self, sessions: usize, checking: Checking) -> f64 {
        let verifiers: Vec<_> = self
            .keys
            .iter()
            .map(|key| verifier_for(&key.public_key).unwrap())
            .collect();
        let slots = self.context.get_slots_with_token().unwrap();
        let is_ours = |slot: &cryptoki::slot::Slot| {
            let info = self.context.get_token_info(*slot);
            info.is_ok_and(|info| info.label().trim_end() == self.label)
        };
        let slot = slots.into_iter().find(is_ours).unwrap();
        let count = AtomicU64::new(0);
        let started = Instant::now();
        thread::scope(|scope| {
            for number in 0..sessions {
                let (count, verifiers) = (&count, &verifiers);
                scope.spawn(move || {
                    // The provider is logged in, and a login is one for the whole process.
                    let session = self.context.open_rw_session(slot).unwrap();
                    let private: Vec<_> = self
                        .keys
                        .iter()
                        .map(|key| {
                            let label = key.handle_id.rest().as_bytes().to_vec();
                            let class = Attribute::Class(ObjectClass::PRIVATE_KEY);
                            session
                                .find_objects(&[class, Attribute::Label(label)])
                                .unwrap()[0]
                        })
                        .collect();
                    let pure = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519));
                    let mut turn = number;
                    while started.elapsed() < ROUND {
                        turn += 1;
                        let key = private[turn % KEYS];
                        session.sign_init(&pure, key).unwrap();
                        let signature = self.c_sign.sign(&session, &[7; 64]).unwrap();
                        if checking == Checking::Each {
                            let signature = Signature::from_bytes(signature.try_into().unwrap());
                            let digest = Digest::from_bytes([7; 64]);
                            assert!(verifiers[turn % KEYS].accepts(&digest, &signature));
                        }
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        rate(&count, started)
    }

    /// Signatures a second by the provider, each verified.
    fn provider(&self, runtime: &Runtime) -> f64 {
        let count = Arc::new(AtomicU64::new(0));
        let started = Instant::now();
        runtime.block_on(async {
            let mut callers = tokio::task::JoinSet::new();
            for number in 0..CALLERS {
                let (provider, count) = (Arc::clone(&self.provider), Arc::clone(&count));
                let handles: Vec<_> = self.keys.iter().map(|key| key.handle_id.clone()).collect();
                callers.spawn(async move {
                    let mut turn = number;
                    while started.elapsed() < ROUND {
                        turn += 1;
                        let deadline = Deadline::after(Duration::from_secs(10));
                        let digest = Digest::from_bytes([7; 64]);
                        provider
                            .sign(&handles[turn % KEYS], &digest, deadline)
                            .await
                            .unwrap();
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            callers.join_all().await;
        });
        rate(&count, started)
    }

    /// What one key costs another when as many ask for it as its gate lets through.
    fn fairness(&self, runtime: &Runtime) {
        let alone = runtime.block_on(self.quiet_key());
        let stop = Arc::new(AtomicBool::new(false));
        let beside = runtime.block_on(async {
            let mut hot = tokio::task::JoinSet::new();
            for _ in 0..self.provider.capabilities().max_in_flight.get() {
                let (provider, stop) = (Arc::clone(&self.provider), Arc::clone(&stop));
                let handle = self.keys[0].handle_id.clone();
                hot.spawn(async move {
                    while !stop.load(Ordering::Relaxed) {
                        let deadline = Deadline::after(Duration::from_secs(10));
                        let digest = Digest::from_bytes([7; 64]);
                        provider.sign(&handle, &digest, deadline).await.unwrap();
                    }
                });
            }
            let beside = self.quiet_key().await;
            stop.store(true, Ordering::Relaxed);
            hot.join_all().await;
            beside
        });
        let (alone, beside) = (alone.as_micros(), beside.as_micros());
        println!("a quiet key: median {alone} us alone, {beside} us beside a hot key");
    }

    /// The median time of a signature by a key that is asked for now and then.
    async fn quiet_key(&self) -> Duration {
        let mut times = Vec::new();
        for _ in 0..500 {
            tokio::time::sleep(Duration::from_millis(2)).await;
            let (started, deadline) = (Instant::now(), Deadline::after(Duration::from_secs(10)));
            let digest = Digest::from_bytes([9; 64]);
            let call = self
                .provider
                .sign(&self.keys[1].handle_id, &digest, deadline);
            call.await.unwrap();
            times.push(started.elapsed());
        }
        times.sort_unstable();
        times[times.len() / 2]
    }
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "a rate needs no more digits than a float has"
)]
fn rate(count: &AtomicU64, started: Instant) -> f64 {
    count.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64()
}
