//! `verify`: offline, with the verifier that the custodian itself trusts.

use signer_domain::Signature;

use crate::cli::VerifyArgs;
use crate::exit::Exit;
use crate::failure::{Failure, quoted};
use crate::hash_file::hash_file;
use crate::output;
use crate::public_key_file::read_public_key;
use crate::wiring;

/// Says whether the signature is one of the file's SHA-512 digest by the key.
pub(crate) fn verify(args: &VerifyArgs) -> Result<(), Failure> {
    let public_key = read_public_key(&args.public_key)?;
    let signature = Signature::from_base64(args.signature.trim())
        .map_err(|must| Failure::usage(format_args!("--signature {must}")))?;
    let verifier = wiring::VERIFIER(&public_key).map_err(|problem| {
        let file = quoted(args.public_key.display());
        Failure::usage(format_args!("--public-key {file} holds what is {problem}"))
    })?;
    let digest = hash_file(&args.file)?;
    if verifier.accepts(&digest, &signature) {
        return output::write_line("valid");
    }
    Err(Failure::new(
        Exit::Integrity,
        format_args!(
            "the signature is not one of {} by this key",
            quoted(args.file.display())
        ),
    ))
}
