//! What the PKCS#11 provider makes of a module on a bad day.
//!
//! The provider runs on the fault module of `tests/pkcs11-fault`, which stands before the real module
//! that `PKCS11_MODULE` names and fails by rule. A module has one state in a process, and a call into
//! it may never return, so each case runs in a process of its own: this program, started again for one
//! test. Every case ends with the provider at work again, without a restart, unless its point is
//! that an operator has to act.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod sessions;
mod stage;

mod absence;
mod answers;
mod behind_the_back;
mod first_use;
mod hangs;
mod login;
mod lost_replies;
mod names;
mod origins;
mod retirements;
mod sentinels;
mod stuck;
mod twins;
mod wrong_keys;
