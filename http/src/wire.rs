//! The JSON documents of the wire contract.
//!
//! The server writes the answers and reads the requests; the command line client does the reverse
//! with the same types. Requests are read strictly: an unknown, repeated or mistyped field, `null`
//! and anything after the object are refused, and the error names the field without echoing its
//! content.

mod batch;
mod escaped;
mod fields;
mod key;
mod probe;
mod problem;
mod public_key;
mod rfc3339;
mod rotation;
mod sign;
pub(crate) mod texts;

pub use batch::{BatchDocument, BatchItem, BatchRequest, BatchResult};
pub use escaped::escaped;
pub(crate) use fields::Body;
pub use key::{EmptyRequest, GenerateRequest, KeyDocument, KeyListDocument};
pub use probe::{
    CheckStatus, LivezDocument, LivezStatus, ProviderReadiness, ReadyzChecks, ReadyzDocument,
    ReadyzStatus,
};
pub use problem::{Problem, ProblemCode};
pub use public_key::{Jwk, JwkSetDocument, PublicKeyDocument};
pub use rotation::{CloseRotationRequest, OpenRotationRequest, RotationDocument};
pub use sign::{SignDocument, SignRequest};
