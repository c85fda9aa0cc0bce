//! `serve --dev`: a set-up that is ready at once, with all of its state in one private directory.

mod lines;

pub(crate) use lines::show_lines_to_try;

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use signer_domain::io_cure;

use crate::failure::{Failure, quoted};

const DIRECTORY: &str = ".plexsphere-signer";
const REGISTRY: &str = "registry.db";

/// Where the development socket is.
pub(crate) fn socket() -> PathBuf {
    Path::new(DIRECTORY).join("signer.sock")
}

/// Where the development seed is.
pub(crate) fn seed_file() -> PathBuf {
    Path::new(DIRECTORY).join("seed.bin")
}

/// Where the development registry is.
pub(crate) fn registry_url() -> String {
    format!("sqlite:{DIRECTORY}/{REGISTRY}")
}

/// Makes the private directory, or makes sure that the one from last time is still private.
///
/// # Errors
/// When what stands there is not a directory of ours that is closed to everybody else, or holds keys
/// whose seed is lost.
pub(crate) fn prepare_directory() -> Result<(), Failure> {
    let directory = Path::new(DIRECTORY);
    match DirBuilder::new().mode(0o700).create(directory) {
        Ok(()) => Ok(()),
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
            require_private(directory)?;
            require_seed_of(&directory.join(REGISTRY))
        }
        Err(cause) => Err(Failure::general(format_args!(
            "--dev cannot make the directory {} ({cause}): {}",
            quoted(DIRECTORY),
            io_cure(&cause).unwrap_or("start in a directory you may write to")
        ))),
    }
}

fn require_private(directory: &Path) -> Result<(), Failure> {
    let name = quoted(directory.display());
    let refuse =
        |problem: &str| Failure::usage(format_args!("--dev keeps its state in {name}, {problem}"));
    let found = fs::symlink_metadata(directory)
        .map_err(|cause| refuse(&format!("which cannot be looked at: {cause}")))?;
    if !found.is_dir() {
        return Err(refuse("which is not a directory: move it away"));
    }
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(refuse(
            "which belongs to another user: start in a directory of your own",
        ));
    }
    if found.mode() & 0o077 != 0 {
        return Err(refuse(
            "which is open to other users: close it with chmod 700, or remove it",
        ));
    }
    Ok(())
}

/// With another seed no registered key would sign any more, so a lost one is not quietly replaced.
fn require_seed_of(registry: &Path) -> Result<(), Failure> {
    let is_there = |path: &Path| fs::symlink_metadata(path).is_ok();
    if is_there(&seed_file()) || !is_there(registry) {
        return Ok(());
    }
    Err(Failure::usage(format_args!(
        "--dev finds {} without the seed of its keys: put {} back, or remove {} to start anew",
        quoted(registry.display()),
        quoted(seed_file().display()),
        quoted(DIRECTORY)
    )))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn refuses_a_directory_that_others_can_enter_a_file_and_a_link() {
        let place = tempfile::tempdir().unwrap();
        let open = place.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o710)).unwrap();
        let file = place.path().join("file");
        fs::write(&file, "").unwrap();
        let link = place.path().join("link");
        symlink(place.path(), &link).unwrap();
        for (path, problem) in [
            (&open, "open to other users"),
            (&file, "not a directory"),
            (&link, "not a directory"),
        ] {
            let failure = require_private(path).unwrap_err();
            assert!(failure.to_string().contains(problem), "{failure}");
        }
        fs::set_permissions(&open, fs::Permissions::from_mode(0o700)).unwrap();
        require_private(&open).unwrap();
    }
}
