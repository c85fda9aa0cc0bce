//! Puts the metrics into words.

use std::fmt::{self, Write as _};

use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

use crate::accept::MetricsForm;

/// Writes all metrics in the given form.
///
/// # Errors
/// When a metric cannot be written.
pub(crate) fn expose(registry: &Registry, form: MetricsForm) -> Result<String, fmt::Error> {
    let mut exposition = String::new();
    text::encode(&mut exposition, registry)?;
    match form {
        MetricsForm::OpenMetrics => Ok(exposition),
        MetricsForm::Plain => plain(&exposition),
    }
}

/// Rewrites `OpenMetrics` text as Prometheus text 0.0.4. The samples are the same. That format has
/// neither units nor an end, fewer types, and names a family as its samples are named.
fn plain(openmetrics: &str) -> Result<String, fmt::Error> {
    let mut plain = String::with_capacity(openmetrics.len());
    let mut help = "";
    for line in openmetrics.lines() {
        if let Some(described) = line.strip_prefix("# HELP ") {
            help = described.split_once(' ').map_or("", |(_name, help)| help);
        } else if let Some(typed) = line.strip_prefix("# TYPE ") {
            let (name, kind) = typed.split_once(' ').unwrap_or((typed, "unknown"));
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                other => ("", other),
            };
            writeln!(plain, "# HELP {name}{suffix} {help}")?;
            writeln!(plain, "# TYPE {name}{suffix} {kind}")?;
        } else if !line.starts_with('#') {
            writeln!(plain, "{line}")?;
        }
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::gauge::Gauge;
    use prometheus_client::metrics::histogram::Histogram;
    use prometheus_client::metrics::info::Info;
    use prometheus_client::registry::Unit;

    use super::*;

    fn registry() -> Registry {
        let mut registry = Registry::default();
        registry.register("signatures", "Signatures made", Counter::<u64>::default());
        registry.register("build", "The build", Info::new([("version", "1 # 2")]));
        registry.register("queue", "Waiting", Gauge::<i64>::default());
        let histogram = Histogram::new([0.5]);
        registry.register_with_unit("wait", "Time waited", Unit::Seconds, histogram);
        registry
    }

    #[test]
    fn plain_text_names_and_types_families_as_prometheus_does() {
        let expected = r#"# HELP signatures_total Signatures made.
# TYPE signatures_total counter
signatures_total 0
# HELP build_info The build.
# TYPE build_info gauge
build_info{version="1 # 2"} 1
# HELP queue Waiting.
# TYPE queue gauge
queue 0
# HELP wait_seconds Time waited.
# TYPE wait_seconds histogram
wait_seconds_sum 0.0
wait_seconds_count 0
wait_seconds_bucket{le="0.5"} 0
wait_seconds_bucket{le="+Inf"} 0
"#;
        let plain = expose(&registry(), MetricsForm::Plain).unwrap();
        assert_eq!(plain, expected);
    }

    #[test]
    fn openmetrics_has_units_and_an_end() {
        let text = expose(&registry(), MetricsForm::OpenMetrics).unwrap();
        assert!(text.contains("# TYPE signatures counter\n"), "{text}");
        assert!(text.contains("# UNIT wait_seconds seconds\n"), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
}
