//! Metrics in the text format of Prometheus.

use super::log;
use crate::base::names::metric;
use crate::base::time::UnixTime;
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
        self.keys(&mut out, live);
        self.replay(&mut out);
        family(&mut out, metric::BUILD_INFO, "gauge", "The version that runs.");
        let _ = writeln!(out, "{}{{version=\"{}\"}} 1", metric::BUILD_INFO, env!("CARGO_PKG_VERSION"));
        out
    }

    /// The time by the clock of the workers.
    pub fn now(&self) -> UnixTime {
        self.workers.first().map_or(UnixTime(0), |worker| worker.clock.now())
    }

    /// What the key caches of the sources have, and how often they were asked.
    fn keys(&self, out: &mut String, live: &Live) {
        let now = self.now();
        let caches: Vec<_> = live.keys.iter().flatten().collect();
        family(out, metric::KEY_LOOKUPS, "counter", "Keys looked for, by what was found.");
        for cache in &caches {
            let counts = cache.counts();
            let rows = [
                ("hit", counts.hits.saturating_sub(counts.stale)),
                ("stale", counts.stale),
                ("miss", counts.misses.saturating_sub(counts.negatives + counts.throttled)),
                ("negative", counts.negatives),
                ("throttled", counts.throttled),
            ];
            for (result, count) in rows {
                let source = &cache.source().name;
                let _ = writeln!(
                    out,
                    "{}{{source=\"{source}\",result=\"{result}\"}} {count}",
                    metric::KEY_LOOKUPS
                );
            }
        }
        family(out, metric::KEY_FETCHES, "counter", "Answers of key servers, by outcome.");
        for cache in &caches {
            let counts = cache.counts();
            for (outcome, count) in [("ok", counts.fetches)].into_iter().chain(counts.failures()) {
                let source = &cache.source().name;
                let _ = writeln!(
                    out,
                    "{}{{source=\"{source}\",outcome=\"{outcome}\"}} {count}",
                    metric::KEY_FETCHES
                );
            }
        }
        let held: Vec<_> = caches.iter().map(|cache| (&cache.source().name, cache.list(now))).collect();
        family(out, metric::KEYS, "gauge", "Keys at hand.");
        for (source, keys) in &held {
            let _ = writeln!(out, "{}{{source=\"{source}\"}} {}", metric::KEYS, keys.len());
        }
        family(out, metric::KEY_AGE, "gauge", "Seconds since the oldest key at hand was fetched.");
        for (source, keys) in &held {
            let oldest = keys.iter().map(|key| key.age).max().unwrap_or(0);
            let _ = writeln!(out, "{}{{source=\"{source}\"}} {oldest}", metric::KEY_AGE);
        }
    }

    /// What the replay guard remembers, and what became of the deliveries that it saw.
    fn replay(&self, out: &mut String) {
        let Some(memory) = self.workers.first().map(|worker| &worker.replay) else { return };
        let counts = memory.counts();
        single(
            out,
            metric::REPLAY_ENTRIES,
            "gauge",
            "Deliveries that are remembered.",
            memory.entries() as u64,
        );
        let replies = memory.reply_bytes() as u64;
        single(out, metric::REPLAY_REPLY_BYTES, "gauge", "Bytes of replies that are remembered.", replies);
        family(out, metric::REPLAY_OUTCOMES, "counter", "Deliveries that the replay guard saw, by outcome.");
        let rows = [
            ("reserved", counts.reserved),
            ("delivered", counts.kept),
            ("released", counts.released),
            ("duplicate", counts.duplicates),
            ("waited", counts.waits),
            ("conflict", counts.conflicts),
            ("full", counts.full),
            ("taken_over", counts.taken_over),
        ];
        for (outcome, count) in rows {
            let _ = writeln!(out, "{}{{outcome=\"{outcome}\"}} {count}", metric::REPLAY_OUTCOMES);
        }
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
