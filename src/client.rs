//! A client of the custodian: HTTP/1.1 over its Unix socket.

mod answer;
mod connection;
mod custodian;

pub(crate) use answer::Answer;
pub(crate) use custodian::Custodian;

use std::path::PathBuf;

use crate::cli::ClientArgs;
use crate::config::{DEFAULT_SOCKET, variable};

/// The socket to ask: flag, else environment, else default.
fn socket_of(args: &ClientArgs) -> PathBuf {
    args.socket
        .clone()
        .or_else(|| std::env::var_os(variable("--socket")).map(PathBuf::from))
        .unwrap_or_else(|| DEFAULT_SOCKET.into())
}
