//! Where a file may be made.

use std::path::Path;

use rustix::fs::{Access, access};
pub(crate) use signer_files::directory_of;

/// Whether `directory` is one in which we may make files.
pub(crate) fn is_writable(directory: &Path) -> bool {
    directory.is_dir() && access(directory, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_is_in_the_directory_of_the_process() {
        assert_eq!(directory_of(Path::new("a")), Path::new("."));
        assert_eq!(directory_of(Path::new("/a/b")), Path::new("/a"));
    }

    #[test]
    fn files_are_made_in_directories_only() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(is_writable(place.path()));
        assert!(!is_writable(&file));
        assert!(!is_writable(&place.path().join("none")));
    }
}
