//! What the receivers have to know: a list, or a policy with which Bonafide is all of them.

use super::place::Place;
use super::setup::Setup;
use super::suite::Suite;
use crate::cli::Failure;
use crate::cli::table::table;
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr};

/// A policy file with a source for each receiver.
///
/// # Errors
/// One address for several receivers (2).
pub fn policy(suites: &[Suite], place: &Place) -> Result<String, Failure> {
    let receivers: Vec<(&Suite, &Setup)> = receivers(suites).collect();
    let distinct = place.names_setup() || receivers.iter().all(|(_, setup)| setup.number == Some(1));
    if !distinct || !place.names_provider() && suites.len() > 1 {
        let needed = "a policy needs an address for each receiver: `{provider}` and `{setup}` in --target";
        return Err(Failure::usage(needed.to_owned()));
    }
    let secure = place.origin.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
    let name = place.host.name().trim_start_matches('[').trim_end_matches(']');
    let address: IpAddr = name.parse().unwrap_or(Ipv4Addr::LOCALHOST.into());
    let port = place.host.port().unwrap_or(if secure { 443 } else { 80 });
    let listen = std::net::SocketAddr::new(address, port);
    let transport = if secure {
        "\n[server.tls]\ncertificate = \"tls/fullchain.pem\"\nprivate_key = \"tls/privkey.pem\"\n"
    } else {
        "plaintext = true\n"
    };
    let mut text = format!(
        "# A receiver for each setup of `bonafide conformance`. Its secrets are published: it is for tests only.\n\
         # The rows repeat events and secrets, so nothing is remembered and no handshake is answered.\n\n\
         [server]\nlisten = \"{listen}\"\n{transport}\n\
         # An application that answers 2xx to everything.\n[upstream]\nurl = \"http://127.0.0.1:3000\"\n"
    );
    for (suite, setup) in receivers {
        match setup.verifier() {
            Ok(_) => text.push_str(&format!("\n{}", setup.source(&suite.provider, place))),
            Err(_) => {
                let number = setup.number.unwrap_or_default();
                text.push_str(&format!("\n# {} {number} is left out: it is refused.\n", suite.provider.id));
            }
        }
    }
    Ok(text)
}

/// The receivers for people.
pub fn list(suites: &[Suite], place: &Place) -> String {
    let rows = receivers(suites).map(|(suite, setup)| {
        let id = suite.provider.id;
        let number = setup.number.unwrap_or_default();
        let params: Vec<_> = setup.key.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let secrets: Vec<_> = setup.key.secrets.iter().map(|secret| secret.replace('\n', "\\n")).collect();
        let own = if setup.key.overrides.is_empty() { "" } else { "see --format json" };
        let path = place.path(id, number);
        [id.to_owned(), number.to_string(), path, secrets.join(" or "), params.join(", "), own.to_owned()]
    });
    table(["PROVIDER", "SETUP", "PATH", "SECRET OR PUBLIC KEY", "PARAMS", "SETTINGS"], rows)
}

/// The same as an array.
pub fn list_json(suites: &[Suite], place: &Place) -> Value {
    let row = |(suite, setup): (&Suite, &Setup)| {
        json!({
            "provider": suite.provider.id,
            "setup": setup.number,
            "path": place.path(suite.provider.id, setup.number.unwrap_or_default()),
            "secrets": setup.key.secrets,
            "params": setup.key.params,
            "overrides": setup.key.overrides,
            "replaced": setup.replaced,
            "refused": setup.verifier().err(),
        })
    };
    receivers(suites).map(row).collect()
}

fn receivers(suites: &[Suite]) -> impl Iterator<Item = (&Suite, &Setup)> {
    suites
        .iter()
        .flat_map(|suite| suite.setups.iter().map(move |setup| (suite, setup)))
        .filter(|(_, setup)| setup.number.is_some())
}
