//! The file that holds the seed: 32 raw bytes under the rules for files with a secret.

mod refusal;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom as _, SystemRandom};
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use zeroize::Zeroizing;

use signer_files::secret;

use self::refusal::Refusal;
use super::secret_seed::SecretSeed;

/// Why a seed file was refused or could not be made. The text is one sentence for the operator that
/// names the flag and the cure.
#[derive(Debug, thiserror::Error)]
#[error("--software-seed-file {}: {refusal}", path.display())]
pub struct SeedFileError {
    path: PathBuf,
    refusal: Refusal,
}

/// Reads the seed.
pub(super) fn read(path: &Path) -> Result<SecretSeed, SeedFileError> {
    let refused = |refusal| SeedFileError {
        path: path.to_owned(),
        refusal,
    };
    let (mut file, actual) = secret::open(path).map_err(|refusal| refused(refusal.into()))?;
    let length = |actual| Refusal::Length { actual };
    if actual != EXPECTED_LENGTH {
        return Err(refused(length(actual)));
    }
    let seed = SecretSeed::fill_with(|bytes| file.read_exact(bytes));
    let seed = seed.map_err(|cause| match cause.kind() {
        ErrorKind::UnexpectedEof => refused(Refusal::Changed),
        _ => refused(Refusal::io("read", cause)),
    })?;
    let mut surplus = Zeroizing::new([0; 1]);
    match file.read(surplus.as_mut()) {
        Ok(0) if seed.expose_bytes().iter().all(|byte| *byte == 0) => {
            Err(refused(Refusal::Unwritten))
        }
        Ok(0) => Ok(seed),
        Ok(_) => Err(refused(Refusal::Changed)),
        Err(cause) => Err(refused(Refusal::io("read", cause))),
    }
}

/// Makes a seed file of fresh random bytes with mode 0600. It appears whole or not at all, and an
/// existing file of that name is never touched.
///
/// # Errors
/// When the name is taken, or the file cannot be made or written.
pub fn create_seed_file(path: &Path) -> Result<(), SeedFileError> {
    write_new(path).map_err(|refusal| SeedFileError {
        path: path.to_owned(),
        refusal,
    })
}

/// [`SecretSeed::LEN`] in the type of file lengths.
const EXPECTED_LENGTH: u64 = 32;

fn write_new(path: &Path) -> Result<(), Refusal> {
    let name = path.file_name().ok_or(Refusal::NotRegular("a directory"))?;
    let directory = secret::open_directory(path, OFlags::RDONLY)?;
    let hidden = hidden_name(name)?;

    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = rustix::fs::openat(&directory, &hidden, flags, Mode::RUSR | Mode::WUSR)
        .map_err(|cause| Refusal::io("created", cause))?;
    let outcome = fill(file).and_then(|()| {
        rustix::fs::renameat_with(
            &directory,
            &hidden,
            &directory,
            name,
            RenameFlags::NOREPLACE,
        )
        .map_err(|cause| match cause {
            Errno::EXIST => Refusal::Exists,
            _ => Refusal::io("created", cause),
        })
    });
    if let Err(refusal) = outcome {
        // Best effort: the first failure is the one to report.
        let _already_failed = rustix::fs::unlinkat(&directory, &hidden, AtFlags::empty());
        return Err(refusal);
    }
    rustix::fs::fsync(&directory).map_err(|cause| Refusal::io("made durable", cause))
}

/// A name beside `name` that nobody else uses, so that what a crash left behind is never in the way.
fn hidden_name(name: &OsStr) -> Result<OsString, Refusal> {
    let mut suffix = [0; 8];
    randomize(&mut suffix)?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{:016x}", u64::from_ne_bytes(suffix)));
    Ok(hidden)
}

fn randomize(bytes: &mut [u8]) -> Result<(), Refusal> {
    SystemRandom::new()
        .fill(bytes)
        .map_err(|_unspecific| Refusal::NoRandomness)
}

fn fill(file: OwnedFd) -> Result<(), Refusal> {
    rustix::fs::fchmod(&file, Mode::RUSR | Mode::WUSR)
        .map_err(|cause| Refusal::io("created", cause))?;
    let mut bytes = Zeroizing::new([0; SecretSeed::LEN]);
    randomize(bytes.as_mut())?;
    let mut file = File::from(file);
    file.write_all(bytes.as_ref())
        .and_then(|()| file.sync_all())
        .map_err(|cause| Refusal::io("written", cause))
}

#[cfg(test)]
mod tests;
