//! The trace: one line for each gated call, in the order of their ends.
//!
//! ```text
//! C_Sign 3 0x0
//! C_Sign 3 0x30 C_Sign at=2 rv=CKR_DEVICE_ERROR
//! C_Sign 4 held C_Sign session=4 hang
//! ```
//!
//! The function, the number of the session or `-`, the return code, and the rule when one acted. A
//! call that is made to wait writes `held` when it begins to wait and a second line at its end.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

/// Where the lines go, if anywhere.
#[derive(Debug)]
pub(crate) struct Trace(Option<File>);

impl Trace {
    /// Opens the file for appending.
    ///
    /// # Errors
    ///
    /// When it cannot be opened.
    pub(crate) fn open(path: Option<&Path>) -> std::io::Result<Self> {
        let open = |path: &Path| OpenOptions::new().append(true).create(true).open(path);
        path.map(open).transpose().map(Self)
    }

    /// Writes one line. A trace that cannot be written is missed by the test that reads it.
    pub(crate) fn note(
        &self,
        function: &str,
        session: Option<u64>,
        what: &str,
        rule: Option<&str>,
    ) {
        let Some(mut file) = self.0.as_ref() else {
            return;
        };
        let session = session.map_or_else(|| "-".to_owned(), |number| number.to_string());
        let rule = rule.map_or_else(String::new, |rule| format!(" {rule}"));
        // One write a line, so that lines of several threads do not mix.
        let line = format!("{function} {session} {what}{rule}\n");
        file.write_all(line.as_bytes()).ok();
    }
}
