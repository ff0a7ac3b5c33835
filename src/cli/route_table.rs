//! The routes of a policy, as people read them and as JSON rows.

use crate::config::Loaded;
use crate::policy::{Check, Policy, Source, WaiverKind};
use crate::verify::{Covers, Remember, Verifier};
use serde_json::{Value, json};

/// One route: who may send what, how it is proved, where it goes.
#[derive(Debug)]
pub struct Row<'p> {
    /// The name of the source.
    pub source: &'p str,
    host: Option<&'p str>,
    provider: Option<&'p str>,
    upstream: String,
    rules: &'p Source,
}

/// The routes in the order in which they are tried.
pub fn rows(loaded: &Loaded) -> Vec<Row<'_>> {
    let policy = &loaded.configuration.policy;
    let routes = policy.routes.list();
    routes.into_iter().filter_map(|(host, index)| row(loaded, policy, host, index)).collect()
}

fn row<'p>(loaded: &'p Loaded, policy: &'p Policy, host: Option<&'p str>, index: usize) -> Option<Row<'p>> {
    let rules = policy.sources.get(index)?;
    let address = policy.upstreams.get(rules.upstream)?;
    let path = rules.upstream_path.as_ref().map_or(String::new(), |path| format!(" {}", path.as_str()));
    let upstream = format!("{address}{path}");
    Some(Row { source: &rules.name, host, provider: loaded.provider(&rules.name), upstream, rules })
}

impl Row<'_> {
    fn verifier(&self) -> Option<&Verifier> {
        self.rules.check.verifier()
    }

    fn waiver(&self) -> Option<WaiverKind> {
        self.rules.check.waiver().map(|waiver| waiver.kind())
    }

    /// `enforce`, `report` or `none`.
    fn mode(&self) -> &'static str {
        match self.rules.check {
            Check::Enforce(_) => "enforce",
            Check::Report(..) => "report",
            Check::Nothing(_) => "none",
        }
    }

    fn covers(&self) -> &'static str {
        match self.verifier().map(Verifier::covers) {
            Some(Covers::Body) => "body",
            Some(Covers::Part) => "part",
            Some(Covers::Origin) => "origin",
            None => "nothing",
        }
    }

    /// What the waiver of this source lets through.
    pub fn waiver_words(&self) -> Option<&'static str> {
        self.waiver().map(|kind| match kind {
            WaiverKind::None => "forwards UNVERIFIED requests (scheme = \"none\")",
            WaiverKind::Report => "forwards requests that are NOT PROVED too (mode = \"report\")",
        })
    }

    /// The row as JSON. `tolerance` and `window` are seconds, `max_body` bytes.
    pub fn json(&self) -> Value {
        let verifier = self.verifier();
        let timestamp = verifier.and_then(Verifier::tolerance);
        let waiver = self.waiver().map(|kind| match kind {
            WaiverKind::None => "none",
            WaiverKind::Report => "report",
        });
        json!({
            "host": self.host,
            "path": self.rules.path.as_str(),
            "methods": self.rules.methods.iter().map(http::Method::as_str).collect::<Vec<_>>(),
            "source": self.source,
            "provider": self.provider,
            "scheme": self.rules.scheme_name(),
            "covers": self.covers(),
            "timestamp": timestamp.map(|(seconds, signed)| json!({ "tolerance": seconds, "signed": signed })),
            "event_id": verifier.and_then(Verifier::event_id).map(signed_word),
            "replay": self.rules.replay.map(|rule| json!({ "by": known_by(rule.by), "window": rule.window })),
            "upstream": self.upstream,
            "max_body": self.rules.max_body,
            "mode": self.mode(),
            "waiver": waiver,
        })
    }

    fn cells(&self) -> [String; 10] {
        let verifier = self.verifier();
        let unsigned = |signed: bool| if signed { "" } else { " unsigned" };
        let timestamp = verifier.and_then(Verifier::tolerance);
        let methods: Vec<_> = self.rules.methods.iter().map(http::Method::as_str).collect();
        [
            self.host.unwrap_or("*").to_owned(),
            self.rules.path.as_str().to_owned(),
            methods.join(","),
            self.source.to_owned(),
            self.proof(),
            self.covers().to_owned(),
            timestamp.map_or("-".to_owned(), |(seconds, signed)| format!("{seconds}s{}", unsigned(signed))),
            verifier.and_then(Verifier::event_id).map_or("-", signed_word).to_owned(),
            self.rules.replay.map_or("off", |rule| known_by(rule.by)).to_owned(),
            self.upstream.clone(),
        ]
    }

    fn proof(&self) -> String {
        let scheme = self.rules.scheme_name();
        let proof = match self.provider {
            Some(provider) => format!("{scheme} {provider}"),
            None => scheme.to_owned(),
        };
        match self.waiver() {
            Some(WaiverKind::None) => "UNVERIFIED".to_owned(),
            Some(WaiverKind::Report) => format!("{proof} REPORT ONLY"),
            None => proof,
        }
    }
}

fn signed_word(signed: bool) -> &'static str {
    if signed { "signed" } else { "unsigned" }
}

/// What a delivery is remembered by.
fn known_by(by: Remember) -> &'static str {
    match by {
        Remember::Nothing => "off",
        Remember::Event => "event",
        Remember::UnsignedEvent => "unsigned_id",
        Remember::Message => "message",
    }
}

const TITLES: [&str; 10] =
    ["HOST", "PATH", "METHODS", "SOURCE", "PROOF", "COVERS", "TIMESTAMP", "EVENT ID", "REPLAY", "UPSTREAM"];

/// The routes in columns.
pub fn table(rows: &[Row<'_>]) -> String {
    super::table::table(TITLES, rows.iter().map(Row::cells))
}
