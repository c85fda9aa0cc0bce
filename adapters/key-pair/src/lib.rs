//! Ed25519 key pairs in this process: the only types of this project by which a provider for production
//! holds the private key of a caller.
//!
//! Two kinds of crates may depend on this one, as `tests/architecture` holds: providers that are for
//! development only, and the provider of Azure Key Vault, which has no Ed25519 of its own and is lent keys.

mod key_pair;
mod lent_key;

pub use self::key_pair::KeyPair;
pub use self::lent_key::LentKey;
