//! The rotations, in the same file and by the same connections as the keys.

pub(super) mod queries;
mod record;
