//! A source and the policy that holds all of them.

use super::address::UpstreamAddress;
use super::answers::Answers;
use super::key_source::KeySource;
use super::pattern::{PathPattern, PathTemplate};
use super::permit::{Waiver, WaiverKind};
use super::replay::ReplayRule;
use super::routes::Routes;
use crate::base::limits::{Limits, Timeouts};
use crate::scheme::Handshake;
use crate::verify::Verifier;
use http::{HeaderName, HeaderValue, Method};
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;

/// Everything that decides over requests; replaced as a whole on reload.
#[derive(Debug)]
pub struct Policy {
    /// The sources; routes refer to them by position.
    pub sources: Vec<Source>,
    /// From host and path to a source.
    pub routes: Routes,
    /// The upstreams; sources refer to them by position.
    pub upstreams: Vec<UpstreamAddress>,
    /// Peers whose `X-Forwarded-*`, `X-Request-Id` and `traceparent` count.
    pub trusted_proxies: Vec<IpNet>,
    /// Sizes and counts.
    pub limits: Limits,
    /// How long each phase may take.
    pub timeouts: Timeouts,
    /// Most deliveries that are remembered by all sources together.
    pub replay_entries: usize,
}

/// A configured sender.
#[derive(Debug)]
pub struct Source {
    /// Its name in the policy file, logs and metrics.
    pub name: Arc<str>,
    /// Position of its upstream in [`Policy::upstreams`].
    pub upstream: usize,
    /// Which paths it takes.
    pub path: PathPattern,
    /// The path for the upstream, where it differs.
    pub upstream_path: Option<PathTemplate>,
    /// Methods it takes; never empty.
    pub methods: Vec<Method>,
    /// What is checked.
    pub check: Check,
    /// Where its keys are fetched, if they are.
    pub key_source: Option<Arc<KeySource>>,
    /// What it remembers of what was delivered; nothing: what comes again is forwarded again.
    pub replay: Option<ReplayRule>,
    /// What it answers by itself.
    pub handshakes: Vec<Handshake>,
    /// What its sender is told instead of some of our answers.
    pub answers: Option<Arc<Answers>>,
    /// Largest body, bytes.
    pub max_body: u64,
    /// Client addresses that may send; empty means any.
    pub allow_from: Vec<IpNet>,
    /// Fields removed before forwarding, credentials of the scheme included.
    pub strip: Vec<HeaderName>,
    /// Constant fields added for the upstream.
    pub set_headers: Vec<(HeaderName, HeaderValue)>,
    /// `Allow` of a 405 answer.
    pub allow: HeaderValue,
    /// `Bonafide-Source`.
    pub name_value: HeaderValue,
}

/// What a source checks, and the waivers that only the policy file can issue.
#[derive(Debug)]
pub enum Check {
    /// Only verified requests pass.
    Enforce(Verifier),
    /// Checked and passed on whatever the verdict (`mode = "report"`).
    Report(Verifier, Waiver),
    /// Nothing is checked (`scheme = "none"`).
    Nothing(Waiver),
}

impl Check {
    /// `mode = "report"`.
    pub fn report(verifier: Verifier) -> Check {
        Check::Report(verifier, Waiver::new(WaiverKind::Report))
    }

    /// `scheme = "none"`.
    pub fn nothing() -> Check {
        Check::Nothing(Waiver::new(WaiverKind::None))
    }

    /// The verifier, unless nothing is checked.
    pub fn verifier(&self) -> Option<&Verifier> {
        match self {
            Check::Enforce(verifier) | Check::Report(verifier, _) => Some(verifier),
            Check::Nothing(_) => None,
        }
    }

    /// The waiver, unless only verified requests pass.
    pub fn waiver(&self) -> Option<Waiver> {
        match self {
            Check::Enforce(_) => None,
            Check::Report(_, waiver) | Check::Nothing(waiver) => Some(*waiver),
        }
    }
}

impl Source {
    /// Whether a client at `address` may send at all.
    pub fn allows(&self, address: IpAddr) -> bool {
        self.allow_from.is_empty() || self.allow_from.iter().any(|net| net.contains(&address))
    }

    /// `signature`, `jwt`, `swt`, `http_signature`, `token`, `basic` or `none`.
    pub fn scheme_name(&self) -> &'static str {
        self.check.verifier().map_or("none", Verifier::scheme_name)
    }
}

impl Policy {
    /// Whether `peer` is a proxy whose forwarding headers count.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|net| net.contains(&peer))
    }
}
