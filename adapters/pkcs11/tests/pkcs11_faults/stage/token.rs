//! The token of a case, seen past the fault module.

use std::ffi::OsStr;
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

/// How many wrong PINs leave a token that counts them to ten with one try.
const ALL_TRIES_BUT_ONE: usize = 9;

/// What a process of its own does to the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Errand {
    /// Initialises it once more.
    EmptyTheToken,
    /// Makes one where there is none.
    MakeAnother,
    /// Offers a wrong PIN as often as it may without locking a token that takes ten.
    OfferWrongPins,
    /// Offers one more.
    OfferOneMore,
    /// Offers the right one.
    OfferTheRightPin,
}

impl Errand {
    const ALL: [Self; 5] = [
        Self::EmptyTheToken,
        Self::MakeAnother,
        Self::OfferWrongPins,
        Self::OfferOneMore,
        Self::OfferTheRightPin,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::EmptyTheToken => "empty-the-token",
            Self::MakeAnother => "make-another",
            Self::OfferWrongPins => "offer-wrong-pins",
            Self::OfferOneMore => "offer-one-more",
            Self::OfferTheRightPin => "offer-the-right-pin",
        }
    }

    pub(super) fn named(name: &OsStr) -> Self {
        let is_named = |errand: &Self| name == errand.name();
        Self::ALL.into_iter().find(is_named).unwrap()
    }

    #[expect(clippy::print_stdout, reason = "whoever sent it reads what it says")]
    pub(super) fn run(self) {
        let module = initialized();
        let slot = match self {
            Self::MakeAnother => module.get_slots_with_token().unwrap()[0],
            _ => ours(&module),
        };
        match self {
            Self::EmptyTheToken | Self::MakeAnother => initialize(&module, slot),
            Self::OfferWrongPins => {
                for _ in 0..ALL_TRIES_BUT_ONE {
                    offer(&module, slot, "not-the-pin").unwrap_err();
                }
            }
            Self::OfferOneMore => {
                offer(&module, slot, "not-the-pin").unwrap_err();
            }
            Self::OfferTheRightPin => offer(&module, slot, PIN).unwrap(),
        }
        println!("{}", TriesLeft::of(&module, ours(&module)).name());
        module.finalize().unwrap();
    }
}

fn offer(module: &Pkcs11, slot: Slot, pin: &str) -> Result<(), cryptoki::error::Error> {
    let session = module.open_rw_session(slot).unwrap();
    session.login(UserType::User, Some(&AuthPin::from(pin)))
}

/// What the token says of the tries that are left, as far as it says so at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TriesLeft {
    Enough,
    One,
    None,
}

impl TriesLeft {
    const fn name(self) -> &'static str {
        match self {
            Self::Enough => "tries left: enough",
            Self::One => "tries left: one",
            Self::None => "tries left: none",
        }
    }

    /// Asks in this process, in which the module has to be in use.
    pub(crate) fn of_the_token() -> Self {
        let module = Pkcs11::new(real_module()).unwrap();
        Self::of(&module, ours(&module))
    }

    /// What a process on an errand has found.
    pub(super) fn named_in(said: &str) -> Self {
        let is_named = |left: &Self| said.contains(left.name());
        [Self::Enough, Self::One, Self::None]
            .into_iter()
            .find(is_named)
            .unwrap()
    }

    fn of(module: &Pkcs11, slot: Slot) -> Self {
        let info = module.get_token_info(slot).unwrap();
        if info.user_pin_locked() {
            Self::None
        } else if info.user_pin_final_try() {
            Self::One
        } else {
            Self::Enough
        }
    }
}

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

pub(super) fn ours(module: &Pkcs11) -> Slot {
    let slots = module.get_slots_with_token().unwrap();
    let is_ours = |slot: &Slot| {
        let info = module.get_token_info(*slot);
        info.is_ok_and(|info| info.label().trim_end() == LABEL)
    };
    slots.into_iter().find(is_ours).unwrap()
}
