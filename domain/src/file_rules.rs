//! What the socket and the files of the adapters have in common.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::OverflowIds;

const WRITABLE_BY_EVERYONE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// Who put the lock file at `path` there, unless it was root or `user`, which runs this process. Such a
/// file does not count, whatever it says and whoever holds it.
pub fn foreign_owner(path: &Path, user: u32) -> Option<u32> {
    let found = fs::symlink_metadata(path).ok()?;
    let owner = found.uid();
    let is_ours = OverflowIds::of_this_process().is_ours(owner, user);
    (found.is_file() && !is_ours).then_some(owner)
}

/// Whether everyone may put another file in the place of one in a directory of this mode. In a sticky
/// directory nobody replaces what belongs to another.
pub const fn lets_everyone_replace(mode: u32) -> bool {
    mode & (WRITABLE_BY_EVERYONE | STICKY) == WRITABLE_BY_EVERYONE
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::chown;
    use std::{env, process};

    use super::*;

    #[test]
    fn everyone_may_replace_files_where_everyone_writes_and_nothing_sticks() {
        for mode in [0o777, 0o40_777, 0o2772, 0o002] {
            assert!(lets_everyone_replace(mode), "{mode:o}");
        }
        for mode in [0o1777, 0o41_777, 0o770, 0o775, 0o700] {
            assert!(!lets_everyone_replace(mode), "{mode:o}");
        }
    }

    #[test]
    fn a_file_is_foreign_to_all_but_its_owner_and_what_is_no_file_is_nobodys() {
        let path = env::temp_dir().join(format!("signer-foreign-owner-{}", process::id()));
        fs::write(&path, "").unwrap();
        // Of root nobody is a stranger; anybody else is the owner already.
        drop(chown(&path, Some(47_111), None));
        let owner = fs::metadata(&path).unwrap().uid();
        assert_ne!(owner, 0);
        assert_eq!(foreign_owner(&path, owner), None);
        assert_eq!(foreign_owner(&path, owner + 1), Some(owner));
        fs::remove_file(&path).unwrap();
        assert_eq!(foreign_owner(Path::new("/"), owner + 1), None);
        assert_eq!(foreign_owner(Path::new("/nowhere"), owner), None);
    }
}
