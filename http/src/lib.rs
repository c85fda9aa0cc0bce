//! The REST interface of the custodian, on a Unix socket.
//!
//! Knows the driving ports [`Custody`](signer_domain::ports::Custody) and
//! [`Rotations`](signer_domain::ports::Rotations) and the record of requests,
//! [`AuditTrail`](signer_domain::ports::AuditTrail), and nothing behind them. Every error is an
//! RFC 9457 problem, also where the HTTP parser refuses what never becomes a request: a head that is
//! malformed, contradicts itself, is too large or does not arrive in time.

#![warn(clippy::wildcard_enum_match_arm)]

mod accept;
mod access;
mod answer;
mod answer_body;
mod audit;
mod bare_answer;
mod body;
mod calls;
mod clock;
mod connection;
mod countdown;
mod crowd;
mod demands;
mod denials;
mod drain;
mod exposition;
mod guarded;
mod incoming;
mod intake;
mod key_set;
mod memory;
mod meter;
mod metrics;
mod op;
mod openapi;
mod patience;
mod peer;
mod pool;
mod ports;
mod query;
mod reception;
mod refusal;
mod request_id;
mod routes;
mod seconds;
mod segment;
mod server;
mod service;
pub mod socket;
mod visit;
pub mod wire;

pub use metrics::{HttpMetrics, Telemetry};
pub use openapi::openapi_json;
pub use ports::Ports;
pub use server::{HttpSettings, serve};
