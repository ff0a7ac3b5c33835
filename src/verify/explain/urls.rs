//! Addresses that the sender may have signed instead of the configured one.

use super::finding::Finding;
use crate::http::{Head, Target};
use crate::scheme::{Message, Scheme};
use crate::verify::signature::SignatureVerifier;
use http::HeaderName;

/// Messages with another address, for a head whose target may be another one as well.
pub struct Guess {
    pub messages: Vec<Message>,
    pub head: Head,
    pub finding: Finding,
}

/// Other addresses, the likely ones first; none where the scheme signs none.
pub fn guesses(verifier: &SignatureVerifier, scheme: &Scheme, head: &Head) -> Vec<Guess> {
    let mut guesses = Vec::new();
    let bases = if scheme.signs_url() { bases(verifier, head) } else { vec![String::new()] };
    let signs_target = scheme.signs_target();
    for base in bases {
        for target in if signs_target { targets(head) } else { vec![head.target.as_str().to_owned()] } {
            let same_base =
                verifier.public_url.as_deref().is_none_or(|url| url.trim_end_matches('/') == base);
            if (same_base || base.is_empty()) && target == head.target.as_str() {
                continue;
            }
            let public_url =
                Some(base.as_str()).filter(|base| !base.is_empty()).or(verifier.public_url.as_deref());
            let (Ok(messages), Ok(parsed)) =
                (scheme.messages(public_url, &verifier.params), Target::parse(&target, usize::MAX))
            else {
                continue;
            };
            let message = format!("the sender signed the address `{base}{}`", parsed.path());
            let help = "set `public_url` to the address that the sender knows; what is in front of Bonafide must not change path and query";
            let head = with_target(head, parsed);
            guesses.push(Guess { messages, head, finding: Finding::new("url_differs", message, help) });
        }
    }
    guesses
}

fn bases(verifier: &SignatureVerifier, head: &Head) -> Vec<String> {
    let given = verifier.public_url.as_deref().unwrap_or("https://localhost").trim_end_matches('/');
    let (scheme, host) = given.split_once("://").unwrap_or(("https", given));
    let bare = if host.ends_with(']') { host } else { host.rsplit_once(':').map_or(host, |(bare, _)| bare) };
    let forwarded =
        head.headers.get(HeaderName::from_static("x-forwarded-host")).and_then(|value| value.to_str().ok());
    let mut hosts =
        vec![host.to_owned(), bare.to_owned(), head.host.as_str().to_owned(), head.host.name().to_owned()];
    hosts.extend(forwarded.map(String::from));
    hosts.push(format!("www.{bare}"));
    hosts.extend(bare.strip_prefix("www.").map(String::from));
    let mut bases = Vec::new();
    for host in hosts {
        for scheme in [scheme, "https", "http"] {
            for port in ["", ":443", ":80"] {
                let base = format!("{scheme}://{host}{port}");
                if !bases.contains(&base) && (port.is_empty() || !host.contains(':')) {
                    bases.push(base);
                }
            }
        }
    }
    bases
}

fn targets(head: &Head) -> Vec<String> {
    let (path, query) = (head.target.path(), head.target.query());
    let with = |path: &str, query: Option<&str>| match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut targets = vec![head.target.as_str().to_owned()];
    match path.strip_suffix('/').filter(|path| !path.is_empty()) {
        Some(bare) => targets.push(with(bare, query)),
        None if path != "/" => targets.push(with(&format!("{path}/"), query)),
        None => {}
    }
    if query.is_some() {
        targets.push(path.to_owned());
    }
    targets.push("/".to_owned());
    targets
}

fn with_target(head: &Head, target: Target) -> Head {
    Head {
        method: head.method.clone(),
        target,
        host: head.host.clone(),
        headers: head.headers.clone(),
        nominated: Vec::new(),
        captures: head.captures.clone(),
    }
}
