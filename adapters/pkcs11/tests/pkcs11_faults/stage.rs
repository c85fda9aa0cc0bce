//! A provider on the fault module before a fresh token, in a process that runs one case.

pub(crate) mod others;
mod process;
mod token;

use std::collections::HashMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use parking_lot::Mutex;
use ring::signature::{ED25519, UnparsedPublicKey};
use tokio::runtime::{Builder, Runtime};
use zeroize::Zeroizing;

use signer_domain::ports::{GeneratedKey, KeyProvider as _, KeyProviderError};
use signer_domain::{Deadline, Digest, HandleId, KeyId, PublicKey, Scope, Signature};
use signer_pkcs11::{
    Closing, LabelPrefix, Pkcs11Module, Pkcs11Provider, Pkcs11Settings, RegisteredKeys,
    RegistryKnows, SlotChoice, UserPin,
};

pub(crate) use self::process::in_a_process_of_its_own;
pub(crate) use self::token::{Errand, TriesLeft, objects};

/// Longer than every call that is not made to hang.
const LONG: Duration = Duration::from_secs(10);
/// The provider is at work again this long after the last fault, whatever the fault was.
const HEALS_WITHIN: Duration = Duration::from_secs(10);
/// Two sessions sign, so that one may hang.
const SESSIONS: NonZeroUsize = NonZeroUsize::new(2).unwrap();

/// A provider on the fault module before a fresh token.
pub(crate) struct Stage {
    directory: PathBuf,
    test: &'static str,
    runtime: Runtime,
    module: Arc<Pkcs11Module>,
    provider: Pkcs11Provider,
    registry: Arc<Registry>,
}

/// What the registry says of public keys.
#[derive(Debug, Default)]
struct Registry(Mutex<HashMap<HandleId, PublicKey>>);

#[async_trait]
impl RegisteredKeys for Registry {
    async fn public_key_of(&self, handle: &HandleId) -> Option<PublicKey> {
        self.0.lock().get(handle).copied()
    }
}

pub(crate) type Outcome<T> = Result<T, KeyProviderError>;

impl Stage {
    /// The token, and a provider that has used it once.
    fn set_up(directory: PathBuf, test: &'static str) -> Self {
        token::make();
        let module = Pkcs11Module::load(&directory.join("fault.so")).unwrap();
        let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
        let registry = Arc::default();
        let stage = Self {
            provider: provider(&module, &registry, settings(), token::PIN),
            registry,
            directory,
            test,
            runtime,
            module,
        };
        stage.check().unwrap();
        stage
    }

    /// Another provider on the same token, which remembers nothing of it.
    pub(crate) fn without_memory(&mut self) {
        self.replace_provider(settings());
    }

    /// The same, which leaves a thread no sooner than this.
    pub(crate) fn with_call_timeout(&mut self, call_timeout: Duration) {
        self.replace_provider(settings().with_call_timeout(call_timeout));
    }

    /// The same, which takes the module for stuck after this long.
    pub(crate) fn with_stuck_after(&mut self, stuck_after: Duration) {
        self.replace_provider(settings().with_stuck_after(stuck_after));
    }

    /// The same with both of these limits.
    pub(crate) fn with_limits(&mut self, call_timeout: Duration, stuck_after: Duration) {
        let settings = settings().with_call_timeout(call_timeout);
        self.replace_provider(settings.with_stuck_after(stuck_after));
    }

    fn replace_provider(&mut self, settings: Pkcs11Settings) {
        assert!(self.provider.close(LONG), "a session was not closed");
        self.provider = provider(&self.module, &self.registry, settings, token::PIN);
    }

    /// The key is in the registry.
    pub(crate) fn the_registry_has(&self, key: &GeneratedKey) {
        let mut keys = self.registry.0.lock();
        keys.insert(key.handle_id.clone(), key.public_key);
    }

    /// Tells the provider what a registry would.
    pub(crate) fn the_registry_knows(&self, registry: RegistryKnows) {
        self.provider.learn(registry);
    }

    /// The same, with a PIN that is not the token's.
    pub(crate) fn with_a_wrong_pin(&mut self) {
        assert!(self.provider.close(LONG), "a session was not closed");
        self.provider = provider(&self.module, &self.registry, settings(), "not-the-pin");
    }

