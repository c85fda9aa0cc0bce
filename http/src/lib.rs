//! The REST interface of the custodian, on a Unix socket.
//!
//! Knows the driving ports [`Custody`](signer_domain::ports::Custody) and
//! [`Rotations`](signer_domain::ports::Rotations) and the record of requests,
//! [`AuditTrail`](signer_domain::ports::AuditTrail), and nothing behind them. Every error is an
//! RFC 9457 problem, with one exception that the server library leaves no choice in: a request whose
//! head cannot be parsed at all (bad request line, contradictory framing, more than 96 header fields,
//! a head above 128 KiB) or that never arrives is answered 400, 431 or 408 without a body, and the
//! connection is closed. Such a head never becomes a request: it is in neither the record nor the
//! metrics.

#![warn(clippy::wildcard_enum_match_arm)]

mod accept;
mod access;
mod answer;
mod answer_body;
mod audit;
mod body;
mod calls;
mod demands;
mod drain;
mod exposition;
mod incoming;
mod metrics;
mod op;
mod openapi;
mod patience;
mod peer;
mod ports;
mod query;
mod refusal;
mod request_id;
mod routes;
mod seconds;
mod segment;
mod server;
mod service;
pub mod socket;
pub mod wire;

pub use metrics::{HttpMetrics, Telemetry};
pub use openapi::openapi_json;
pub use ports::Ports;
pub use server::{HttpSettings, serve};
