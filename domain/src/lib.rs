//! Words, rules and ports of the custodian.
//!
//! Everything here is plain data, plain rules or a trait. Nothing here knows a runtime, an actor, a
//! database, a vendor SDK or a cryptographic library, and nothing here can hold private key bytes.

#![warn(clippy::wildcard_enum_match_arm)]

pub mod clock;
mod deadline;
mod deployment_profile;
mod digest;
mod error_chain;
mod file_rules;
mod fixed_bytes;
mod handle_id;
mod io_cure;
mod key_id;
mod key_marks;
mod key_state;
mod known_providers;
mod lock_holder;
mod overflow_ids;
mod path_text;
pub mod ports;
mod provider_name;
mod public_key;
pub mod registry;
mod retired_key;
mod rotation_transition;
mod scope;
mod shell_word;
mod signature;
mod signing_key;

pub use deadline::Deadline;
pub use deployment_profile::{DeploymentProfile, ParseDeploymentProfileError, ScopeNotPermitted};
pub use digest::Digest;
pub use error_chain::ErrorChain;
pub use file_rules::{foreign_owner, lets_everyone_replace};
pub use fixed_bytes::ParseBytesError;
pub use handle_id::{HandleId, ParseHandleIdError};
pub use io_cure::io_cure;
pub use jiff::Timestamp;
pub use key_id::{KeyId, ParseKeyIdError};
pub use key_marks::{KeyMark, KeyMarks};
pub use key_state::{ChangeRefused, KeyChange, KeyState, ParseKeyStateError};
pub use known_providers::{KnownProviders, UnknownProvider};
pub use lock_holder::LockHolder;
pub use overflow_ids::OverflowIds;
pub use path_text::{PathProblem, check_path, is_one_line};
pub use provider_name::{ParseProviderNameError, ProviderName};
pub use public_key::PublicKey;
pub use retired_key::RetiredKey;
pub use rotation_transition::RotationTransition;
pub use scope::{ParseScopeError, Scope};
pub use shell_word::ShellWord;
pub use signature::Signature;
pub use signing_key::SigningKey;
