//! The token of a case, seen past the fault module.

use std::path::PathBuf;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::object::Attribute;
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;

/// What the token is called.
pub(super) const LABEL: &str = "throwaway";
/// A throw-away PIN of the user, and of the officer too.
pub(super) const PIN: &str = "throwaway-test-pin";

/// The module that the cases are about.
pub(super) fn real_module() -> PathBuf {
    let path = std::env::var_os("PKCS11_MODULE");
    path.expect("PKCS11_MODULE names no PKCS#11 module to test with")
        .into()
}

/// Makes an empty token, and leaves the module as if nobody had used it.
pub(super) fn make() {
    let module = initialized();
    let slot = module.get_slots_with_token().unwrap()[0];
    initialize(&module, slot);
    module.finalize().unwrap();
}

/// Initialises the token that is there once more.
pub(super) fn empty() {
    let module = initialized();
    initialize(&module, ours(&module));
    module.finalize().unwrap();
}

/// How many objects of this label the token holds. The module has to be in use in this process.
pub(crate) fn objects(label: &str) -> usize {
    let module = Pkcs11::new(real_module()).unwrap();
    let session = module.open_ro_session(ours(&module)).unwrap();
    let template = [Attribute::Label(label.as_bytes().to_vec())];
    session.find_objects(&template).unwrap().len()
}

fn initialized() -> Pkcs11 {
    let module = Pkcs11::new(real_module()).unwrap();
    let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
    module.initialize(arguments).unwrap();
    module
}

fn initialize(module: &Pkcs11, slot: Slot) {
    let pin = AuthPin::from(PIN);
    module.init_token(slot, &pin, LABEL).unwrap();
    let session: Session = module.open_rw_session(ours(module)).unwrap();
    session.login(UserType::So, Some(&pin)).unwrap();
    session.init_pin(&pin).unwrap();
    session.logout().unwrap();
}

fn ours(module: &Pkcs11) -> Slot {
    let slots = module.get_slots_with_token().unwrap();
    let is_ours = |slot: &Slot| {
        let info = module.get_token_info(*slot);
        info.is_ok_and(|info| info.label().trim_end() == LABEL)
    };
    slots.into_iter().find(is_ours).unwrap()
}
