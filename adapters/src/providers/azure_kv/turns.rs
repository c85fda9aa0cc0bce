//! One call at a time for each name.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

use signer_domain::Deadline;
use signer_domain::ports::KeyProviderError;

use super::super::cloud::{Trouble, told_that};

/// Lets the calls that make a key of one name go one after the other: a vault would make a version for
/// each of them.
#[derive(Default)]
pub(super) struct Turns(Mutex<HashMap<String, Weak<Turn<()>>>>);

impl Turns {
    /// Waits for the turn of a call for `name`.
    ///
    /// # Errors
    /// When the deadline comes first; nothing was begun then.
    pub(super) async fn of(
        &self,
        name: &str,
        deadline: Deadline,
    ) -> Result<OwnedMutexGuard<()>, KeyProviderError> {
        let turn = self.queue_for(name).lock_owned();
        let turn = tokio::time::timeout(deadline.remaining(), turn).await;
        turn.map_err(|_elapsed| {
            let sentence = "another call is making a key of this name";
            Trouble::Throttled(None).because(told_that(sentence))
        })
    }

    fn queue_for(&self, name: &str) -> Arc<Turn<()>> {
        let mut queues = self.0.lock();
        if let Some(queue) = queues.get(name).and_then(Weak::upgrade) {
            return queue;
        }
        queues.retain(|_, queue| queue.strong_count() > 0);
        let queue = Arc::new(Turn::new(()));
        queues.insert(name.to_owned(), Arc::downgrade(&queue));
        queue
    }
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turns").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn calls_for_one_name_wait_for_each_other_and_for_no_other() {
        let turns = Turns::default();
        let soon = || Deadline::after(Duration::from_millis(50));
        let first = turns.of("a", soon()).await.unwrap();
        turns.of("b", soon()).await.unwrap();
        turns.of("a", soon()).await.unwrap_err();
        drop(first);
        turns.of("a", soon()).await.unwrap();
        assert!(turns.0.lock().len() <= 2, "names are forgotten");
    }
}
