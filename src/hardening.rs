//! Closes what an ordinary process leaves open: core dumps, debuggers, privilege by execution.

use std::io;

use rustix::fs::Mode;
use rustix::process::{DumpableBehavior, Resource, Rlimit};
use tracing::warn;

use crate::failure::Failure;

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

/// Lifts the soft limit on open files to the hard one: each connection is an open file.
pub(crate) fn raise_open_files() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(cause) = rustix::process::setrlimit(Resource::Nofile, raised) {
        warn!(%cause, "limit on open files stays as it is");
    }
}
