//! The finished configuration: what the server needs to start, and the policy.

use super::span::Located;
use crate::base::secret::Secret;
use crate::policy::Policy;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A policy file without mistakes.
#[derive(Debug)]
pub struct Configuration {
    /// Where and how to listen.
    pub server: ServerSettings,
    /// Sources, routes, limits and time-outs.
    pub policy: Policy,
    /// For each upstream of the policy, the PEM file with its authorities (`ca`), where one is named.
    pub upstream_authorities: Vec<Option<Located<PathBuf>>>,
    /// The operator's port.
    pub admin: Option<AdminSettings>,
    /// What is logged, and how.
    pub log: LogSettings,
}

/// `[server]`, without the limits and time-outs, which are part of the policy.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Never empty.
    pub listen: Vec<SocketAddr>,
    /// The certificates, the default one first; empty means plaintext.
    pub certificates: Vec<CertificateFiles>,
    /// Worker threads; nothing means one per processor core.
    pub workers: Option<usize>,
}

/// A certificate chain and its key, both PEM, with the places that name them.
#[derive(Clone, Debug)]
pub struct CertificateFiles {
    /// Certificate first, then its chain.
    pub certificate: Located<PathBuf>,
    /// PKCS#8, PKCS#1 or SEC1.
    pub private_key: Located<PathBuf>,
}

/// `[admin]`.
#[derive(Clone, Debug)]
pub struct AdminSettings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What clients must send as a bearer token.
    pub token: Option<Secret>,
    /// Which refused requests are kept.
    pub capture: CaptureSettings,
}

/// `capture` of `[admin]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureSettings {
    /// How many requests are kept; zero: none.
    pub requests: usize,
    /// Bytes of each body that are kept.
    pub body: usize,
}

/// `[log]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// The form of the lines.
    pub format: LogFormat,
    /// Whether every request gets a line.
    pub requests: bool,
}

/// `log.format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}
