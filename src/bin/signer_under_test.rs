//! The command as the process tests run it: `--key-provider testdouble` is accepted too.

use std::process::ExitCode;

use plexsphere_signer::{ProviderSet, run};

fn main() -> ExitCode {
    run(std::env::args_os(), ProviderSet::WithTestdouble)
}
