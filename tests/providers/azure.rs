//! The built program with its keys in a vault: a fake one over real TLS, and a fake identity service.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper that fails is a test that fails"
)]

mod failing;
mod harness;
mod keeping;
mod starting;

use harness::{Envelope, Harness, Native};

mod native {
    use super::{Harness, Native};

    crate::suite::process_suite!(
        Harness<Native>,
        no_service: "the same vault lets in, throttles and is trusted as it is where it holds envelopes"
    );
}

mod envelope {
    use super::{Envelope, Harness};

    crate::suite::process_suite!(
        Harness<Envelope>,
        no_signing: "the custodian signs by itself; what can be wrong is the key that the vault decrypts"
    );
}
