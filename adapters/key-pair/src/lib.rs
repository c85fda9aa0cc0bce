//! Ed25519 key pairs in this process: the only types of this project by which a provider for production
//! holds the private key of a caller.
//!
//! Who may depend on this one `tests/architecture` sees to: providers that are for development only, and the
//! one of Azure Key Vault, which has no Ed25519 of its own and lends its keys.

mod key_pair;
mod lent_key;

pub use self::key_pair::KeyPair;
pub use self::lent_key::LentKey;
