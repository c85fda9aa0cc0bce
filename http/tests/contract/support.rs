//! A server for one test, and a client that sees every byte.

mod audit;
mod client;
mod custody;
mod rotations;
mod server;

pub(crate) use audit::{Mood, RecordingTrail, SLOWNESS};
pub(crate) use client::{Client, Reply};
pub(crate) use custody::{ScriptedCustody, handle};
pub(crate) use server::{Options, TestServer, bind, bind_with_mode, temp_dir};

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