    /// The module reads its store anew, and the provider remembers nothing of the token.
    pub(crate) fn restart_the_module(&mut self) {
        assert!(self.provider.close(LONG), "a session was not closed");
        assert_eq!(self.module.close(LONG), Closing::Finalized);
        self.provider = provider(&self.module, &self.registry, settings(), token::PIN);
        let deadline = Deadline::after(LONG);
        // What it finds is for the case to see.
        let _found = self.runtime.block_on(self.provider.check(deadline));
    }

    /// Another custodian of the same token, which shares nothing with the first but the process.
    pub(crate) fn beside(&self) -> Self {
        Self {
            directory: self.directory.clone(),
            test: self.test,
            runtime: Builder::new_multi_thread().enable_all().build().unwrap(),
            module: Arc::clone(&self.module),
            registry: Arc::clone(&self.registry),
            provider: provider(&self.module, &self.registry, settings(), token::PIN),
        }
    }

    /// Ends a custodian beside the first.
    pub(crate) fn leave(self) {
        assert!(self.provider.close(LONG), "a session was not closed");
    }

    /// Ends in order, as the process does. An exit with threads inside of a module may crash.
    fn end(self) {
        assert!(self.provider.close(LONG), "a session was not closed");
        drop(self.provider);
        assert_eq!(self.module.close(LONG), Closing::Finalized);
    }

    /// Replaces the rules of the fault module.
    pub(crate) fn rules(&self, text: &str) {
        let next = self.directory.join("rules.next");
        fs::write(&next, text).unwrap();
        fs::rename(next, self.directory.join("rules")).unwrap();
    }

    /// Takes all rules away.
    pub(crate) fn no_rules(&self) {
        self.rules("");
    }

    /// How often the real or the refused call was traced, by the opening of its line.
    pub(crate) fn count(&self, opening: &str) -> usize {
        let trace = fs::read_to_string(self.directory.join("trace")).unwrap();
        trace
            .lines()
            .filter(|line| line.starts_with(opening))
            .count()
    }

    /// Returns once a call of this function is being held.
    pub(crate) fn wait_until_held(&self, function: &str, calls: usize) {
        let held = || {
            let trace = fs::read_to_string(self.directory.join("trace")).unwrap();
            let of_function = |line: &&str| line.starts_with(&format!("{function} "));
            let lines = trace.lines().filter(of_function);
            lines.filter(|line| line.contains(" held ")).count()
        };
        eventually("a call that is held", || held() >= calls);
    }

    /// Makes the key of this name in the platform scope.
    pub(crate) fn generate(&self, name: &str) -> Outcome<GeneratedKey> {
        self.generate_within(name, LONG)
    }

    pub(crate) fn generate_within(&self, name: &str, patience: Duration) -> Outcome<GeneratedKey> {
        let deadline = Deadline::after(patience);
        let key_id = KeyId::parse(name).unwrap();
        let call = self.provider.generate(&Scope::Platform, &key_id, deadline);
        self.runtime.block_on(call)
    }

    pub(crate) fn locate(&self, name: &str) -> Outcome<Option<GeneratedKey>> {
        let deadline = Deadline::after(LONG);
        let key_id = KeyId::parse(name).unwrap();
        let call = self.provider.locate(&Scope::Platform, &key_id, deadline);
        self.runtime.block_on(call)
    }

    /// Signs, and holds whatever comes back against the public key: no case may see a signature by
    /// another key.
    pub(crate) fn sign(&self, key: &GeneratedKey) -> Outcome<Signature> {
        self.sign_within(key, LONG)
    }

    pub(crate) fn sign_within(&self, key: &GeneratedKey, patience: Duration) -> Outcome<Signature> {
        let digest = digest();
        let deadline = Deadline::after(patience);
        let call = self.provider.sign(&key.handle_id, &digest, deadline);
        let signature = self.runtime.block_on(call)?;
        let verifier = UnparsedPublicKey::new(&ED25519, key.public_key.as_bytes());
        verifier
            .verify(digest.as_bytes(), signature.as_bytes())
            .expect("a signature by another key was released");
        Ok(signature)
    }

    pub(crate) fn public_key(&self, key: &GeneratedKey) -> Outcome<PublicKey> {
        let deadline = Deadline::after(LONG);
        let call = self.provider.public_key(&key.handle_id, deadline);
        self.runtime.block_on(call)
    }

