//! Samples in the Prometheus text format.
//! A metric's samples stand together whatever the order in which they come, as the format asks.
use std::{collections::HashMap, fmt::Write as _};

use axum::{
    http::header,
    response::{IntoResponse, Response},
};

use crate::metrics::Durations;

/// Samples, grouped by metric.
#[derive(Default)]
pub(super) struct Lines {
    order: Vec<&'static str>,
    groups: HashMap<&'static str, String>,
}

// === impl Lines ===

impl Lines {
    pub(super) fn add(&mut self, metric: &'static str, kind: &str, labels: &str, value: String) {
        let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        let _ = writeln!(self.group(metric, kind), "{metric}{labels} {value}");
    }

    /// A histogram in seconds.
    pub(super) fn histogram(&mut self, metric: &'static str, durations: &Durations) {
        let group = self.group(metric, "histogram");
        // Read before the counts, which may grow meanwhile: a mean that is too small by one, never one of nothing.
        let milliseconds = durations.total_milliseconds();
        let mut all = 0;
        for (bound, count) in durations.up_to() {
            let _ = writeln!(group, "{metric}_bucket{{le=\"{bound}\"}} {count}");
            all = count;
        }
        let _ = writeln!(group, "{metric}_sum {}.{:03}", milliseconds / 1000, milliseconds % 1000);
        let _ = writeln!(group, "{metric}_count {all}");
    }

    pub(super) fn text(&self) -> String {
        self.order.iter().filter_map(|metric| self.groups.get(metric)).map(String::as_str).collect()
    }

    fn group(&mut self, metric: &'static str, kind: &str) -> &mut String {
        self.groups.entry(metric).or_insert_with(|| {
            self.order.push(metric);
            format!("# TYPE {metric} {kind}\n")
        })
    }
}

impl IntoResponse for Lines {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], self.text()).into_response()
    }
}

/// Nanoseconds, as Prometheus wants them.
pub(super) fn seconds(nanoseconds: u64) -> String {
    format!("{}.{:09}", nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn samples_of_a_metric_stand_together() {
        let mut lines = Lines::default();
        for (metric, value) in [("a", 1), ("b", 2), ("a", 3)] {
            lines.add(metric, "gauge", "", value.to_string());
        }
        assert_eq!(lines.text(), "# TYPE a gauge\na 1\na 3\n# TYPE b gauge\nb 2\n");
    }

    #[test]
    fn a_histogram_counts_up_to_each_bound_and_ends_with_sum_and_count() {
        let durations = Durations::default();
        durations.add(Duration::from_millis(900));
        durations.add(Duration::from_millis(20_050));
        let mut lines = Lines::default();
        lines.histogram("wait_seconds", &durations);
        let text = lines.text();
        let told: Vec<&str> = text.lines().collect();
        assert_eq!(
            told[..3],
            ["# TYPE wait_seconds histogram", "wait_seconds_bucket{le=\"0.5\"} 0", "wait_seconds_bucket{le=\"1\"} 1"]
        );
        let last = ["wait_seconds_bucket{le=\"+Inf\"} 2", "wait_seconds_sum 20.950", "wait_seconds_count 2"];
        assert_eq!(told[told.len() - 3..], last);
    }
}
