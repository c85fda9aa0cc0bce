//! The commands around a token. Each refuses in a binary without the provider.

#[cfg(not(feature = "sdk"))]
pub use crate::left_out::{accept, check, mechanisms};
#[cfg(feature = "sdk")]
pub use crate::module::{accept, check, mechanisms};
pub use crate::report::{
    Accepted, CheckDocument, Checked, MechanismDocument, MechanismsDocument, StepDocument,
    TokenDocument,
};
