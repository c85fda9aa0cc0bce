//! A token with its module in a process that runs one case.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;

/// Names the directory of the case in the process that runs it.
const DIRECTORY: &str = "PKCS11_FAULT_TEST_DIRECTORY";

const LABEL: &str = "throwaway";
const PIN: &str = "throwaway-test-pin";
const MESSAGE: [u8; 64] = [7; 64];
const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];

/// The two halves of a key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    public: ObjectHandle,
    pub(crate) private: ObjectHandle,
}

/// The module under test before a fresh token of the real one.
#[derive(Debug)]
pub(crate) struct Stage {
    module: Pkcs11,
    directory: PathBuf,
}

/// Starts this program again for the test that the case stands in, and there runs the case.
pub(crate) fn in_a_process_of_its_own<Case: FnOnce(&Stage)>(case: Case) {
    if let Some(directory) = env::var_os(DIRECTORY) {
        return case(&Stage::set_up(directory.into()));
    }
    let real = env::var_os("PKCS11_MODULE").expect("PKCS11_MODULE names no module to test with");
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    write_configurations(directory.path());
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", test_of::<Case>(), "--nocapture"])
        .env(DIRECTORY, directory.path())
        .env("P11FAULT_REAL", real)
        .env("P11FAULT_RULES", path("rules"))
        .env("P11FAULT_TRACE", path("trace"))
        .env("SOFTHSM2_CONF", path("softhsm2.conf"))
        .env("KRYOPTIC_CONF", path("kryoptic.conf"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    assert!(said.contains("1 passed"), "no such test: {said}");
}

/// The name of the test that a closure stands in, as the test harness knows it.
fn test_of<Case>() -> &'static str {
    let name = std::any::type_name::<Case>();
    let name = name.strip_suffix("::{{closure}}").unwrap_or(name);
    name.split_once("::").map_or(name, |(_crate, test)| test)
}

/// Each real module reads its own.
fn write_configurations(directory: &Path) {
    let tokens = directory.join("tokens");
    fs::create_dir(&tokens).unwrap();
    let softhsm = format!("directories.tokendir = {}\n", tokens.display());
    fs::write(directory.join("softhsm2.conf"), softhsm).unwrap();
    let store = directory.join("kryoptic.sql");
    let kryoptic = format!(
        "[[slots]]\nslot = 42\ndbtype = \"sqlite\"\ndbargs = \"{}\"\n",
        store.display()
    );
    fs::write(directory.join("kryoptic.conf"), kryoptic).unwrap();
}

/// The module is built beside the tests that use it.
fn built_module() -> PathBuf {
    let program = env::current_exe().unwrap();
    program
        .ancestors()
        .nth(2)
        .unwrap()
        .join("libpkcs11_fault.so")
}

impl Stage {
    fn set_up(directory: PathBuf) -> Self {
        let module = Pkcs11::new(built_module()).unwrap();
        module
            .initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))
            .unwrap();
        let pin = AuthPin::new(PIN.into());
        let slot = module.get_all_slots().unwrap()[0];
        module.init_token(slot, &pin, LABEL).unwrap();
        let stage = Self { module, directory };
        let officer = stage.module.open_rw_session(stage.slot()).unwrap();
        officer.login(UserType::So, Some(&pin)).unwrap();
        officer.init_pin(&pin).unwrap();
        officer.logout().unwrap();
        drop(officer);
        stage
    }

    /// Looked for each time: `SoftHSM` gives a token another slot at the next `C_Initialize`.
    fn slot(&self) -> Slot {
        let slots = self.module.get_slots_with_token().unwrap();
        let label = |slot: &Slot| {
            self.module
                .get_token_info(*slot)
                .unwrap()
                .label()
                .to_owned()
        };
        let ours = |slot: &Slot| label(slot).trim_end() == LABEL;
        slots.into_iter().find(ours).unwrap()
    }

    /// A session that is logged in. Rules know it by one more than its place in the case, for the
    /// token was set up in the first.
    pub(crate) fn session(&self) -> Session {
        let session = self.module.open_rw_session(self.slot()).unwrap();
        match session.login(UserType::User, Some(&AuthPin::new(PIN.into()))) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => session,
            Err(other) => panic!("{other}"),
        }
    }

    /// Replaces the rules.
    pub(crate) fn rules(&self, text: &str) {
        let next = self.directory.join("rules.next");
        fs::write(&next, text).unwrap();
        fs::rename(next, self.directory.join("rules")).unwrap();
    }

    /// What was traced so far.
    pub(crate) fn trace(&self) -> String {
        fs::read_to_string(self.directory.join("trace")).unwrap()
    }

    /// Returns once the trace holds this.
    #[expect(
        clippy::disallowed_methods,
        reason = "there is no runtime here whose timers to use"
    )]
    pub(crate) fn wait_for(&self, text: &str) {
        let started = Instant::now();
        while !self.trace().contains(text) {
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "never saw {text}"
            );
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Makes a pair that stays in the token.
pub(crate) fn try_generate(session: &Session, label: &str) -> Result<Pair, Error> {
    let label = Attribute::Label(label.as_bytes().to_vec());
    let public = [
        Attribute::Class(ObjectClass::PUBLIC_KEY),
        Attribute::KeyType(KeyType::EC_EDWARDS),
        Attribute::Token(true),
        Attribute::Verify(true),
        Attribute::EcParams(ED25519.to_vec()),
        label.clone(),
    ];
    let private = [
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::KeyType(KeyType::EC_EDWARDS),
        Attribute::Token(true),
        Attribute::Sign(true),
        label,
    ];
    let mechanism = Mechanism::EccEdwardsKeyPairGen;
    let (public, private) = session.generate_key_pair(&mechanism, &public, &private)?;
    Ok(Pair { public, private })
}

pub(crate) fn generate(session: &Session, label: &str) -> Pair {
    try_generate(session, label).unwrap()
}

/// Both halves, when both are there.
pub(crate) fn find(session: &Session, label: &str) -> Vec<ObjectHandle> {
    let template = [Attribute::Label(label.as_bytes().to_vec())];
    session.find_objects(&template).unwrap()
}

pub(crate) fn sign(session: &Session, pair: Pair) -> Result<Vec<u8>, Error> {
    session.sign(&eddsa(), pair.private, &MESSAGE)
}

pub(crate) fn verifies(session: &Session, pair: Pair, signature: &[u8]) -> bool {
    session
        .verify(&eddsa(), pair.public, &MESSAGE, signature)
        .is_ok()
}

fn eddsa() -> Mechanism<'static> {
    Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519))
}
