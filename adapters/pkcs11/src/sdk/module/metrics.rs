//! What is measured of a module.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::gauge::ConstGauge;

use super::Pkcs11Module;

/// Shows the number that the module counts anyway, for its finalisation depends on it.
#[derive(Debug)]
pub(super) struct HungCalls(pub(super) Arc<Pkcs11Module>);

impl Collector for HungCalls {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let calls = i64::try_from(self.0.hung_calls()).unwrap_or(i64::MAX);
        let gauge = ConstGauge::new(calls);
        let metric = encoder.encode_descriptor(
            "plexsphere_signer_pkcs11_hung_calls",
            "Calls into the PKCS#11 module that do not return; each has its thread",
            None,
            gauge.metric_type(),
        )?;
        gauge.encode(metric)
    }
}
