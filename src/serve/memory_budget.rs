//! How much memory callers may make the process hold, when nobody says.
//!
//! Half of what the process is given: the other half is for the process itself, for what the allocator
//! cannot give back at once, and for the kernel's buffers, which count as well.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, getrlimit};
use tracing::warn;

use crate::failure::Failure;

const MIB: u64 = 1024 * 1024;
/// The least, however little there is: fewer connections make no service.
const LEAST: u64 = 8 * MIB;
/// The most, however much there is.
const MOST: u64 = 1024 * MIB;

/// What the process maps for itself besides the budget and as much again: stacks and the state of the
/// workers.
const OWN: u64 = 64 * MIB;

/// The budget, configured or by default, if the limit on address space leaves room for it. The allocator
/// takes up to twice of what is asked of it, and where it gets none the process ends.
///
/// # Errors
/// When it does not.
pub(super) fn within_limits(configured: Option<usize>) -> Result<usize, Failure> {
    let budget = configured.unwrap_or_else(default_budget);
    let needed = u64::try_from(budget).unwrap_or(u64::MAX);
    let needed = needed.saturating_mul(2).saturating_add(OWN);
    match address_space_left() {
        Some(left) if left < needed => Err(Failure::general(format_args!(
            "the limit on address space leaves {} MiB, and --memory-budget {budget} needs {} MiB; raise \
             the limit (ulimit -v, LimitAS=), or lower the budget",
            left / MIB,
            needed.div_ceil(MIB)
        ))),
        Some(_) | None => Ok(budget),
    }
}

/// Makes sure that the limit on address space leaves what the process maps for itself, before it maps any of
/// that: where a thread finds no room for its own variables, the C library ends the process.
///
/// # Errors
/// When it does not.
pub(super) fn require_own() -> Result<(), Failure> {
    match address_space_left() {
        Some(left) if left < OWN => Err(Failure::general(format_args!(
            "the limit on address space leaves {} MiB, and serve needs {} MiB before the first request; \
             raise the limit (ulimit -v, LimitAS=)",
            left / MIB,
            OWN / MIB
        ))),
        Some(_) | None => Ok(()),
    }
}

/// Has one thread of the allocator give back what is not taken up any more, also while nothing is asked
/// of the process.
pub(super) fn give_back() {
    if let Err(cause) = tikv_jemalloc_ctl::background_thread::write(true) {
        warn!(%cause, "memory goes back to the kernel later than it could");
    }
}

/// The budget where none is configured.
fn default_budget() -> usize {
    let shares = [
        control_group_limit().map(|limit| limit / 2),
        // Stacks and the reserves of the allocator are address space too, though hardly memory.
        address_space_left().map(|left| (left / 4).min(left.saturating_sub(OWN) / 2)),
        memory_of_the_machine().map(|all| all / 4),
    ];
    let budget = shares.into_iter().flatten().fold(MOST, u64::min).max(LEAST);
    budget.try_into().unwrap_or(usize::MAX)
}

/// The tightest limit of the control groups that this process is in.
fn control_group_limit() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    limit_in(Path::new("/sys/fs/cgroup"), &groups)
}

/// The tightest limit of `groups`, as `/proc/self/cgroup` names them, of version 2 or 1. Inside of a
/// container the names may be those of the host, of which nothing is seen: then its own group is at
/// the root.
fn limit_in(mount: &Path, groups: &str) -> Option<u64> {
    let limits = groups.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, group) = (parts.next()?, parts.next()?);
        let (mount, file) = match controllers {
            "" => (mount.to_owned(), "memory.max"),
            names if names.split(',').any(|name| name == "memory") => {
                (mount.join("memory"), "memory.limit_in_bytes")
            }
            _ => return None,
        };
        let own = PathBuf::from(group.trim_start_matches('/'));
        let found = own
            .ancestors()
            .filter_map(|group| read_number(&mount.join(group).join(file)));
        found.min()
    });
    limits.min()
}

/// How much more may be mapped.
fn address_space_left() -> Option<u64> {
    let limit = getrlimit(Resource::As).current?;
    let pages = fs::read_to_string("/proc/self/statm").ok()?;
    let mapped: u64 = pages.split(' ').next()?.parse().ok()?;
    let page_size = rustix::param::page_size().try_into().ok()?;
    Some(limit.saturating_sub(mapped.saturating_mul(page_size)))
}

fn memory_of_the_machine() -> Option<u64> {
    let facts = fs::read_to_string("/proc/meminfo").ok()?;
    let total = facts
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = total.trim().strip_suffix(" kB")?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// The number in a file; none where it says `max` or is not there.
fn read_number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, file: &str, text: &str) {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn the_tightest_limit_of_all_groups_counts_in_both_versions() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let v2 = "0::/kubepods/pod1/signer\n";
        assert_eq!(limit_in(root, v2), None);
        write(root, "kubepods/pod1/signer/memory.max", "max\n");
        assert_eq!(limit_in(root, v2), None);
        write(root, "kubepods/pod1/memory.max", "268435456\n");
        write(root, "kubepods/memory.max", "999999999999\n");
        assert_eq!(limit_in(root, v2), Some(268_435_456));
        let v1 = "5:cpu,cpuacct:/a\n4:memory:/a/b\n0::/\n";
        write(root, "memory/a/memory.limit_in_bytes", "100\n");
        assert_eq!(limit_in(root, v1), Some(100));
    }

    #[test]
    fn a_container_that_sees_the_names_of_its_host_finds_its_own_group_at_the_root() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "memory/memory.limit_in_bytes", "300\n");
        write(root.path(), "memory.max", "200\n");
        let root = root.path();
        assert_eq!(limit_in(root, "4:memory:/docker/0123\n"), Some(300));
        assert_eq!(limit_in(root, "0::/docker/0123\n"), Some(200));
    }

    #[test]
    fn a_budget_is_never_too_little_to_serve_nor_more_than_there_is() {
        let budget = u64::try_from(default_budget()).unwrap();
        assert!((LEAST..=MOST).contains(&budget));
    }
}
