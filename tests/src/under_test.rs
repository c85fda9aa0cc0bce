//! The command as the process tests run it: `--key-provider testdouble` is accepted too.
//!
//! `SIGNER_UNDER_TEST_CRASH` names the crash points at which the process dies;
//! `SIGNER_UNDER_TEST_KEYS` names the file in which the providers remember which keys they hold.

mod points;

use std::env;
use std::process::ExitCode;

use plexsphere_signer::{Composition, PROVIDERS, run};
use signer_kit::crash::CrashPoints;
use signer_kit::testdouble;

use points::Points;

fn main() -> ExitCode {
    let points = match env::var("SIGNER_UNDER_TEST_CRASH") {
        Ok(text) => CrashPoints::parse(&text),
        Err(_unset) => Ok(CrashPoints::unarmed()),
    };
    let Ok(points) = points else {
        return ExitCode::from(64);
    };
    let memory = env::var_os("SIGNER_UNDER_TEST_KEYS").map(Into::into);
    let mut providers = PROVIDERS.to_vec();
    providers.push(testdouble::MODULE);
    let composition = Composition {
        providers: &providers,
        around: Box::leak(Box::new(Points { points, memory })),
    };
    run(env::args_os(), composition)
}
