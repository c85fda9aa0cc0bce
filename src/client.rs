//! A client of the custodian: HTTP/1.1 over its Unix socket.

mod answer;
mod connection;
mod custodian;

pub(crate) use answer::Answer;
pub(crate) use custodian::Custodian;

use std::fmt;
use std::path::PathBuf;

use signer_domain::check_path;

use crate::cli::ClientArgs;
use crate::config::{DEFAULT_SOCKET, Source, one_line, variable};
use crate::failure::Failure;

const SOCKET: &str = "--socket";

/// The socket to ask: flag, else environment, else default.
///
/// # Errors
/// When the flag or the variable holds no path. One that is not text is taken as it is.
fn socket_of(args: &ClientArgs) -> Result<PathBuf, Failure> {
    let (value, source) = match (&args.socket, std::env::var_os(variable(SOCKET))) {
        (Some(typed), _) => (typed.clone().into_os_string(), Source::Flag(SOCKET)),
        (None, Some(found)) => (found, Source::Environment(SOCKET)),
        (None, None) => return Ok(DEFAULT_SOCKET.into()),
    };
    let Some(text) = value.to_str() else {
        return Ok(value.into());
    };
    let refuse = |problem: &dyn fmt::Display| source.refuse(text, problem);
    let path = match source {
        Source::Environment(_) => one_line(text).map_err(|problem| refuse(&problem))?,
        Source::Flag(_) | Source::Default(_) => text,
    };
    check_path(path).map_err(|problem| refuse(&problem))?;
    Ok(path.into())
}
