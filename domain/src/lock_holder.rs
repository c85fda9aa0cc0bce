//! Which process holds a lock on a file.

use std::fmt;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;

/// The process that holds a lock on a file, as far as the system shows it.
///
/// Displays as a part of a sentence: "another live process (pid 1, uid 2)".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockHolder {
    /// This one.
    Process {
        /// Its process id.
        pid: u32,
        /// The user that runs it.
        uid: u32,
    },
    /// One that is not shown, as in another container.
    Unknown,
}

impl LockHolder {
    /// The process that holds a lock on `file`.
    pub fn of(file: &File) -> Self {
        let look = || {
            let found = file.metadata().ok()?;
            let locks = fs::read_to_string("/proc/locks").ok()?;
            let pid = Self::pid_in(&locks, major_and_minor(found.dev()), found.ino())?;
            let uid = fs::metadata(format!("/proc/{pid}")).ok()?.uid();
            Some(Self::Process { pid, uid })
        };
        look().unwrap_or(Self::Unknown)
    }

    /// The process that `locks`, the text of `/proc/locks`, names for a file, by the major and minor
    /// number of its device and the number of its inode.
    ///
    /// Some file systems show another device there than in the file's own record, so the number of the
    /// inode is enough where one line alone has it.
    fn pid_in(locks: &str, device: (u64, u64), inode: u64) -> Option<u32> {
        let (major, minor) = device;
        let device = format!("{major:02x}:{minor:02x}");
        let of_inode: Vec<(&str, u32)> = locks
            .lines()
            .filter_map(|line| {
                let mut words = line.split_ascii_whitespace();
                // "1: FLOCK  ADVISORY  WRITE 3568 fd:00:2531452 0 EOF". One that waits for the lock has
                // "->" behind its number.
                words.nth(1).filter(|kind| *kind == "FLOCK")?;
                let pid = words.nth(2)?.parse().ok().filter(|pid| *pid > 0)?;
                let (device, found) = words.next()?.rsplit_once(':')?;
                (found.parse() == Ok(inode)).then_some((device, pid))
            })
            .collect();
        let exact = of_inode.iter().find(|(found, _)| *found == device);
        let only = of_inode.first().filter(|_| of_inode.len() == 1);
        exact.or(only).map(|(_, pid)| *pid)
    }
}

/// The two numbers in that of a device, which are spread over it.
const fn major_and_minor(device: u64) -> (u64, u64) {
    let major = ((device >> 32) & 0xffff_f000) | ((device >> 8) & 0xfff);
    let minor = ((device >> 12) & 0xffff_ff00) | (device & 0xff);
    (major, minor)
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { pid, uid } => {
                write!(f, "another live process (pid {pid}, uid {uid})")
            }
            Self::Unknown => f.write_str("another live process"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_the_process_that_has_the_lock_and_none_that_waits_or_holds_another() {
        let locks = "\
            1: POSIX  ADVISORY  WRITE 11 fd:00:77 0 EOF\n\
            2: FLOCK  ADVISORY  WRITE 3568 fd:00:77 0 EOF\n\
            2: -> FLOCK  ADVISORY  WRITE 12 fd:00:77 0 EOF\n\
            3: FLOCK  ADVISORY  WRITE 13 fe:01:77 0 EOF\n\
            4: OFDLCK ADVISORY  READ  -1 00:06:78 0 EOF\n\
            5: FLOCK  ADVISORY  WRITE 14 00:2f:79 0 EOF\n";
        let found = |device, inode| LockHolder::pid_in(locks, device, inode);
        assert_eq!(found((0xfd, 0), 77), Some(3568));
        assert_eq!(found((0xfe, 1), 77), Some(13));
        assert_eq!(found((1, 1), 77), None);
        assert_eq!(found((1, 1), 78), None);
        assert_eq!(found((1, 1), 79), Some(14));
    }

    #[test]
    fn the_numbers_of_a_device_are_those_that_the_kernel_shows() {
        assert_eq!(major_and_minor(0xfd00), (0xfd, 0));
        assert_eq!(major_and_minor(0x0010_0008_0123), (0x801, 0x0100_0023));
        assert_eq!(major_and_minor(0x1000_0000_0000), (0x1000, 0));
    }

    #[test]
    fn a_holder_that_is_not_shown_is_told_as_a_process() {
        let known = LockHolder::Process { pid: 1, uid: 2 };
        assert_eq!(known.to_string(), "another live process (pid 1, uid 2)");
        assert_eq!(LockHolder::Unknown.to_string(), "another live process");
    }
}
