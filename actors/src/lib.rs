//! The actors of the custodian: they implement [`Custody`](signer_domain::ports::Custody) and
//! [`Rotations`](signer_domain::ports::Rotations) over the driven ports.
//!
//! A supervisor owns one provider actor for each configured provider and
//! restarts it from its factory. A provider actor opens one key actor for each handle in use. A key
//! actor grants *turns*: permission to sign with its key. The asker then signs on its own
//! thread while it holds the turn, so that one key uses every core while its mailbox stays short,
//! and a retirement waits until every turn has come back.
//!
//! Nothing here names an adapter, and nothing here can hold private key bytes.

mod admission;
mod backoff;
mod custody;
mod errors;
mod key;
mod metrics;
mod own_acts;
mod ports;
mod provider;
mod routes;
mod settings;
mod supervisor;

pub use custody::ActorCustody;
pub use ports::DrivenPorts;
pub use settings::{
    CustodySettings, ProviderFactory, ProviderSpec, RestartPolicy, VerifyAfterSign,
};
