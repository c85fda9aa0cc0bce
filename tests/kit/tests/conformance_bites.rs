//! The conformance suite is no rubber stamp: a provider with a defect fails the case on it.

#![expect(
    clippy::unwrap_used,
    reason = "a fixture that cannot be made fails the test"
)]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use signer_domain::HandleId;
use signer_domain::ports::KeyProvider;
use signer_kit::conformance::{
    Fixture, Outages, outages, reopening, retiring, run, signing, standing,
};
use signer_kit::testdouble::{Failure, Operation, TestDouble};

/// A double with one injected failure.
struct Defective<const DEFECT: usize>(TestDouble);

const WRONG_SIGNATURE: usize = 0;
const RETIRE_IS_LOST: usize = 1;
const CHECK_FAILS: usize = 2;
const FORGETS_ITS_KEYS: usize = 3;
const SIGNS_IN_AN_OUTAGE: usize = 4;
const SIGNS_LATE: usize = 5;

#[async_trait]
impl<const DEFECT: usize> Fixture for Defective<DEFECT> {
    async fn fresh() -> Self {
        let double = TestDouble::new();
        let slowly = Failure::Delay(Duration::from_secs(3));
        match DEFECT {
            WRONG_SIGNATURE => double.inject_failure(Operation::Sign, Failure::WrongSignature),
            RETIRE_IS_LOST => double.inject_failures(Operation::Retire, Failure::LostReply, 1),
            CHECK_FAILS => double.inject_failure(Operation::Check, Failure::Misconfigured),
            SIGNS_LATE => double.inject_failure(Operation::Sign, slowly),
            _ => {}
        }
        Self(double)
    }

    async fn open(&self) -> Arc<dyn KeyProvider> {
        match DEFECT {
            FORGETS_ITS_KEYS => Arc::new(TestDouble::new()),
            _ => Arc::new(self.0.clone()),
        }
    }

    fn absent_handle(&self) -> HandleId {
        HandleId::parse("testdouble:platform|absent").unwrap()
    }
}

#[async_trait]
impl Outages for Defective<SIGNS_IN_AN_OUTAGE> {
    async fn begin_outage(&self) {}

    async fn end_outage(&self) {}
}

#[test]
#[should_panic(expected = "verify_strict, ring")]
fn a_wrong_signature_fails_it() {
    run::<Defective<WRONG_SIGNATURE>>(signing::signs_what_independent_verifiers_accept);
}

#[test]
#[should_panic(expected = "ProviderUnavailable")]
fn a_lost_retire_fails_it() {
    run::<Defective<RETIRE_IS_LOST>>(retiring::retiring_again_succeeds);
}

#[test]
#[should_panic(expected = "Misconfigured")]
fn a_failing_check_fails_it() {
    run::<Defective<CHECK_FAILS>>(standing::passes_its_own_check);
}

#[test]
#[should_panic(expected = "KeyNotFound")]
fn keys_that_do_not_outlive_the_process_fail_it() {
    run::<Defective<FORGETS_ITS_KEYS>>(reopening::a_reopened_provider_signs_with_the_same_key);
}

#[test]
#[should_panic(expected = "expected KeyProviderError::ProviderUnavailable")]
fn signing_in_an_outage_fails_it() {
    run::<Defective<SIGNS_IN_AN_OUTAGE>>(outages::an_outage_makes_every_call_unavailable);
}

#[test]
#[should_panic(expected = "start.elapsed()")]
fn a_late_answer_fails_it() {
    run::<Defective<SIGNS_LATE>>(standing::an_expired_deadline_is_answered_at_once);
}
