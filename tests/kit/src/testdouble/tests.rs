use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::*;

const DIGEST: Digest = Digest::from_bytes([0x5a; 64]);
const UNAVAILABLE: Failure = Failure::ProviderUnavailable {
    retry_after: Duration::from_secs(3),
    outcome_unknown: true,
};

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(5))
}

async fn generate(double: &TestDouble, key_id: &str) -> Result<HandleId, KeyProviderError> {
    let key_id = KeyId::parse(key_id).unwrap();
    let generated = double.generate(&Scope::Platform, &key_id, soon()).await?;
    Ok(generated.handle_id)
}

async fn accepts(double: &TestDouble, handle: &HandleId, signature: &Signature) -> bool {
    let public_key = double.public_key(handle, soon()).await.unwrap();
    signer_verify::verifier_for(&public_key)
        .unwrap()
        .accepts(&DIGEST, signature)
}

#[tokio::test]
async fn records_the_calls_in_order() {
    let double = TestDouble::new();
    let handle = generate(&double, "k1").await.unwrap();
    let shared = double.clone();
    shared.sign(&handle, &DIGEST, soon()).await.unwrap();
    shared.public_key(&handle, soon()).await.unwrap();
    shared.retire(&handle, soon()).await.unwrap();
    shared.check(soon()).await.unwrap();
    let handle_id = || handle.clone();
    assert_eq!(
        double.calls(),
        [
            Call::Generate {
                scope: Scope::Platform,
                key_id: KeyId::parse("k1").unwrap()
            },
            Call::Sign {
                handle_id: handle_id(),
                digest: DIGEST
            },
            Call::PublicKey {
                handle_id: handle_id()
            },
            Call::Retire {
                handle_id: handle_id()
            },
        ]
    );
}

#[tokio::test]
async fn fails_as_injected_until_cleared() {
    let double = TestDouble::new();
    let handle = generate(&double, "k1").await.unwrap();
    double.inject_failure(Operation::Sign, UNAVAILABLE);
    for _ in 0..3 {
        let refusal = double.sign(&handle, &DIGEST, soon()).await.unwrap_err();
        assert!(matches!(
            refusal,
            KeyProviderError::ProviderUnavailable { retry_after, outcome_unknown: true, .. }
                if retry_after == Duration::from_secs(3)
        ));
    }
    double.public_key(&handle, soon()).await.unwrap();
    double.clear_failure(Operation::Sign);
    double.sign(&handle, &DIGEST, soon()).await.unwrap();
}

#[tokio::test]
async fn fails_the_next_calls_only_when_told_how_many() {
    let double = TestDouble::new();
    let handle = generate(&double, "k1").await.unwrap();
    double.inject_failures(Operation::Sign, Failure::KeyRetired, 2);
    let mut outcomes = Vec::new();
    for _ in 0..4 {
        outcomes.push(double.sign(&handle, &DIGEST, soon()).await.is_ok());
    }
    assert_eq!(outcomes, [false, false, true, true]);
}

#[tokio::test]
async fn clears_everything_at_once() {
    let double = TestDouble::new();
    for operation in Operation::ALL {
        double.inject_failure(operation, Failure::Misconfigured);
    }
    assert!(double.check(soon()).await.is_err());
    double.clear_failures();
    double.check(soon()).await.unwrap();
    generate(&double, "k1").await.unwrap();
}

#[tokio::test]
async fn gives_each_error_of_the_port() {
    let double = TestDouble::new();
    let handle = generate(&double, "k1").await.unwrap();
    let mut shown = Vec::new();
    for failure in [
        Failure::RotationInProgress,
        Failure::KeyNotFound,
        Failure::KeyRetired,
        Failure::Misconfigured,
    ] {
        double.inject_failure(Operation::Sign, failure);
        shown.push(
            double
                .sign(&handle, &DIGEST, soon())
                .await
                .unwrap_err()
                .to_string(),
        );
    }
    assert_eq!(
        shown,
        [
            "rotation in progress",
            "key not found",
            "key retired",
            "key provider misconfigured: failed while following the script of a test"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_delay_is_on_the_clock_of_the_runtime() {
    let double = TestDouble::new();
    let handle = generate(&double, "k1").await.unwrap();
    double.inject_failure(Operation::Sign, Failure::Delay(Duration::from_hours(1)));
    let start = Instant::now();
    let signature = double.sign(&handle, &DIGEST, soon()).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_hours(1));
    assert!(accepts(&double, &handle, &signature).await);
}

#[tokio::test(start_paused = true)]
async fn hangs_for_ever() {
    let double = TestDouble::new();
    double.inject_failure(Operation::Check, Failure::Hang);
    let age = Duration::from_secs(1_000_000);
    timeout(age, double.check(soon())).await.unwrap_err();
}

#[tokio::test]
async fn panics_and_serves_on() {
    let double = TestDouble::new();
    let handle = generate(&double, "sign-panics-once").await.unwrap();
    let (panicking, panicked) = (double.clone(), handle.clone());
    let task = tokio::spawn(async move { panicking.sign(&panicked, &DIGEST, soon()).await });
    assert!(task.await.unwrap_err().is_panic());
    double.sign(&handle, &DIGEST, soon()).await.unwrap();
}

#[tokio::test]
async fn a_wrong_signature_does_not_verify() {
    let double = TestDouble::new();
    let handle = generate(&double, "sign-wrong-once").await.unwrap();
    let [wrong, right] = [
        double.sign(&handle, &DIGEST, soon()).await.unwrap(),
        double.sign(&handle, &DIGEST, soon()).await.unwrap(),
    ];
    assert!(!accepts(&double, &handle, &wrong).await);
    assert!(accepts(&double, &handle, &right).await);
}

#[tokio::test]
async fn a_lost_reply_leaves_the_key_behind() {
    let double = TestDouble::new();
    let refusal = generate(&double, "generate-lost-once").await.unwrap_err();
    assert!(matches!(
        refusal,
        KeyProviderError::ProviderUnavailable {
            outcome_unknown: true,
            ..
        }
    ));
    let key_id = KeyId::parse("generate-lost-once").unwrap();
    let located = double
        .locate(&Scope::Platform, &key_id, soon())
        .await
        .unwrap();
    let again = double
        .generate(&Scope::Platform, &key_id, soon())
        .await
        .unwrap();
    assert_eq!(located, Some(again));
}

#[tokio::test]
async fn an_outage_of_generate_leaves_nothing_behind() {
    let double = TestDouble::new();
    generate(&double, "generate-unavailable").await.unwrap_err();
    let key_id = KeyId::parse("generate-unavailable").unwrap();
    assert_eq!(
        double
            .locate(&Scope::Platform, &key_id, soon())
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn a_key_id_scripts_its_own_operation_only() {
    let double = TestDouble::new();
    let handle = generate(&double, "retire-unavailable").await.unwrap();
    double.sign(&handle, &DIGEST, soon()).await.unwrap();
    assert!(double.retire(&handle, soon()).await.is_err());
    double.sign(&handle, &DIGEST, soon()).await.unwrap();
}
