//! The command as it is shipped, with the providers that the stories were built with.

use std::process::ExitCode;

use plexsphere_signer::{Composition, run};

fn main() -> ExitCode {
    run(std::env::args_os(), Composition::SHIPPED)
}
