//! Tokens of a real module, made for one test each.
//!
//! Modules read where their store is from the environment, once, when they are initialised. The test
//! program therefore starts itself anew with the right variables, in the same process, before the
//! first test has begun. Cases take turns: a module has one state in a process.

use std::num::NonZeroUsize;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;
use tokio::sync::{Mutex, MutexGuard};

use signer_domain::ports::KeyProvider;
use signer_pkcs11::{
    LabelPrefix, Pkcs11Module, Pkcs11Provider, Pkcs11Settings, RegistryKnows, SlotChoice, UserPin,
};

/// A throw-away PIN of the user.
pub(crate) const USER_PIN: &str = "throw-away-user-4711";
const SO_PIN: &str = "throw-away-officer-0815";

/// Names the place where the tokens are, in a program that was started anew.
const PLACE: &str = "SIGNER_TEST_PKCS11_PLACE";
/// How many tokens a module whose slots are configured one by one can hold.
const SLOTS: usize = 96;

static TURN: Mutex<()> = Mutex::const_new(());
static PREPARING: parking_lot::Mutex<()> = parking_lot::Mutex::new(());

/// The path of the module under test.
pub(crate) fn module_path() -> PathBuf {
    std::env::var_os("PKCS11_MODULE")
        .expect(
            "PKCS11_MODULE names no module; set it to the path of a PKCS#11 module to test with",
        )
        .into()
}

/// A module, loaded once. A test program loads one: two would share a state and not know of it.
pub(crate) fn module(path: &Path) -> Arc<Pkcs11Module> {
    static MODULE: OnceLock<Arc<Pkcs11Module>> = OnceLock::new();
    let load = || Pkcs11Module::load(path).unwrap();
    Arc::clone(MODULE.get_or_init(load))
}

/// The place where the tokens are. Starts this program anew when there is none yet.
pub(crate) fn place() -> PathBuf {
    if let Some(place) = std::env::var_os(PLACE) {
        return place.into();
    }
    // Never given back: of the threads that come here together, a second one would clear away what
    // the first has just made, and die half-way when the first starts the program anew.
    let _first = PREPARING.lock();
    let place = new_place();
    std::fs::create_dir_all(place.join("tokens")).unwrap();
    let softhsm = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        place.join("tokens").display()
    );
    std::fs::write(place.join("softhsm2.conf"), softhsm).unwrap();
    let kryoptic: Vec<String> = (1..=SLOTS)
        .map(|slot| {
            let store = place.join(format!("tokens/{slot}.sql"));
            format!(
                "[[slots]]\nslot = {slot}\ndbtype = \"sqlite\"\ndbargs = \"{}\"\n",
                store.display()
            )
        })
        .collect();
    std::fs::write(place.join("kryoptic.conf"), kryoptic.concat()).unwrap();
    let mut arguments = std::env::args_os();
    let this = arguments.next().unwrap();
    let failure = Command::new(this)
        .args(arguments)
        .env(PLACE, &place)
        .env("SOFTHSM2_CONF", place.join("softhsm2.conf"))
        .env("KRYOPTIC_CONF", place.join("kryoptic.conf"))
        .env("P11FAULT_REAL", module_path())
        .env("P11FAULT_RULES", place.join("rules"))
        .exec();
    panic!("the test program does not start anew: {failure}");
}

/// A place named after this process. Those of processes that have ended are removed: a program that
/// starts itself anew cannot clean up behind itself.
fn new_place() -> PathBuf {
    let all = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for entry in std::fs::read_dir(all).unwrap() {
        let name = entry.unwrap().file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix("pkcs11-"));
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            // Another program may be at it too.
            let _already = std::fs::remove_dir_all(all.join(&name));
        }
    }
    let place = all.join(format!("pkcs11-{}", std::process::id()));
    let _absent = std::fs::remove_dir_all(&place);
    place
}

/// An empty token. While it lives, no other test uses the module.
#[derive(Debug)]
pub(crate) struct TestToken {
    label: String,
    providers: parking_lot::Mutex<Vec<Arc<Pkcs11Provider>>>,
    _turn: MutexGuard<'static, ()>,
}

impl TestToken {
    /// Makes an empty token.
    pub(crate) async fn fresh() -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        place();
        let turn = TURN.lock().await;
        let number = MADE.fetch_add(1, Ordering::SeqCst);
        let label = format!("token-{number}");
        let token = Self {
            label,
            providers: parking_lot::Mutex::default(),
            _turn: turn,
        };
        make_token(&context(), token.label());
        token
    }

    /// What the token is called.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// A provider of the token with this many sessions that sign.
    pub(crate) fn provider_with(
        &self,
        module: Arc<Pkcs11Module>,
        sessions: NonZeroUsize,
    ) -> Arc<dyn KeyProvider> {
        let settings = self.settings().with_sessions(sessions);
        let pin = UserPin::from_text(USER_PIN).unwrap();
        let provider = Arc::new(Pkcs11Provider::new(module, settings, pin));
        provider.learn(RegistryKnows::NoKeys);
        self.providers.lock().push(Arc::clone(&provider));
        provider
    }

    fn settings(&self) -> Pkcs11Settings {
        let prefix = LabelPrefix::parse("plexsphere").unwrap();
        let slot = SlotChoice::Label(self.label.clone());
        Pkcs11Settings::new(slot, prefix, Pkcs11Settings::LABEL_MAX).unwrap()
    }
}

impl Drop for TestToken {
    /// No thread may be inside of a module when the program ends, and none may disturb the next test.
    fn drop(&mut self) {
        for provider in self.providers.get_mut().drain(..) {
            provider.close(Duration::from_secs(5));
        }
    }
}

/// Another user of the same module in this process.
pub(crate) fn context() -> Pkcs11 {
    let context = Pkcs11::new(module_path()).unwrap();
    // It may be initialised already.
    let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
    let _already = context.initialize(arguments);
    context
}

fn make_token(context: &Pkcs11, label: &str) {
    let is_free = |slot: &cryptoki::slot::Slot| {
        !context
            .get_token_info(*slot)
            .is_ok_and(|info| info.token_initialized())
    };
    let slots = context.get_slots_with_token().unwrap();
    let slot = slots.into_iter().find(is_free).expect("no slot is free");
    let officer = AuthPin::from(SO_PIN);
    context.init_token(slot, &officer, label).unwrap();
    let session = context.open_rw_session(slot).unwrap();
    session.login(UserType::So, Some(&officer)).unwrap();
    session.init_pin(&AuthPin::from(USER_PIN)).unwrap();
    session.logout().unwrap();
}
