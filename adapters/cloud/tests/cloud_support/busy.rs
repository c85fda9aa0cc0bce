//! A provider that is asked for more signatures than it may ask its service for.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use signer_cloud::CloudLimits;
use signer_domain::ports::{GeneratedKey, KeyProvider};
use signer_domain::{Deadline, Digest};
use tokio::task::JoinSet;

/// Four signatures at once, and ten calls a second.
pub(crate) const LIMITS: CloudLimits = CloudLimits {
    max_in_flight: NonZeroUsize::new(4).unwrap(),
    per_second: NonZeroU32::new(10).unwrap(),
};
/// What takes such a provider half a minute.
const SIGNATURES: usize = 300;

/// Has the key asked for more signatures than the limits let through for a long time, and meanwhile
/// has the provider checked and the key retired.
pub(crate) async fn assert_is_well_and_retires(provider: Arc<dyn KeyProvider>, key: &GeneratedKey) {
    let soon = || Deadline::after(Duration::from_secs(5));
    let digest = Digest::from_bytes([7; 64]);
    // What is read of a key before its first signature is not read three hundred times.
    let first = provider.sign(&key.handle_id, &digest, soon());
    first.await.unwrap();
    let mut signatures = JoinSet::new();
    for _ in 0..SIGNATURES {
        let (provider, handle) = (Arc::clone(&provider), key.handle_id.clone());
        signatures.spawn(async move {
            let deadline = Deadline::after(Duration::from_mins(1));
            provider.sign(&handle, &digest, deadline).await
        });
    }
    // The first ones are there, and the rest wait.
    signatures.join_next().await.unwrap().unwrap().unwrap();
    provider.check(soon()).await.unwrap();
    // What is still in the set has not been answered.
    while signatures.try_join_next().is_some() {}
    assert!(signatures.len() > SIGNATURES / 2, "nothing waited");
    provider.retire(&key.handle_id, soon()).await.unwrap();
}
