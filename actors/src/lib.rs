//! The actors of the custodian: they implement [`Custody`](signer_domain::ports::Custody) and
//! [`Rotations`](signer_domain::ports::Rotations) over the driven ports.
//!
//! A supervisor owns one provider actor for each configured provider and restarts it from its factory.
//! Each key in use has one key actor: it signs with its key, and everything about the key happens in
//! its mailbox. The messages are public, so that tests drive the actors as custody does.
//!
//! Nothing here names an adapter, and nothing here can hold private key bytes.

mod admission;
mod backoff;
mod currents;
mod custody;
mod errors;
mod flights;
mod guarded;
pub mod key;
mod keys;
mod metrics;
mod missing;
mod own_acts;
mod ports;
pub mod provider;
mod providers;
mod settings;
mod shared;
mod supervisor;
mod watch;

pub use actix::Addr;
pub use custody::ActorCustody;
pub use ports::DrivenPorts;
pub use settings::{
    CustodySettings, ProviderFactory, ProviderSpec, RestartPolicy, VerifyAfterSign,
};
