//! The double keeps the contract of the port that it stands in for.

#![expect(
    clippy::unwrap_used,
    reason = "a fixture that cannot be made fails the test"
)]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use signer_domain::HandleId;
use signer_domain::ports::KeyProvider;
use signer_kit::conformance::{Fixture, Outages};
use signer_kit::testdouble::{Failure, Operation, TestDouble};

signer_kit::conformance_suite!(testdouble, TestDoubleFixture, with outages);

/// The double is its own back end; an outage is scripted.
struct TestDoubleFixture {
    double: TestDouble,
}

#[async_trait]
impl Fixture for TestDoubleFixture {
    async fn fresh() -> Self {
        Self {
            double: TestDouble::new(),
        }
    }

    async fn open(&self) -> Arc<dyn KeyProvider> {
        Arc::new(self.double.clone())
    }

    fn absent_handle(&self) -> HandleId {
        HandleId::parse("testdouble:platform|never-generated").unwrap()
    }
}

#[async_trait]
impl Outages for TestDoubleFixture {
    async fn begin_outage(&self) {
        for operation in Operation::ALL {
            let outage = Failure::ProviderUnavailable {
                retry_after: Duration::from_secs(1),
                outcome_unknown: false,
            };
            self.double.inject_failure(operation, outage);
        }
    }

    async fn end_outage(&self) {
        self.double.clear_failures();
    }
}
