//! `openapi` and `completion`: what is known without a custodian.

use crate::catalogue::{Catalogue, known};
use crate::cli::{Shell, completable};
use crate::failure::Failure;
use crate::output;

/// Prints the `OpenAPI` document.
pub(crate) fn openapi(providers: &Catalogue) -> Result<(), Failure> {
    output::write_line(signer_http::openapi_json(&known(providers)))
}

/// Prints the completion script.
pub(crate) fn completion(shell: Shell, providers: &Catalogue) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(
        clap_complete::Shell::from(shell),
        &mut completable(providers),
        "plexsphere-signer",
        &mut script,
    );
    output::write(script)
}
