//! Whole lines out of a file, one at a time.

use std::io::{self, BufRead, Read as _};

/// How much room for lines is kept from one write to the next, in bytes: the entries of large batches are
/// rare.
pub(super) const LINES_KEPT: usize = 64 * 1024;

/// More than the longest entry: 1,024 items of less than a kilobyte each.
pub(super) const LONGEST: usize = 4 * 1024 * 1024;

/// What comes next in a file of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// A line that ends in a line feed, which is taken off.
    Line,
    /// Bytes without a line feed, up to the end of the file.
    Partial,
    /// A line longer than any entry.
    TooLong,
    /// Nothing.
    End,
}

/// Reads the next line into `line`.
pub(super) fn next_line(source: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Next> {
    line.clear();
    let limit = u64::try_from(LONGEST).unwrap_or(u64::MAX);
    let read = source.by_ref().take(limit).read_until(b'\n', line)?;
    if read == 0 {
        return Ok(Next::End);
    }
    if line.pop_if(|last| *last == b'\n').is_some() {
        return Ok(Next::Line);
    }
    Ok(if read < LONGEST {
        Next::Partial
    } else {
        Next::TooLong
    })
}
