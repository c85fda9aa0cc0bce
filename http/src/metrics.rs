//! What is measured about requests.
//!
//! Labels name the operation and the outcome, never a handle or a user: those would disclose who
//! signs with what, and grow without bound.

use std::sync::Arc;
use std::time::Instant;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::op::Op;

/// The bounds of the histogram in seconds: from a signature in memory to the longest deadline.
const BUCKETS: [f64; 14] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0,
];

/// The outcome of a request that was done.
pub(crate) const OK: &str = "ok";
/// The outcome of a probe that found something wrong.
pub(crate) const FAILING: &str = "failing";
/// The outcome of a request whose caller left before the answer.
const CLIENT_GONE: &str = "client_gone";

type Requests = Family<[(&'static str, &'static str); 2], Counter>;
type Durations = Family<[(&'static str, &'static str); 1], Histogram, Bounds>;

/// What is measured about requests: how many, how long, and how many at this moment.
#[derive(Debug, Clone)]
pub struct HttpMetrics {
    requests: Requests,
    in_flight: Gauge,
    connections: Gauge,
    connections_refused: Counter,
    memory_held: Gauge,
    /// What nearly every request touches, looked up once, in the order of [`Op::ALL`].
    frequent: Arc<[Frequent]>,
}

#[derive(Debug)]
struct Frequent {
    op: Op,
    succeeded: Counter,
    duration: Histogram,
}

/// What `/metrics` serves and what the server itself adds to it.
#[derive(Debug, Clone)]
pub struct Telemetry {
    /// The metrics of the server.
    pub http: HttpMetrics,
    /// The registry that holds them, and those of everybody else.
    pub registry: Arc<Registry>,
}

#[derive(Debug, Clone)]
struct Bounds;

impl MetricConstructor<Histogram> for Bounds {
    fn new_metric(&self) -> Histogram {
        Histogram::new(BUCKETS)
    }
}

impl HttpMetrics {
    /// Adds the metrics to `registry`, which must not have a prefix: their names are complete.
    pub fn register(registry: &mut Registry) -> Self {
        let requests = Requests::default();
        let durations = Durations::new_with_constructor(Bounds);
        let in_flight = Gauge::default();
        registry.register(
            "plexsphere_signer_http_requests",
            "Requests by operation and outcome",
            requests.clone(),
        );
        registry.register_with_unit(
            "plexsphere_signer_http_request_duration",
            "Time from the head of a request to its answer",
            Unit::Seconds,
            durations.clone(),
        );
        registry.register(
            "plexsphere_signer_http_requests_in_flight",
            "Requests that are not answered yet",
            in_flight.clone(),
        );
        let connections = Gauge::default();
        let connections_refused = Counter::default();
        let memory_held = Gauge::default();
        registry.register(
            "plexsphere_signer_http_connections",
            "Connections to the socket",
            connections.clone(),
        );
        registry.register(
            "plexsphere_signer_http_connections_refused",
            "Connections to the socket that were closed because there was no room for them",
            connections_refused.clone(),
        );
        registry.register_with_unit(
            "plexsphere_signer_http_memory_held",
            "Memory reserved for large heads, bodies and answers, of the memory budget",
            Unit::Bytes,
            memory_held.clone(),
        );
        registry.register(
            "plexsphere_signer_build",
            "The build that is running",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        let frequent = Op::ALL.map(|op| Frequent {
            op,
            succeeded: requests.get_or_create_owned(&labels(op, OK)),
            duration: durations.get_or_create_owned(&[("op", op.as_str())]),
        });
        Self {
            requests,
            in_flight,
            connections,
            connections_refused,
            memory_held,
            frequent: Arc::new(frequent),
        }
    }

    pub(crate) fn connections(&self) -> Gauge {
        self.connections.clone()
    }

    pub(crate) fn connections_refused(&self) -> Counter {
        self.connections_refused.clone()
    }

    pub(crate) fn memory_held(&self) -> Gauge {
        self.memory_held.clone()
    }

    /// Starts to measure one request.
    pub(crate) fn start(&self, op: Op, started: Instant) -> Measurement<'_> {
        self.in_flight.inc();
        Measurement {
            metrics: self,
            op,
            started,
            outcome: CLIENT_GONE,
        }
    }

    fn record(&self, op: Op, outcome: &'static str, started: Instant) {
        self.in_flight.dec();
        let Some(frequent) = self.frequent.iter().find(|frequent| frequent.op == op) else {
            return;
        };
        frequent.duration.observe(started.elapsed().as_secs_f64());
        if outcome == OK {
            frequent.succeeded.inc();
        } else {
            self.requests.get_or_create(&labels(op, outcome)).inc();
        }
    }
}

const fn labels(op: Op, outcome: &'static str) -> [(&'static str, &'static str); 2] {
    [("op", op.as_str()), ("outcome", outcome)]
}

/// One request under way. It is recorded when this value goes, also when the caller left or a
/// handler panicked.
#[derive(Debug)]
pub(crate) struct Measurement<'m> {
    metrics: &'m HttpMetrics,
    op: Op,
    started: Instant,
    outcome: &'static str,
}

impl Measurement<'_> {
    pub(crate) const fn set_outcome(&mut self, outcome: &'static str) {
        self.outcome = outcome;
    }
}

impl Drop for Measurement<'_> {
    fn drop(&mut self) {
        self.metrics.record(self.op, self.outcome, self.started);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_operation_and_outcome() {
        let mut registry = Registry::default();
        let metrics = HttpMetrics::register(&mut registry);
        metrics.start(Op::Sign, Instant::now()).set_outcome(OK);
        metrics
            .start(Op::Sign, Instant::now())
            .set_outcome("denied");
        drop(metrics.start(Op::List, Instant::now()));
        let _under_way = metrics.start(Op::Livez, Instant::now());
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            r#"plexsphere_signer_http_requests_total{op="sign",outcome="ok"} 1"#,
            r#"plexsphere_signer_http_requests_total{op="sign",outcome="denied"} 1"#,
            r#"plexsphere_signer_http_requests_total{op="list",outcome="client_gone"} 1"#,
            r#"plexsphere_signer_http_requests_total{op="show",outcome="ok"} 0"#,
            r#"plexsphere_signer_http_request_duration_seconds_count{op="sign"} 2"#,
            "plexsphere_signer_http_requests_in_flight 1",
            concat!(
                "plexsphere_signer_build_info{version=\"",
                env!("CARGO_PKG_VERSION"),
                "\"} 1"
            ),
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
