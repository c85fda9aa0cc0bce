//! The SHA-512 digest of a file of any size, read once.

mod progress;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest as _, Sha512};
use signer_domain::Digest;

use crate::failure::{Failure, quoted};
use crate::stream;
use progress::Progress;

const CHUNK: usize = 256 * 1024;

/// Hashes the file, or standard input when it is called `-`.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn hash_file(path: &Path) -> Result<Digest, Failure> {
    let hashed = if path.as_os_str() == "-" {
        stream::input().and_then(|input| hash(input, &Progress::of_unknown_length()))
    } else {
        File::open(path).and_then(|file| {
            let length = file.metadata()?.len();
            hash(file, &Progress::of_length(length))
        })
    };
    hashed.map_err(|cause| {
        let file = quoted(path.display());
        Failure::usage(format_args!("{file} cannot be read: {cause}"))
    })
}

fn hash(mut source: impl Read, progress: &Progress) -> io::Result<Digest> {
    let mut hasher = Sha512::new();
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
            Err(cause) => return Err(cause),
        };
        hasher.update(buffer.get(..count).unwrap_or_default());
        progress.advance(count);
    }
    Ok(Digest::from_bytes(hasher.finalize().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source that gives one byte at a time and is interrupted in between.
    struct Trickle<'a> {
        rest: &'a [u8],
        interrupt: bool,
    }

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.interrupt = !self.interrupt;
            if self.interrupt {
                return Err(io::ErrorKind::Interrupted.into());
            }
            self.rest.read(&mut buffer[..1])
        }
    }

    #[test]
    fn hashes_what_trickles_in_as_a_whole() {
        let trickle = Trickle {
            rest: b"abc",
            interrupt: false,
        };
        let digest = hash(trickle, &Progress::of_length(3)).unwrap();
        // FIPS 180-4, SHA-512 of "abc".
        assert_eq!(
            digest.to_base64(),
            "3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw=="
        );
    }

    #[test]
    fn a_directory_is_no_input() {
        let failure = hash_file(Path::new("/")).unwrap_err();
        assert!(
            failure.to_string().starts_with("\"/\" cannot be read"),
            "{failure}"
        );
    }
}
