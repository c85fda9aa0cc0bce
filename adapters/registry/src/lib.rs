//! The key registry: the durable authority on which keys exist and which may sign.
//!
//! It holds names, handles, public keys and states, never secret bytes. One file, one process: the
//! registry that [`SqliteRegistry`] opens belongs to that value until it is closed or dropped.

mod sqlite;
mod url;

pub use sqlite::{OpenRegistryError, RegistryRefusal, RetiredKey, SqliteRegistry, retired_keys};
pub use url::{ParseRegistryUrlError, RegistryUrl};
