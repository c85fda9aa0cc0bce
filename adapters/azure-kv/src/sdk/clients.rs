//! The client of the library, made anew when it has learnt something wrong.
//!
//! A client keeps what the last challenge of the vault named, and asks for tokens of that from then on. It
//! keeps it as well when that challenge was none of the vault's: a proxy's, or that of a vault on a
//! bad day. So it goes with the call that failed.

use std::fmt;
use std::sync::Arc;

use azure_core::Error;
use azure_core::error::ErrorKind;
use azure_core::http::StatusCode;
use azure_security_keyvault_keys::KeyClient;
use parking_lot::RwLock;

/// Makes a client.
type Make = Box<dyn Fn() -> azure_core::Result<KeyClient> + Send + Sync>;

/// The client that is used now, and how the next one is made.
pub(super) struct Clients {
    make: Make,
    current: RwLock<Arc<KeyClient>>,
}

impl Clients {
    /// Makes the first client.
    ///
    /// # Errors
    /// Those of `make`.
    pub(super) fn new(make: Make) -> azure_core::Result<Self> {
        let first = make()?;
        Ok(Self {
            make,
            current: RwLock::new(Arc::new(first)),
        })
    }

    /// The client for one call.
    pub(super) fn current(&self) -> Arc<KeyClient> {
        Arc::clone(&self.current.read())
    }

    /// Replaces `used` when it may have learnt something wrong from this error. Tells whether another
    /// client may do better at once. After a token was refused it would not, and the call would fail for
    /// the second refusal, which says less.
    pub(super) fn renew(&self, used: &Arc<KeyClient>, error: &Error) -> bool {
        if !may_have_misled(error) {
            return false;
        }
        let may_do_better = *error.kind() == ErrorKind::Other;
        let mut current = self.current.write();
        // Another call may have replaced it meanwhile.
        if !Arc::ptr_eq(&current, used) {
            return may_do_better;
        }
        match (self.make)() {
            Ok(next) => {
                *current = Arc::new(next);
                may_do_better
            }
            Err(error) => {
                tracing::warn!(%error, "client of the vault not made anew");
                false
            }
        }
    }
}

/// Whether an error is about signing in: the vault refused the token, or there was none for what the last
/// challenge named.
fn may_have_misled(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::HttpResponse { status, .. } => *status == StatusCode::Unauthorized,
        ErrorKind::Credential | ErrorKind::Other => true,
        ErrorKind::Connection | ErrorKind::Io | ErrorKind::DataConversion => false,
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").finish_non_exhaustive()
    }
}
