//! The file that holds the PIN: one line of text under the rules for files with a secret.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use signer_files::secret::{self, SecretFileRefusal};

use super::user_pin::{UnusablePin, UserPin};

/// More than any token takes.
const LONGEST: u64 = 1024;

/// Why no PIN is taken from a file. The text is one sentence for the operator that names the flag and
/// the cure.
#[derive(Debug, thiserror::Error)]
#[error("--pkcs11-pin-file {}: {refusal}", path.display())]
pub struct PinFileError {
    path: PathBuf,
    refusal: Refusal,
}

#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    File(#[from] SecretFileRefusal),
    #[error("the file is {0} bytes long; a PIN is one line of at most 1024 bytes")]
    Length(u64),
    #[error("the file holds no text in UTF-8; a PIN is one line of text")]
    NotText,
    #[error("the file {0}")]
    Unusable(#[from] UnusablePin),
}

impl UserPin {
    /// Reads a PIN from a file that only its owner can read. One line break at its end is left out.
    ///
    /// # Errors
    /// When the file is not acceptable.
    pub fn read(path: &Path) -> Result<Self, PinFileError> {
        read(path).map_err(|refusal| PinFileError {
            path: path.to_owned(),
            refusal,
        })
    }
}

fn read(path: &Path) -> Result<UserPin, Refusal> {
    let (file, length) = secret::open(path)?;
    let size = usize::try_from(length)
        .ok()
        .filter(|_| length <= LONGEST)
        .ok_or(Refusal::Length(length))?;
    // Large enough from the start, so that no copy is left behind by growing.
    let mut bytes = Zeroizing::new(Vec::with_capacity(size.saturating_add(2)));
    file.take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|cause| SecretFileRefusal::io("read", cause))?;
    let text = str::from_utf8(&bytes).map_err(|_unspecific| Refusal::NotText)?;
    Ok(UserPin::from_text(text)?)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use tempfile::TempDir;

    use super::*;

    fn file(directory: &TempDir, content: &[u8], mode: u32) -> PathBuf {
        let path = directory.path().join("pin");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn takes_one_line_with_or_without_its_end() {
        let directory = tempfile::tempdir().unwrap();
        for content in ["throw-away 1", "throw-away 1\n", "throw-away 1\r\n"] {
            let path = file(&directory, content.as_bytes(), 0o400);
            let pin = UserPin::read(&path).unwrap();
            assert!(pin.is("throw-away 1"), "{content:?}");
            fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn refuses_what_is_no_pin_and_never_shows_it() {
        let directory = tempfile::tempdir().unwrap();
        for (content, reason) in [
            (&b""[..], "the file holds no PIN"),
            (b"\n", "the file holds no PIN"),
            (b"ab\ncd\n", "more than one line"),
            (b"\xff\xfe", "no text in UTF-8"),
            (b"\xef\xbb\xbf77", "a byte order mark"),
            (b"77 \n", "ends with a blank"),
            (&[b'7'; 1025], "1025 bytes long"),
        ] {
            let path = file(&directory, content, 0o400);
            let sentence = UserPin::read(&path).unwrap_err().to_string();
            let opening = format!("--pkcs11-pin-file {}: ", path.display());
            // The name of the directory is drawn by chance and may hold any digits.
            let said = sentence.strip_prefix(&opening).unwrap();
            assert!(said.contains(reason), "{sentence}");
            assert!(!said.contains("ab") && !said.contains("77"));
            fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn refuses_a_file_that_others_can_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = file(&directory, b"throw-away", 0o644);
        let sentence = UserPin::read(&path).unwrap_err().to_string();
        assert!(
            sentence.contains("others may read or change the file"),
            "{sentence}"
        );
    }
}