    /// What the provider says of itself.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.provider.warnings()
    }

    /// Whatever the provider remembers of the token is of before its next login.
    pub(crate) fn forgets(&self, key: &GeneratedKey) {
        self.rules("C_SignInit at=1 behind=logout");
        // What comes of it is for the case to see.
        let _signed = self.sign(key);
        self.no_rules();
    }

    pub(crate) fn retire(&self, key: &GeneratedKey) -> Outcome<()> {
        let call = self.provider.retire(&key.handle_id, Deadline::after(LONG));
        self.runtime.block_on(call)
    }

    /// The key is retired once nothing stands in the way.
    pub(crate) fn retires_at_last(&self, key: &GeneratedKey) {
        eventually("a retirement", || self.retire(key).is_ok());
    }

    pub(crate) fn check(&self) -> Outcome<()> {
        self.check_within(LONG)
    }

    pub(crate) fn check_within(&self, patience: Duration) -> Outcome<()> {
        let call = self.provider.check(Deadline::after(patience));
        self.runtime.block_on(call)
    }

    /// The provider signs again by itself.
    pub(crate) fn heals(&self, key: &GeneratedKey) {
        let mut last = None;
        let started = Instant::now();
        while started.elapsed() < HEALS_WITHIN {
            match self.sign(key) {
                Ok(_) => return,
                Err(error) => last = Some(error),
            }
            pause();
        }
        panic!("does not sign again: {last:?}");
    }

    /// How many threads are in calls that do not return.
    pub(crate) fn hung_calls(&self) -> usize {
        self.module.hung_calls()
    }

    /// Whether nothing but a new process can help.
    pub(crate) fn is_stuck(&self) -> bool {
        let stuck = self.provider.stuck();
        let asked = async { tokio::time::timeout(Duration::ZERO, stuck).await };
        self.runtime.block_on(asked).is_ok()
    }

    /// How many were so at once, at the most, until this is so.
    pub(crate) fn most_hung_until(&self, mut is_so: impl FnMut() -> bool) -> usize {
        let mut most = 0;
        while !is_so() {
            most = most.max(self.hung_calls());
            pause();
        }
        most
    }

    /// Where the real module keeps its tokens.
    pub(crate) fn store(&self) -> PathBuf {
        self.directory.join("tokens")
    }

    /// Another process initialises the token again, which empties it.
    pub(crate) fn another_process_empties_the_token(&self) {
        self.another_process_does(Errand::EmptyTheToken);
    }

    /// Another process sees to something, and finds so many tries left.
    pub(crate) fn another_process_does(&self, errand: Errand) -> TriesLeft {
        let said = process::another_process_does(errand, self.test, &self.directory);
        TriesLeft::named_in(&said)
    }
}

fn settings() -> Pkcs11Settings {
    let prefix = LabelPrefix::parse("plexsphere").unwrap();
    let slot = SlotChoice::Label(token::LABEL.to_owned());
    let settings = Pkcs11Settings::new(slot, prefix, Pkcs11Settings::LABEL_MAX).unwrap();
    settings.with_sessions(SESSIONS)
}

fn provider(
    module: &Arc<Pkcs11Module>,
    registry: &Arc<Registry>,
    settings: Pkcs11Settings,
    pin: &str,
) -> Pkcs11Provider {
    let pin = UserPin::new(Zeroizing::new(pin.to_owned())).unwrap();
    let provider = Pkcs11Provider::new(Arc::clone(module), settings, pin);
    provider.learn(RegistryKnows::NoKeys);
    let registry = Arc::<Registry>::clone(registry);
    provider.ask_for_registered(registry);
    provider
}

/// Copies the files of a directory and what is below it.
pub(crate) fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_directory(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn digest() -> Digest {
    Digest::from_bytes([7; 64])
}

/// Returns once this is so.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < HEALS_WITHIN, "never saw {what}");
        pause();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a case is a plain thread that watches others"
)]
fn pause() {
    thread::sleep(Duration::from_millis(10));
}

/// Asserts that a call failed for this cause.
macro_rules! assert_fails {
    ($outcome:expr, $cause:pat, $($about:tt)+) => {{
        let outcome = $outcome;
        assert!(matches!(outcome, Err($cause)), "{}: {outcome:?}", format_args!($($about)+));
    }};
}
pub(crate) use assert_fails;
