//! The contract of the key registry, held by the SQLite adapter.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

#[path = "registry/access.rs"]
mod access;
#[path = "registry/changes.rs"]
mod changes;
#[path = "registry/concurrency.rs"]
mod concurrency;
#[path = "registry/crash.rs"]
mod crash;
#[path = "registry/faults.rs"]
mod faults;
#[path = "registry/identity.rs"]
mod identity;
#[path = "registry/migration.rs"]
mod migration;
#[path = "registry/model.rs"]
mod model;
#[path = "registry/opening.rs"]
mod opening;
#[path = "registry/overwriting.rs"]
mod overwriting;
#[path = "registry/ownership.rs"]
mod ownership;
#[path = "registry/questions.rs"]
mod questions;
#[path = "registry/retired.rs"]
mod retired;
#[path = "registry/retirements.rs"]
mod retirements;
#[path = "registry/rotations.rs"]
mod rotations;
#[path = "registry/scale.rs"]
mod scale;
#[path = "registry/support.rs"]
mod support;
#[path = "registry/writable.rs"]
mod writable;
