//! The walls of the project, held against what cargo knows and what the sources say.
//!
//! Every rule is a plain function over data. One test asks it about the real workspace, the others
//! about small examples that break it, so that no rule can pass by being blind.

#![expect(
    clippy::expect_used,
    reason = "the readers of the workspace serve tests only"
)]

mod circles;
mod crates;
mod default_build;
mod documents;
mod image;
mod lints;
mod private_keys;
mod workspace;
