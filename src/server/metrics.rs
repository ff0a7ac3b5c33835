//! Metrics in the text format of Prometheus.

use super::log;
use crate::base::names::metric;
use crate::policy::WaiverKind;
use crate::proxy::{Connections, Live, Worker};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What the metrics are read from.
pub struct Gauges {
    /// All workers.
    pub workers: Vec<Arc<Worker>>,
    /// The count of open connections.
    pub connections: Arc<Connections>,
    /// Whether the last reload was taken.
    pub reload_successful: AtomicBool,
}

impl Gauges {
    /// The page that `/metrics` answers.
    pub fn render(&self, live: &Live) -> String {
        let mut out = String::new();
        family(&mut out, metric::REQUESTS, "counter", "Requests by source, verdict and reason.");
        for ((source, verdict, reason), count) in self.requests() {
            let _ = writeln!(
                out,
                "{}{{source=\"{source}\",verdict=\"{verdict}\",reason=\"{reason}\"}} {count}",
                metric::REQUESTS
            );
        }
        let held = self.workers.first().map_or(0, |worker| worker.budget.held());
        let not_taken: u64 = self.workers.iter().map(|worker| worker.recorder.dropped()).sum();
        let dropped = not_taken + log::dropped();
        let reloaded = u64::from(self.reload_successful.load(Ordering::Relaxed));
        let open = self.connections.open() as u64;
        let refused = self.connections.refused() as u64;
        single(&mut out, metric::CONNECTIONS, "gauge", "Open connections.", open);
        single(&mut out, metric::CONNECTIONS_REFUSED, "counter", "Connections over the limit.", refused);
        single(&mut out, metric::HELD_BYTES, "gauge", "Bytes of request bodies held.", held);
        single(&mut out, metric::LOG_LINES_DROPPED, "counter", "Log lines not written.", dropped);
        single(&mut out, metric::RELOAD_SUCCESSFUL, "gauge", "1 when the last reload was taken.", reloaded);
        family(&mut out, metric::WAIVERS, "gauge", "Sources that forward without proof.");
        for source in &live.policy.sources {
            if let Some(waiver) = source.check.waiver() {
                let kind = match waiver.kind() {
                    WaiverKind::None => "none",
                    WaiverKind::Report => "report",
                };
                let _ = writeln!(out, "{}{{source=\"{}\",kind=\"{kind}\"}} 1", metric::WAIVERS, source.name);
            }
        }
        family(&mut out, metric::BUILD_INFO, "gauge", "The version that runs.");
        let _ = writeln!(out, "{}{{version=\"{}\"}} 1", metric::BUILD_INFO, env!("CARGO_PKG_VERSION"));
        out
    }

    fn requests(&self) -> BTreeMap<(String, &'static str, &'static str), u64> {
        let mut sums = BTreeMap::new();
        for worker in &self.workers {
            for ((source, verdict, reason), count) in worker.recorder.counts() {
                let source = source.map_or(String::new(), |name| name.to_string());
                *sums.entry((source, verdict.code(), reason.code())).or_default() += count;
            }
        }
        sums
    }
}

fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn single(out: &mut String, name: &str, kind: &str, help: &str, value: u64) {
    family(out, name, kind, help);
    let _ = writeln!(out, "{name} {value}");
}
