//! Medians, percentiles and ratios.

use std::time::Duration;

/// A count as a number to divide by.
pub(crate) fn float(count: usize) -> f64 {
    #[expect(
        clippy::as_conversions,
        clippy::cast_precision_loss,
        reason = "counts stay far below 2^52"
    )]
    let number = count as f64;
    number
}

/// The span in microseconds.
pub(crate) fn micros(span: Duration) -> f64 {
    span.as_secs_f64() * 1e6
}

/// The median; zero of nothing.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.get(sorted.len() / 2).copied();
    let lower = sorted.get(sorted.len().saturating_sub(1) / 2).copied();
    upper.zip(lower).map_or(0.0, |(a, b)| f64::midpoint(a, b))
}

/// Latencies in ascending order.
#[derive(Debug)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn new(mut spans: Vec<Duration>) -> Self {
        spans.sort_unstable();
        Self(spans)
    }

    /// The latency that `per_mille` of 1000 requests do not exceed, in microseconds.
    pub(crate) fn at(&self, per_mille: usize) -> f64 {
        let rank = (self.0.len() * per_mille).div_ceil(1000).max(1) - 1;
        self.0.get(rank).copied().map_or(0.0, micros)
    }

    /// The longest, in microseconds.
    pub(crate) fn max(&self) -> f64 {
        self.0.last().copied().map_or(0.0, micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        assert!((median([4.0, 1.0, 3.0, 2.0]) - 2.5).abs() < f64::EPSILON);
        assert!((median([9.0, 1.0, 3.0]) - 3.0).abs() < f64::EPSILON);
        assert!(median([]).abs() < f64::EPSILON);
    }

    #[test]
    fn percentiles_name_a_measured_latency() {
        let spans = (1..=200).rev().map(Duration::from_micros).collect();
        let latencies = Latencies::new(spans);
        assert!((latencies.at(500) - 100.0).abs() < 1e-6);
        assert!((latencies.at(990) - 198.0).abs() < 1e-6);
        assert!((latencies.max() - 200.0).abs() < 1e-6);
    }
}
