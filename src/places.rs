//! The files that the settings lead to, and that no two settings lead to the same one.
//!
//! Each place is judged by its own rules elsewhere, and those rules cannot tell a file of another
//! setting from a file of somebody else. So the settings are compared first, before anything is made.

mod table;

pub(crate) use table::places_of;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::place::directory_of;

/// What a setting leads to.
#[derive(Debug)]
pub(crate) struct Place {
    /// The setting, as the operator knows it.
    setting: String,
    files: Vec<PlacedFile>,
}

/// One file of a place.
#[derive(Debug)]
struct PlacedFile {
    path: PathBuf,
    what: &'static str,
    /// Device and inode, when there is such a file.
    identity: Option<(u64, u64)>,
}

/// Refuses settings that lead to one file.
///
/// # Errors
/// With the sentence that names both settings and the file.
pub(crate) fn refuse_shared(places: &[Place]) -> Result<(), Failure> {
    for (number, one) in places.iter().enumerate() {
        for other in places.iter().skip(number + 1) {
            if let Some((here, there)) = one.meets(other) {
                return Err(refusal(one, here, other, there));
            }
        }
    }
    Ok(())
}

fn refusal(one: &Place, here: &PlacedFile, other: &Place, there: &PlacedFile) -> Failure {
    let mut path = here.path.display().to_string();
    if here.path != there.path {
        path = format!("{path}, which is {} as well,", there.path.display());
    }
    Failure::usage(format_args!(
        "{} and {}: {path} cannot be {} of the one and {} of the other; choose another path for one \
         of them",
        one.setting, other.setting, here.what, there.what
    ))
}

impl Place {
    /// The place at `path`, with a file at each of these suffixes.
    fn new(setting: String, path: &Path, kept: &[(&str, &'static str)]) -> Self {
        let path = resolve(path);
        let files = kept.iter().map(|(suffix, what)| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            PlacedFile::new(name.into(), what)
        });
        Self {
            setting,
            files: files.collect(),
        }
    }

    fn meets<'a>(&'a self, other: &'a Self) -> Option<(&'a PlacedFile, &'a PlacedFile)> {
        let pairs = self
            .files
            .iter()
            .flat_map(|here| other.files.iter().map(move |there| (here, there)));
        pairs.into_iter().find(|(here, there)| here.is(there))
    }
}

impl PlacedFile {
    fn new(path: PathBuf, what: &'static str) -> Self {
        let found = fs::metadata(&path).ok();
        Self {
            path,
            what,
            identity: found.map(|found| (found.dev(), found.ino())),
        }
    }

    fn is(&self, other: &Self) -> bool {
        let is_one_file =
            self.path == other.path || (self.identity.is_some() && self.identity == other.identity);
        is_one_file && [self.what, other.what] != [table::SHARED; 2]
    }
}

/// The path with its directory resolved, so that every spelling of it is the same. What stands there
/// may be a link; whether it is followed is for its own rules to say.
fn resolve(path: &Path) -> PathBuf {
    let resolved = directory_of(path)
        .canonicalize()
        .ok()
        .zip(path.file_name())
        .map(|(directory, name)| directory.join(name));
    resolved
        .or_else(|| std::path::absolute(path).ok())
        .unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests;
