//! `[server.tls] more`: which certificate is shown.

use crate::rig::certificate::{Pair, pair, pair_for};
use crate::rig::client::shown;
use crate::rig::policy::Policy;
use crate::rig::proxy::Proxy;
use std::path::Path;

const OPEN: &str = "[[source]]\nname = \"open\"\npath = \"/open/*\"\nscheme = \"none\"\n";

/// Writes a pair, and how the policy names it.
fn written(policy: &Policy, name: &str, pair: &Pair) -> String {
    let certificate = policy.file(&format!("{name}.pem"), pair.certificate_pem.as_bytes());
    let key = policy.file(&format!("{name}-key.pem"), pair.key_pem.as_bytes());
    let shown = |path: &Path| path.display().to_string();
    format!("{{ certificate = \"{}\", private_key = \"{}\" }}", shown(&certificate), shown(&key))
}

#[test]
fn the_server_name_chooses_the_certificate() {
    let policy = Policy::tls();
    let named = pair_for(&["tenant.example", "other.example"]);
    let wild = pair_for(&["*.wild.example"]);
    let special = pair_for(&["special.wild.example"]);
    let pairs = [("named", &named), ("wild", &wild), ("special", &special)];
    let more: Vec<String> = pairs.iter().map(|(name, pair)| written(&policy, name, pair)).collect();
    let tables = format!("more = [{}]\n[upstream]\nurl = \"http://127.0.0.1:1\"\n{OPEN}", more.join(", "));
    let proxy = Proxy::start(policy.add(&tables));
    for (sni, expected, why) in [
        (Some("tenant.example"), &named, "its only certificate"),
        (Some("TENANT.Example"), &named, "names have no case"),
        (Some("other.example"), &named, "a name in both belongs to the further certificate"),
        (Some("hooks.example"), pair(), "a name of the default"),
        (Some("a.wild.example"), &wild, "one label for the wildcard"),
        (Some("special.wild.example"), &special, "an exact name before a wildcard"),
        (Some("a.b.wild.example"), pair(), "a wildcard is one label"),
        (Some("wild.example"), pair(), "a wildcard is not nothing"),
        (Some("unknown.example"), pair(), "unknown"),
        (None, pair(), "no server name"),
    ] {
        assert!(shown(proxy.address, sni) == expected.certificate, "{sni:?}: {why}");
    }
}
