//! The ids by which the kernel shows every user and every group that has none in a user namespace.

use std::fs;

/// The number that the kernel gives to no user and to no group, `(uid_t) -1`.
const NOBODY: u32 = u32::MAX;
const ROOT: u32 = 0;
/// What the kernel shows when nothing else was configured.
const USUAL: u32 = 65_534;

/// The *overflow ids*. In a user namespace that leaves ids unmapped they stand for a crowd of
/// strangers, so no decision may take them for one user or one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverflowIds {
    user: Option<u32>,
    group: Option<u32>,
}

impl OverflowIds {
    /// Those of the namespace of this process; none where every id is mapped.
    pub fn of_this_process() -> Self {
        Self {
            user: overflow("/proc/self/uid_map", "/proc/sys/kernel/overflowuid"),
            group: overflow("/proc/self/gid_map", "/proc/sys/kernel/overflowgid"),
        }
    }

    /// The user of this number, or a number that no user has when it may be anybody's.
    pub fn certain_user(self, uid: u32) -> u32 {
        if self.user == Some(uid) { NOBODY } else { uid }
    }

    /// Whether `owner` is root or `user`, which runs this process, and not somebody who is shown by the
    /// same number.
    pub fn is_ours(self, owner: u32, user: u32) -> bool {
        owner == ROOT || owner == self.certain_user(user)
    }

    /// The group of this number, or a number that no group has when it may be any.
    pub fn certain_group(self, gid: u32) -> u32 {
        if self.group == Some(gid) { NOBODY } else { gid }
    }
}

/// Where the kernel does not tell, ids may be unmapped.
fn overflow(map: &str, setting: &str) -> Option<u32> {
    if fs::read_to_string(map).is_ok_and(|map| maps_everything(&map)) {
        return None;
    }
    let told = fs::read_to_string(setting).ok();
    let told = told.and_then(|text| text.trim().parse().ok());
    Some(told.unwrap_or(USUAL))
}

/// Whether a map (`user_namespaces(7)`) leaves out no id. Its last column says how many each line maps,
/// and no id is mapped twice.
fn maps_everything(map: &str) -> bool {
    let lengths = map
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok());
    lengths.sum::<u64>() >= u64::from(NOBODY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_whole_when_its_lines_together_leave_out_no_id() {
        for whole in [
            "         0          0 4294967295\n",
            "0 0 1000\n1000 1000 4294966295\n",
        ] {
            assert!(maps_everything(whole), "{whole}");
        }
        for partial in ["", "0 100000 65536\n", "0 1000 1\n1 100000 65536\n", "x\n"] {
            assert!(!maps_everything(partial), "{partial}");
        }
    }

    #[test]
    fn the_overflow_ids_are_nobody_and_every_other_id_is_itself() {
        let ids = OverflowIds {
            user: Some(65_534),
            group: Some(65_533),
        };
        assert_eq!(ids.certain_user(65_534), NOBODY);
        assert_eq!(ids.certain_user(65_533), 65_533);
        assert_eq!(ids.certain_group(65_533), NOBODY);
        assert_eq!(ids.certain_group(65_534), 65_534);
    }

    #[test]
    fn what_may_be_a_strangers_is_not_ours_although_it_bears_our_number() {
        let namespace = OverflowIds {
            user: Some(65_534),
            group: None,
        };
        let whole = OverflowIds {
            user: None,
            group: None,
        };
        assert!(whole.is_ours(65_534, 65_534));
        assert!(!namespace.is_ours(65_534, 65_534));
        assert!(namespace.is_ours(1000, 1000));
        assert!(namespace.is_ours(ROOT, 65_534));
        assert!(!whole.is_ours(1000, 1001));
    }

    #[test]
    fn what_the_kernel_does_not_tell_counts_as_unmapped() {
        assert_eq!(overflow("/nowhere", "/nowhere"), Some(USUAL));
    }
}
