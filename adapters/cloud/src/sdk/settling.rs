//! Key services show what was made a moment ago only after a while.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};

use signer_domain::Deadline;
use signer_domain::ports::KeyProviderError;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Asks until there is an answer other than `None`, with jittered pauses that grow, and at the longest
/// until the deadline. `None` when it never came.
///
/// # Errors
/// Those of the question; it is not asked again after one.
pub async fn until_there<T, F>(
    deadline: Deadline,
    mut ask: impl FnMut() -> F,
) -> Result<Option<T>, KeyProviderError>
where
    F: Future<Output = Result<Option<T>, KeyProviderError>>,
{
    let pauses = ExponentialBuilder::default()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE)
        .with_jitter()
        .without_max_times()
        .build();
    for pause in pauses {
        if let Some(found) = ask().await? {
            return Ok(Some(found));
        }
        if deadline.remaining() <= pause {
            break;
        }
        tokio::time::sleep(pause).await;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn asks_until_it_is_there() {
        let asked = Cell::new(0);
        let found = until_there(Deadline::after(Duration::from_secs(10)), || async {
            asked.set(asked.get() + 1);
            Ok((asked.get() == 3).then_some("there"))
        })
        .await;
        assert_eq!(found.unwrap(), Some("there"));
        assert_eq!(asked.get(), 3);
    }

    #[tokio::test]
    async fn gives_up_before_the_deadline() {
        let deadline = Deadline::after(Duration::from_millis(200));
        let found = until_there(deadline, || async { Ok(None::<()>) }).await;
        assert_eq!(found.unwrap(), None);
        assert!(!deadline.is_past());
    }
}
