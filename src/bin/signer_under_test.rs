//! The command as the process tests run it: `--key-provider testdouble` is accepted too.
//!
//! `SIGNER_UNDER_TEST_CRASH` names the crash points at which the process dies;
//! `SIGNER_UNDER_TEST_KEYS` names the file in which the providers remember which keys they hold.

use std::env;
use std::process::ExitCode;

use plexsphere_signer::{PROVIDERS, arm_crash_points, remember_keys_in, run};
use signer_kit::testdouble;

fn main() -> ExitCode {
    if let Some(file) = env::var_os("SIGNER_UNDER_TEST_KEYS") {
        remember_keys_in(file.into());
    }
    let armed = match env::var("SIGNER_UNDER_TEST_CRASH") {
        Ok(text) => arm_crash_points(&text),
        Err(_unset) => Ok(()),
    };
    let mut providers = PROVIDERS.to_vec();
    providers.push(testdouble::MODULE);
    match armed {
        Ok(()) => run(env::args_os(), &providers),
        Err(_unclear) => ExitCode::from(64),
    }
}
