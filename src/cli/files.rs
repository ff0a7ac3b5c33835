//! The certificates and authorities that a policy file names: whether the server could use them.

use crate::config::{Configuration, FileId, Located, Problem, Span};
use crate::policy::UpstreamAddress;
use crate::proxy::upstream::trust_roots;
use crate::server::Certificates;
use std::path::PathBuf;
use std::slice::from_ref;

/// Certificates that cannot be read or do not fit their key; authorities that are none.
pub fn unusable_files(configuration: &Configuration) -> Vec<Problem> {
    let certificates = configuration.server.certificates.iter().filter_map(|pair| {
        let sentence = Certificates::load(from_ref(pair)).err()?;
        Some(Problem::error("certificate_unusable", pair.certificate.at, sentence))
    });
    let upstreams = configuration.policy.upstreams.iter().zip(&configuration.upstream_authorities);
    let authorities = upstreams.filter_map(|(address, file)| authority(address, file.as_ref()));
    certificates.chain(authorities).collect()
}

fn authority(address: &UpstreamAddress, file: Option<&Located<PathBuf>>) -> Option<Problem> {
    if !matches!(address, UpstreamAddress::Tcp { tls: true, .. }) {
        return None;
    }
    let sentence = trust_roots(file.map(|file| file.value.as_path())).err()?;
    // Without a file it is the system that lacks them: the policy file as a whole is the place.
    let at = file.map_or(Span { file: FileId::MAIN, start: 0, end: 0 }, |file| file.at);
    Some(Problem::error("authorities_unusable", at, format!("upstream {address}: {sentence}")))
}
