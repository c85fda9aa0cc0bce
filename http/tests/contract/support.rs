//! A server for one test, and a client that sees every byte.

mod audit;
mod client;
mod custody;
mod rotations;
mod server;

use rustix::process::{Gid, Uid};
use signer_domain::{KnownProviders, ProviderName};

pub(crate) use audit::{Mood, RecordingTrail, SLOWNESS};
pub(crate) use client::{Client, Reply};
pub(crate) use custody::{ScriptedCustody, handle};
pub(crate) use rotations::{CROWD, crowded};
pub(crate) use server::{Options, PLENTY, TestServer, bind, bind_with_mode, temp_dir};

/// Does something as a user that owns nothing here. Only root can play another user, so run by anybody
/// else this panics, as a test that cannot show its point has to.
pub(crate) fn as_stranger<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let stranger = std::thread::spawn(move || {
        let (uid, gid) = (Uid::from_raw(65534), Gid::from_raw(65534));
        rustix::thread::set_thread_groups(&[]).unwrap();
        rustix::thread::set_thread_res_gid(gid, gid, gid).unwrap();
        rustix::thread::set_thread_res_uid(uid, uid, uid).unwrap();
        work()
    });
    stranger.join().unwrap()
}

/// The providers that a request may name.
pub(crate) fn providers() -> KnownProviders {
    let names = ["software", "pkcs11", "aws-kms", "gcp-kms", "azure-kv"];
    names.map(ProviderName::new).into_iter().collect()
}

/// A well-formed digest.
pub(crate) fn digest() -> String {
    format!("{}==", "A".repeat(86))
}

/// The body of a well-formed sign request.
pub(crate) fn sign_body() -> String {
    format!(r#"{{"digest":"{}"}}"#, digest())
}

/// The path under which the key named `name` signs.
pub(crate) fn sign_path(name: &str) -> String {
    format!("/v1/keys/software%3Aplatform%7C{name}/sign")
}
