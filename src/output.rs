//! Data on standard output, messages on standard error.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::time::Duration;

use crate::failure::Failure;
use crate::stream::write_within;
use crate::telemetry;

/// How long a message waits for its reader. Nothing that ends hangs on one.
const PATIENCE: Duration = Duration::from_secs(1);

/// Writes data to standard output.
///
/// # Errors
/// When nobody reads it, or it cannot be written.
pub(crate) fn write(data: impl AsRef<[u8]>) -> Result<(), Failure> {
    write_within(io::stdout().as_fd(), data.as_ref(), None).map_err(|cause| Failure::output(&cause))
}

/// Writes data and one line feed to standard output.
///
/// # Errors
/// As [`write`](fn@write).
pub(crate) fn write_line(data: impl AsRef<[u8]>) -> Result<(), Failure> {
    write(line(data))
}

fn line(data: impl AsRef<[u8]>) -> Vec<u8> {
    let mut line = data.as_ref().trim_ascii_end().to_vec();
    line.push(b'\n');
    line
}

/// Standard output, kept for data: what else writes there, as the code of a vendor may, goes to standard
/// error.
#[derive(Debug)]
pub(crate) struct DataOutput(File);

impl DataOutput {
    /// Takes standard output over, to the end of the process.
    ///
    /// # Errors
    /// When that cannot be done.
    pub(crate) fn take_over() -> Result<Self, Failure> {
        let own = io::stdout().as_fd().try_clone_to_owned();
        let own = own.map_err(|cause| Failure::output(&cause))?;
        rustix::stdio::dup2_stdout(io::stderr()).map_err(|cause| Failure::output(&cause.into()))?;
        Ok(Self(own.into()))
    }

    /// Writes data.
    ///
    /// # Errors
    /// When nobody reads it, or it cannot be written.
    pub(crate) fn write(&self, data: impl AsRef<[u8]>) -> Result<(), Failure> {
        write_within(self.0.as_fd(), data.as_ref(), None).map_err(|cause| Failure::output(&cause))
    }

    /// Writes data and one line feed.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub(crate) fn write_line(&self, data: impl AsRef<[u8]>) -> Result<(), Failure> {
        self.write(line(data))
    }
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
    telemetry::flush();
    let text = text.to_string();
    // Nobody is left to tell when standard error is gone.
    drop(write_within(
        io::stderr().as_fd(),
        text.as_bytes(),
        Some(PATIENCE),
    ));
}
