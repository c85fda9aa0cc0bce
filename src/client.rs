//! A client of the custodian: HTTP/1.1 over its Unix socket.

mod answer;
mod connection;
mod custodian;

pub(crate) use answer::Answer;
pub(crate) use custodian::Custodian;

use std::ffi::OsStr;
use std::path::PathBuf;

use crate::cli::ClientArgs;
use crate::config::{DEFAULT_SOCKET, Source, one_line, variable};
use crate::failure::Failure;

const SOCKET: &str = "--socket";

/// The socket to ask: flag, else environment, else default.
///
/// # Errors
/// When the variable holds no path, or control characters; clap sees to the flag.
fn socket_of(args: &ClientArgs) -> Result<PathBuf, Failure> {
    if let Some(path) = &args.socket {
        return Ok(path.clone());
    }
    let Some(value) = std::env::var_os(variable(SOCKET)) else {
        return Ok(DEFAULT_SOCKET.into());
    };
    let refuse = |problem| Err(Source::Environment(SOCKET).refuse(value.display(), problem));
    // A path need not be text; one that is has the form of every other variable.
    let path = match value
        .to_str()
        .map_or(Ok(value.as_os_str()), |text| one_line(text).map(OsStr::new))
    {
        Ok(path) => path,
        Err(problem) => return refuse(problem),
    };
    if path.is_empty() {
        return refuse("must be a path");
    }
    Ok(path.into())
}
