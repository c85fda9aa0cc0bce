//! The proof that the registry can be written: that it was.
//!
//! A full disk and one that has become read-only still take a transaction that writes nothing. So the
//! check writes, through the log to the disk, what no other part of the registry reads. It counts as
//! no change.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signer_domain::registry::Refused;
use sqlx::sqlite::SqliteConnection;

use super::failure::Failure;

/// How much is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// One page.
    Page,
    /// The room of any change. A change that found no room may have left enough of it for one page.
    Change,
}

/// Whether the last change that was tried has failed. The proof is thorough then.
#[derive(Debug, Clone, Default)]
pub(super) struct Doubt(Arc<AtomicBool>);

impl Doubt {
    /// How much has to be written to be sure.
    pub(super) fn extent(&self) -> Extent {
        if self.0.load(Ordering::Acquire) {
            Extent::Change
        } else {
            Extent::Page
        }
    }

    /// Notes how the store took a change.
    pub(super) fn note<T>(&self, outcome: &Result<T, Failure>) {
        match outcome {
            Ok(_) => self.0.store(false, Ordering::Release),
            Err(Failure(Refused::Failed(_))) => self.0.store(true, Ordering::Release),
            Err(Failure(
                Refused::Conflict | Refused::RotationInProgress | Refused::Unreadable(_),
            )) => {}
        }
    }
}

/// Writes what says nothing.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    extent: Extent,
) -> Result<(), Failure> {
    // Bytes that were there already would not be written.
    let update = "UPDATE registry_proof SET value = randomblob(length(value)) WHERE id <= ?1";
    let rows = match extent {
        Extent::Page => 1,
        Extent::Change => 2,
    };
    sqlx::query(update).bind(rows).execute(connection).await?;
    Ok(())
}
