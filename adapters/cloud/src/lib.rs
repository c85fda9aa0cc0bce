//! What the providers of cloud key services share.
//!
//! A key service is far away, counts each call against a quota, and tells the truth late. The
//! providers therefore pace themselves, ask again for what was made a moment ago, and tell an operator
//! the trouble that they meet.

mod flags;
#[cfg(feature = "sdk")]
mod sdk;

pub use self::flags::{flag_of_calls_at_once, flag_of_calls_per_second};
#[cfg(feature = "sdk")]
pub use self::sdk::{
    CloudLimits, LONGEST_ANSWER, LONGEST_LIST, Pace, Trouble, cloud_name, in_doubt, install_tls,
    leaves_doubt, told, told_that, until_there,
};
