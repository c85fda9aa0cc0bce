//! Precedence over other work on the machine, where the system grants it.

use std::fs;
use std::io;

/// The scheduling group of this session. Between sessions only its value counts; the priority of a
/// single process counts within its own session.
const GROUP: &str = "/proc/self/autogroup";

/// Far ahead of ordinary work, yet not to the point of stopping it.
const AHEAD: i32 = -15;

/// This session goes ahead of others until the value is dropped.
#[derive(Debug)]
pub(crate) struct Precedence {
    before: i32,
}

impl Precedence {
    /// Takes precedence.
    ///
    /// # Errors
    /// When the system has no such groups or does not permit it. Measuring works without it, only
    /// less calmly.
    pub(crate) fn take() -> io::Result<Self> {
        let standing = fs::read_to_string(GROUP)?;
        let before = standing
            .rsplit_once("nice ")
            .and_then(|(_group, value)| value.trim().parse().ok())
            .ok_or(io::ErrorKind::InvalidData)?;
        fs::write(GROUP, AHEAD.to_string())?;
        Ok(Self { before })
    }
}

impl Drop for Precedence {
    fn drop(&mut self) {
        // It is restored or it was not ours to change: there is nothing else to do about it.
        drop(fs::write(GROUP, self.before.to_string()));
    }
}
