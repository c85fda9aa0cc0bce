//! What helps against what the operating system said.

use std::io::{Error, ErrorKind};

/// Every open file that the system, or that the process may have, is in use: `ENFILE` and `EMFILE`.
const NO_MORE_FILES: [Option<i32>; 2] = [Some(23), Some(24)];

const CURES: [(ErrorKind, &str); 5] = [
    (
        ErrorKind::StorageFull,
        "make room on its file system (blocks and inodes)",
    ),
    (
        ErrorKind::QuotaExceeded,
        "make room within the quota of the user, or raise it",
    ),
    (
        ErrorKind::ReadOnlyFilesystem,
        "mount its file system so that it can be written",
    ),
    (
        ErrorKind::WouldBlock,
        "raise the limit on processes and threads (ulimit -u, TasksMax=, pids.max)",
    ),
    (ErrorKind::OutOfMemory, "give the process more memory"),
];

/// What helps, as the second half of a sentence, where the cause is not that of most failures: that the
/// process may not do what it tries.
pub fn io_cure(error: &Error) -> Option<&'static str> {
    if NO_MORE_FILES.contains(&error.raw_os_error()) {
        return Some("raise the limit on open files (ulimit -n, LimitNOFILE=)");
    }
    CURES
        .iter()
        .find(|(kind, _)| *kind == error.kind())
        .map(|(_, cure)| *cure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_not_a_matter_of_access() {
        for (errno, cure) in [
            (28, "room"),
            (122, "quota"),
            (30, "mount"),
            (24, "open files"),
            (23, "open files"),
            (11, "threads"),
            (12, "memory"),
        ] {
            let told = io_cure(&Error::from_raw_os_error(errno)).unwrap();
            assert!(told.contains(cure), "{errno}: {told}");
        }
        for errno in [1, 2, 5, 13] {
            assert_eq!(io_cure(&Error::from_raw_os_error(errno)), None, "{errno}");
        }
    }
}
