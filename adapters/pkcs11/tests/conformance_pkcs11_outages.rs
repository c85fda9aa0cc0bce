//! The PKCS#11 provider keeps the contract of its port when its module is cut off.
//!
//! The fault module stands before the real one that `PKCS11_MODULE` names, and in an outage answers every
//! call as a module does whose device is gone.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a fixture that cannot be made fails the test"
)]

#[path = "pkcs11_support/mod.rs"]
mod support;

use std::ffi::OsStr;
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;

use signer_domain::HandleId;
use signer_domain::ports::KeyProvider;
use signer_kit::conformance::{Fixture, Outages};

use support::TestToken;

mod pkcs11 {
    signer_kit::conformance_suite! { @outages CutOffFixture }
}

/// The functions that a module needs a device for.
const OF_THE_DEVICE: [&str; 10] = [
    "C_GetTokenInfo",
    "C_OpenSession",
    "C_GetSessionInfo",
    "C_Login",
    "C_FindObjectsInit",
    "C_GetAttributeValue",
    "C_GenerateKeyPair",
    "C_DestroyObject",
    "C_SignInit",
    "C_Sign",
];

/// Enough for the cases on what happens at once.
const SESSIONS: NonZeroUsize = NonZeroUsize::new(3).unwrap();

/// An empty token behind the fault module.
struct CutOffFixture(TestToken);

#[async_trait]
impl Fixture for CutOffFixture {
    async fn fresh() -> Self {
        let token = TestToken::fresh().await;
        set_rules("");
        Self(token)
    }

    async fn open(&self) -> Arc<dyn KeyProvider> {
        self.0
            .provider_with(support::module(fault_module()), SESSIONS)
    }

    fn absent_handle(&self) -> HandleId {
        HandleId::parse("pkcs11:plexsphere:platform:never-generated").unwrap()
    }
}

#[async_trait]
impl Outages for CutOffFixture {
    async fn begin_outage(&self) {
        let gone = OF_THE_DEVICE.map(|function| format!("{function} rv=CKR_DEVICE_REMOVED\n"));
        set_rules(&gone.concat());
    }

    async fn end_outage(&self) {
        set_rules("");
    }
}

fn set_rules(text: &str) {
    let next = support::place().join("rules.next");
    std::fs::write(&next, text).unwrap();
    std::fs::rename(next, support::place().join("rules")).unwrap();
}

/// Built, and copied to where nobody else may write: no code is loaded from elsewhere.
fn fault_module() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .nth(2)
            .unwrap();
        let output = Command::new(root.join("scripts/build-fault-module"))
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(output.status.success(), "the fault module was not built");
        let copy = support::place().join("fault.so");
        std::fs::copy(OsStr::from_bytes(output.stdout.trim_ascii_end()), &copy).unwrap();
        copy
    })
}
