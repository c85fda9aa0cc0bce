//! How long the registry waits.

use std::time::Duration;

/// How long SQLite waits for a lock that another program holds.
pub(super) const BUSY_LIMIT: Duration = Duration::from_secs(2);

/// How long a call waits for its turn on the connection.
pub(super) const TURN_LIMIT: Duration = Duration::from_secs(2);

/// How long a call waits for its work once its turn has come: the lock, then the disk.
pub(super) const WORK_LIMIT: Duration = Duration::from_secs(4);
