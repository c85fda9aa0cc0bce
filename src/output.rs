//! Data on standard output, messages on standard error.

use std::fmt;
use std::io::{self, Write as _};

use crate::failure::Failure;

/// Writes data to standard output.
///
/// # Errors
/// When nobody reads it, or it cannot be written.
pub(crate) fn write(data: impl AsRef<[u8]>) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(data.as_ref())
        .and_then(|()| out.flush())
        .map_err(|cause| Failure::output(&cause))
}

/// Writes data and one line feed to standard output.
///
/// # Errors
/// As [`write`](fn@write).
pub(crate) fn write_line(data: impl AsRef<[u8]>) -> Result<(), Failure> {
    let mut line = data.as_ref().trim_ascii_end().to_vec();
    line.push(b'\n');
    write(line)
}

/// Writes why a command failed to standard error, on one line.
pub(crate) fn say(failure: &Failure) {
    if !failure.is_silent() {
        write_error(format_args!("error: {failure}\n"));
    }
}

/// Writes help that nobody asked for to standard error.
pub(crate) fn say_help(help: impl fmt::Display) {
    write_error(format_args!("{help}\n"));
}

fn write_error(text: fmt::Arguments<'_>) {
    // Nobody is left to tell when standard error is gone.
    drop(io::stderr().lock().write_fmt(text));
}
