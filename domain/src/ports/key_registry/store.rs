//! The store itself.

use std::fmt;

use async_trait::async_trait;

use super::KeyRegistryError;

/// The store that keeps the records.
#[async_trait]
pub trait RegistryStore: Send + Sync + fmt::Debug {
    /// The random name that the store was given when it was made, as 32 hexadecimal digits. A copy and a
    /// restored backup have the same.
    fn identity(&self) -> &str;

    /// The number of the newest change that is durable, told without asking the store; 0 when there never was
    /// one. Each change has a greater number than the one before, also after a restart, and one call may count
    /// as several. A store that has gone back to a smaller number is an older copy.
    fn newest_change(&self) -> u64;

    /// Whether what this process has learned of the store still counts: the store is the one that was
    /// opened, nobody else can have its place, and nobody else can have changed a key unknown to this
    /// process. One process alone uses each store that there is, so its lease has no end while the store
    /// stands. A store that several processes shared would answer by the lease that it gave to this one, and
    /// say no as long before its end as the write that follows may take.
    ///
    /// It is asked for each signature, at last directly before the bytes of an answer are handed to the
    /// kernel, so it waits for nobody and asks no other process. A yes covers the write that follows at
    /// once.
    ///
    /// # Errors
    /// [`Unavailable`](KeyRegistryError::Unavailable) when the store was taken away or replaced.
    fn lease_holds(&self) -> Result<(), KeyRegistryError>;

    /// Proves that the store answers and that a change would be durable. Counts as no change.
    ///
    /// # Errors
    /// [`Unavailable`](KeyRegistryError::Unavailable).
    async fn check(&self) -> Result<(), KeyRegistryError>;

    /// Ends the use of the store: waits for the change under way. Every later call answers that it is
    /// unavailable. Nothing is lost without it. Closing again does nothing.
    ///
    /// # Errors
    /// [`Unavailable`](KeyRegistryError::Unavailable) when the store does not finish in time.
    async fn close(&self) -> Result<(), KeyRegistryError>;
}
