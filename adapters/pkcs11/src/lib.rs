//! The PKCS#11 key provider: keys in a hardware security module, reached by the vendor's module.
//!
//! Private keys are made inside the token and never leave it. One session lives and dies on one
//! thread; a pool of them signs, and one more generates, retires and looks. A call that does not
//! return is left behind with its thread, and others go on.
//!
//! # What is believed of a token
//!
//! Modules answer "nothing found" when they were logged out or lost their store, and hand out the
//! numbers of objects anew after an initialisation. Hence three rules. That a key is not there is
//! believed only of a session that sees the *sentinel*. The number of an object is remembered for one
//! login and no longer. And each signature is verified under the public key that was read
//! together with that number, before anything else is done with it.
//!
//! # Tombstones
//!
//! Retiring destroys the private object and leaves the public one. A public key without its private
//! one is a retired key, also after a restart, and its public half is still served. After a call that
//! was to destroy an object and has not certainly done so, "gone" is believed only of a module that was
//! initialised anew: some hide what they have failed to destroy.

pub mod commands;
mod face;
#[cfg(not(feature = "sdk"))]
mod left_out;
#[cfg(feature = "sdk")]
mod module;
mod report;
#[cfg(feature = "sdk")]
mod sdk;

pub use self::face::FACE;
#[cfg(not(feature = "sdk"))]
pub use self::left_out::MODULE;
#[cfg(feature = "sdk")]
pub use self::module::MODULE;
#[cfg(feature = "sdk")]
pub use self::sdk::{
    CheckReport, CheckStep, Closing, EcParams, LabelPrefix, LabelsTooShort, LoadModuleError,
    ModulePathRefusal, NEEDED_MECHANISMS, OfferedMechanism, ParseEcParamsError,
    ParseLabelPrefixError, ParseSlotChoiceError, PinFileError, PinRefusal, Pkcs11Module,
    Pkcs11Provider, Pkcs11Settings, RETIRED_STEP, RegisteredKeys, RegistryKnows, SlotChoice,
    TokenDescription, UnusablePin, UserPin, check, mechanisms,
};
