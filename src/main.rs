//! The command `plexsphere-signer`.

use std::process::ExitCode;

use plexsphere_signer::{Composition, run};

fn main() -> ExitCode {
    run(std::env::args_os(), Composition::SHIPPED)
}
