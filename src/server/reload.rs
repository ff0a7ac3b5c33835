//! From a configuration to the live policy, at start and on SIGHUP.

use super::key_caches::KeyCaches;
use crate::config::{AdminSettings, CaptureSettings, Configuration, LogSettings, ServerSettings};
use crate::policy::UpstreamAddress;
use crate::proxy::Live;
use crate::proxy::upstream::{Dialer, Tls, Upstream, trust_roots};
use std::net::SocketAddr;
use std::path::Path;

/// Builds what requests need: the policy, a pool per worker and upstream, and the key caches, of which those that ask as
/// `before` are kept.
///
/// # Errors
/// A sentence that names the upstream: authorities that cannot be read, a name no certificate can have.
pub fn build_live(
    configuration: Configuration,
    workers: usize,
    keys: &KeyCaches,
    before: Option<&Live>,
) -> Result<Live, String> {
    let Configuration { policy, upstream_authorities, .. } = configuration;
    let keys = keys.build(&policy, before)?;
    let mut upstreams = Vec::with_capacity(policy.upstreams.len());
    for (index, address) in policy.upstreams.iter().enumerate() {
        let authorities = upstream_authorities.get(index).and_then(Option::as_ref);
        let authorities = authorities.map(|path| path.value.as_path());
        let tls = tls_for(address, authorities).map_err(|error| format!("upstream {address}: {error}"))?;
        let dialer = Dialer::new(address.clone(), tls);
        let (idle, age) = (policy.limits.upstream_idle, policy.timeouts.upstream_idle);
        upstreams.push(Upstream::new(dialer, workers, idle, age));
    }
    Ok(Live { policy, upstreams, keys })
}

fn tls_for(address: &UpstreamAddress, authorities: Option<&Path>) -> Result<Option<Tls>, String> {
    match address {
        UpstreamAddress::Tcp { host, tls: true, .. } => Tls::new(host, trust_roots(authorities)?).map(Some),
        UpstreamAddress::Tcp { .. } | UpstreamAddress::Unix(_) => Ok(None),
    }
}

/// What a reload does not change.
pub struct Fixed {
    server: ServerSettings,
    admin: Option<AdminSettings>,
    log: LogSettings,
}

impl Fixed {
    /// What a start takes from this configuration.
    pub fn of(configuration: &Configuration) -> Fixed {
        let Configuration { server, admin, log, .. } = configuration;
        Fixed { server: server.clone(), admin: admin.clone(), log: *log }
    }

    /// The keys that are different in `new`.
    pub fn changes(&self, new: &Configuration) -> impl Iterator<Item = &'static str> {
        let rows = [
            ("server.listen", self.server.listen != new.server.listen),
            ("server.workers", self.server.workers != new.server.workers),
            ("admin", parts(&self.admin) != parts(&new.admin)),
            ("log", self.log != new.log),
        ];
        rows.into_iter().filter_map(|(key, changed)| changed.then_some(key))
    }
}

fn parts(admin: &Option<AdminSettings>) -> Option<(SocketAddr, Option<&[u8]>, CaptureSettings)> {
    admin
        .as_ref()
        .map(|admin| (admin.listen, admin.token.as_ref().map(|token| token.expose()), admin.capture))
}
