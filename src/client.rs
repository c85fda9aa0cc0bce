//! A client of the custodian: HTTP/1.1 over its Unix socket.

mod answer;
mod connection;
mod custodian;

pub(crate) use answer::Answer;
pub(crate) use custodian::Custodian;

use std::path::PathBuf;

use crate::cli::ClientArgs;
use crate::config::{DEFAULT_SOCKET, Source, variable};
use crate::failure::Failure;

const SOCKET: &str = "--socket";

/// The socket to ask: flag, else environment, else default.
///
/// # Errors
/// When the environment says nothing instead of a path; clap sees to the flag.
fn socket_of(args: &ClientArgs) -> Result<PathBuf, Failure> {
    if let Some(path) = &args.socket {
        return Ok(path.clone());
    }
    match std::env::var_os(variable(SOCKET)) {
        Some(path) if path.is_empty() => {
            Err(Source::Environment(SOCKET).refuse("", "must be a path"))
        }
        Some(path) => Ok(path.into()),
        None => Ok(DEFAULT_SOCKET.into()),
    }
}
