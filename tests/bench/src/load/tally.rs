//! What a run counted, and what it reports.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::connection::Answer;
use crate::stats::{Latencies, float, micros};

/// One answer in this many is kept and verified after the run.
const SAMPLE_EVERY: usize = 61;

/// No more answers than this are kept.
const SAMPLES: usize = 64;

/// A kept answer.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) request: usize,
    pub(super) body: Vec<u8>,
}

#[derive(Debug, Default)]
pub(super) struct Tally {
    latencies: Vec<Duration>,
    errors: usize,
    first_error: Option<String>,
    pub(super) samples: Vec<Sample>,
}

impl Tally {
    pub(super) fn count(&mut self, answer: &Answer<'_>) {
        if answer.status != 200 {
            let body = String::from_utf8_lossy(answer.body);
            return self.fail(&format!("{}: {body}", answer.status));
        }
        if self.latencies.len().is_multiple_of(SAMPLE_EVERY) && self.samples.len() < SAMPLES {
            self.samples.push(Sample {
                request: answer.request,
                body: answer.body.to_vec(),
            });
        }
        self.latencies.push(answer.latency);
    }

    pub(super) fn fail(&mut self, cause: &str) {
        self.errors += 1;
        if self.first_error.is_none() {
            self.first_error = Some(cause.to_owned());
        }
    }

    pub(super) fn report(
        self,
        connections: usize,
        signatures_per_request: usize,
        costs: &Costs,
        proven: usize,
    ) -> LoadReport {
        let requests = self.latencies.len();
        let signatures = requests * signatures_per_request;
        let seconds = costs.wall.as_secs_f64();
        let latencies = Latencies::new(self.latencies);
        LoadReport {
            connections,
            seconds,
            requests,
            requests_per_second: float(requests) / seconds,
            signatures_per_second: float(signatures) / seconds,
            p50_us: latencies.at(500),
            p90_us: latencies.at(900),
            p99_us: latencies.at(990),
            max_us: latencies.max(),
            server_cpu_us_per_signature: costs
                .server_cpu
                .map(|cpu| micros(cpu) / float(signatures)),
            client_cpu_us_per_request: micros(costs.client_cpu) / float(requests),
            errors: self.errors,
            first_error: self.first_error,
            signatures_proven: proven,
        }
    }
}

/// What the run cost.
#[derive(Debug)]
pub(super) struct Costs {
    pub(super) wall: Duration,
    pub(super) client_cpu: Duration,
    pub(super) server_cpu: Option<Duration>,
}

/// What a run found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LoadReport {
    pub(crate) connections: usize,
    pub(crate) seconds: f64,
    pub(crate) requests: usize,
    pub(crate) requests_per_second: f64,
    pub(crate) signatures_per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p90_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) max_us: f64,
    pub(crate) server_cpu_us_per_signature: Option<f64>,
    pub(crate) client_cpu_us_per_request: f64,
    pub(crate) errors: usize,
    pub(crate) first_error: Option<String>,
    pub(crate) signatures_proven: usize,
}
