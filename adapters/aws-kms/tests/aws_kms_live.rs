//! AWS itself. Ignored, because it takes credentials and makes a key that costs money for a week:
//!
//! ```text
//! AWS_REGION=eu-central-1 cargo test -p signer-aws-kms --features sdk \
//!     --test aws_kms_live -- --ignored
//! ```

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::{Duration, SystemTime};

use signer_aws_kms::{AwsKmsMemory, AwsKmsProvider, AwsKmsSettings};
use signer_cloud::CloudLimits;
use signer_domain::ports::{KeyProvider as _, KeyProviderError};
use signer_domain::{Deadline, Digest, KeyId, Scope};
use signer_verify::verifier_for;

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(30))
}

async fn provider() -> AwsKmsProvider {
    let region = AwsKmsProvider::default_region(None).await.unwrap();
    let settings = AwsKmsSettings {
        region: region.parse().unwrap(),
        endpoint: None,
        profile: None,
        alias_prefix: "plexsphere-signer".parse().unwrap(),
        deletion: "7".parse().ok(),
        limits: CloudLimits {
            max_in_flight: NonZeroUsize::new(8).unwrap(),
            per_second: NonZeroU32::new(20).unwrap(),
        },
    };
    AwsKmsProvider::connect(settings, AwsKmsMemory::new()).await
}

#[tokio::test]
#[ignore = "takes credentials of AWS, and makes a key"]
async fn a_key_is_made_once_signs_as_the_contract_says_and_retires() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let key_id = KeyId::parse(&format!("live-test-{}", now.unwrap().as_secs())).unwrap();
    let (first, second) = (provider().await, provider().await);
    first.check(soon()).await.unwrap();
    let key = first
        .generate(&Scope::Platform, &key_id, soon())
        .await
        .unwrap();
    let outcome = async {
        let again = second.generate(&Scope::Platform, &key_id, soon()).await?;
        let located = second.locate(&Scope::Platform, &key_id, soon()).await?;
        let digest = Digest::from_bytes([7; 64]);
        let signature = second.sign(&key.handle_id, &digest, soon()).await?;
        let public_key = second.public_key(&key.handle_id, soon()).await?;
        Ok::<_, KeyProviderError>((again, located, signature, public_key))
    }
    .await;
    // Before anything can fail: the key costs money.
    first.retire(&key.handle_id, soon()).await.unwrap();
    first.retire(&key.handle_id, soon()).await.unwrap();
    let (again, located, signature, public_key) = outcome.unwrap();
    assert_eq!((&again, located.as_ref()), (&key, Some(&key)));
    assert_eq!(public_key, key.public_key);
    let verifier = verifier_for(&key.public_key).unwrap();
    assert!(verifier.accepts(&Digest::from_bytes([7; 64]), &signature));
    let refused = first.generate(&Scope::Platform, &key_id, soon()).await;
    assert!(matches!(refused, Err(KeyProviderError::KeyRetired)));
}
