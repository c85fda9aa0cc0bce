//! Closes what an ordinary process leaves open: core dumps, debuggers, privilege by execution.

use std::io;

use rustix::fs::Mode;
use rustix::process::{DumpableBehavior, Resource, Rlimit};
use signer_domain::OverflowIds;

use crate::failure::Failure;

/// Refuses to serve as a user whom the kernel does not tell from strangers.
///
/// # Errors
/// When the process runs under the overflow id in a user namespace that leaves ids unmapped.
pub(crate) fn require_user_of_its_own() -> Result<(), Failure> {
    let user = rustix::process::geteuid().as_raw();
    if OverflowIds::of_this_process().certain_user(user) == user {
        return Ok(());
    }
    Err(Failure::usage(format_args!(
        "this user namespace leaves user ids unmapped, and the kernel shows all of them as {user}, the \
         id that serve runs under, so every stranger would be taken for its owner; run it as another \
         user (runAsUser: in Kubernetes, User= for systemd, --user for containers)"
    )))
}

/// Hardens this process before it reads a secret.
///
/// # Errors
/// When the kernel refuses a measure that keeps key material out of reach of others.
pub(crate) fn harden() -> Result<(), Failure> {
    close_what_is_open().map_err(|cause| {
        Failure::general(format_args!(
            "the kernel refuses to harden the process: {cause}"
        ))
    })
}

fn close_what_is_open() -> io::Result<()> {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    rustix::process::setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    )?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    rustix::thread::set_no_new_privs(true)?;
    Ok(())
}
