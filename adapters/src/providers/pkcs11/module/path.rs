//! Which files code may be loaded from.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The user id of root.
const ROOT: u32 = 0;
const STICKY: u32 = 0o1000;
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Why no code is loaded from a file. The text is one sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum ModulePathRefusal {
    /// The loader would search for it.
    #[error("must be an absolute path to the vendor's module")]
    Relative,
    /// There is no such file, or it cannot be looked at.
    #[error("cannot be examined ({0}); check the path")]
    Unseen(io::Error),
    /// It is something else.
    #[error("must be a regular file")]
    NotRegular,
    /// Others could put their code there.
    #[error(
        "{} may be changed by others (mode {mode:04o}), who could run their code in the custodian; take the right to write from them",
        path.display()
    )]
    OpenToOthers {
        /// The file or directory.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Somebody else could put their code there.
    #[error(
        "{} belongs to uid {owner}; it must belong to root or to the user that runs this process",
        path.display()
    )]
    ForeignOwner {
        /// The file or directory.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
}

/// Judges the file that `path` leads to, and every directory above it.
pub(super) fn judge(path: &Path) -> Result<(), ModulePathRefusal> {
    if !path.is_absolute() {
        return Err(ModulePathRefusal::Relative);
    }
    // Distributions lay links to the file; what counts is where the code lies in the end, and that
    // nobody can bend the links.
    let file = path.canonicalize().map_err(ModulePathRefusal::Unseen)?;
    if !file.is_file() {
        return Err(ModulePathRefusal::NotRegular);
    }
    let user = rustix::process::geteuid().as_raw();
    judge_one(&file, user)?;
    let above = [&file, path]
        .into_iter()
        .flat_map(|path| path.ancestors().skip(1));
    for directory in above {
        judge_one(directory, user)?;
    }
    Ok(())
}

fn judge_one(path: &Path, user: u32) -> Result<(), ModulePathRefusal> {
    let metadata = path.metadata().map_err(ModulePathRefusal::Unseen)?;
    let mode = metadata.mode() & 0o7777;
    let owner = metadata.uid();
    if owner != ROOT && owner != user {
        return Err(ModulePathRefusal::ForeignOwner {
            path: path.to_owned(),
            owner,
        });
    }
    // In a sticky directory nobody replaces what belongs to another.
    let is_sticky = metadata.is_dir() && mode & STICKY != 0;
    if mode & WRITABLE_BY_OTHERS != 0 && !is_sticky {
        return Err(ModulePathRefusal::OpenToOthers {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn module(directory: &Path, mode: u32) -> PathBuf {
        let path = directory.join("module.so");
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn takes_a_file_that_only_its_owner_can_change() {
        let place = tempfile::tempdir().unwrap();
        let path = module(place.path(), 0o755);
        judge(&path).unwrap();
        let link = place.path().join("link.so");
        symlink(&path, &link).unwrap();
        judge(&link).unwrap();
    }

    #[test]
    fn refuses_a_file_or_a_directory_that_others_can_change() {
        let place = tempfile::tempdir().unwrap();
        let path = module(place.path(), 0o775);
        let refusal = judge(&path).unwrap_err().to_string();
        assert!(
            refusal.contains("may be changed by others (mode 0775)"),
            "{refusal}"
        );
        let path = module(place.path(), 0o644);
        let open = Permissions::from_mode(0o777);
        fs::set_permissions(place.path(), open).unwrap();
        assert!(matches!(
            judge(&path),
            Err(ModulePathRefusal::OpenToOthers { mode: 0o777, .. })
        ));
    }

    #[test]
    fn refuses_what_is_relative_missing_or_no_file() {
        assert!(matches!(
            judge(Path::new("module.so")),
            Err(ModulePathRefusal::Relative)
        ));
        assert!(matches!(
            judge(Path::new("/nowhere/module.so")),
            Err(ModulePathRefusal::Unseen(_))
        ));
        assert!(matches!(
            judge(Path::new("/usr")),
            Err(ModulePathRefusal::NotRegular)
        ));
    }
}
