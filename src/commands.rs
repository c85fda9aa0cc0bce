//! What each command does.

mod audit;
mod key_table;
mod keys;
mod pkcs11;
mod probe;
mod provider;
mod public_key;
mod reference;
mod rotations;
mod shell;
mod sign;
mod verify;

pub(crate) use audit::audit;
pub(crate) use keys::keys;
pub(crate) use pkcs11::pkcs11;
pub(crate) use probe::probe;
pub(crate) use reference::reference;
pub(crate) use rotations::rotations;
pub(crate) use shell::{completion, openapi};
pub(crate) use sign::sign;
pub(crate) use verify::verify;

use std::future::Future;

use crate::failure::Failure;

/// Runs what asks the custodian, on a runtime of its own.
pub(crate) fn ask<T>(asking: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|cause| Failure::general(format_args!("no runtime can be started: {cause}")))?
        .block_on(asking)
}
