//! Reads an Ed25519 public key from a PEM file.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use signer_domain::PublicKey;

use crate::failure::{Failure, quoted};

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

/// More than any file with one public key and its comments.
const LARGEST_FILE: u64 = 64 * 1024;

/// Reads the first public key in the file.
///
/// # Errors
/// When the file cannot be read, or holds no Ed25519 public key in PEM.
pub(crate) fn read_public_key(path: &Path) -> Result<PublicKey, Failure> {
    let refuse = |problem: &str| {
        let file = quoted(path.display());
        Failure::usage(format_args!("--public-key {file} {problem}"))
    };
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST_FILE).read_to_string(&mut text))
        .map_err(|cause| refuse(&format!("cannot be read: {cause}")))?;
    parse(&text).map_err(refuse)
}

fn parse(text: &str) -> Result<PublicKey, &'static str> {
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| *line == BEGIN).ok_or(
        "holds no PUBLIC KEY in PEM: name a file as keys public-key --format pem prints it",
    )?;
    let mut body = String::new();
    for line in lines {
        if line == END {
            let der = STANDARD
                .decode(body)
                .map_err(|_unspecific| "holds a PUBLIC KEY that is not base64")?;
            return PublicKey::from_spki_der(&der)
                .ok_or("holds a public key of another kind: it must be Ed25519");
        }
        body.push_str(line);
    }
    Err("holds a PUBLIC KEY that is cut off")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_domain_writes() {
        let key = PublicKey::from_bytes([7; 32]);
        assert_eq!(parse(&key.to_spki_pem()), Ok(key));
        let surrounded = format!("a comment\r\n{}\nmore", key.to_spki_pem()).replace('\n', "\r\n");
        assert_eq!(parse(&surrounded), Ok(key));
    }

    #[test]
    fn tells_apart_what_is_wrong() {
        for (text, problem) in [
            (String::new(), "holds no PUBLIC KEY"),
            (format!("{BEGIN}\n"), "cut off"),
            (format!("{BEGIN}\n?\n{END}"), "not base64"),
            (format!("{BEGIN}\n{END}"), "another kind"),
            (format!("{BEGIN}\nMCowBQYDK2VuAyEA\n{END}"), "another kind"),
        ] {
            let told = parse(&text).unwrap_err();
            assert!(told.contains(problem), "{told}");
        }
    }
}
