//! Where the public keys of a source are: written down, or fetched.

use super::Context;
use super::addresses::{header_name, networks};
use super::secrets::read_one;
use crate::config::problem::{Problem, listed};
use crate::config::raw::{RawKeys, RawSource};
use crate::config::span::{Located, Span};
use crate::config::value::{OneOrMany, Period};
use crate::policy::{CertificatePlace, KeyPlace, KeySource, PerKid, UrlPattern, is_private};
use crate::verify::{Algorithm, ChainRule, JwtKeys, KeySet, KidRule, SingleKey};
use http::HeaderValue;
use ipnet::IpNet;
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use url::{Host, Url};

const REFRESH: Duration = Duration::from_secs(3600);
const COOLDOWN: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(3);
/// Statuses of a key server that has no key of that name.
const UNKNOWN: [u16; 2] = [404, 410];
/// Behind an issuer, OpenID Connect Discovery 1.0 section 4.
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// The keys of a source, and where they are fetched if they are.
pub struct Found {
    pub keys: JwtKeys,
    pub source: Option<Arc<KeySource>>,
}

/// Whose keys they are: not every scheme can say where a certificate is, or bring it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Of {
    Tokens,
    Signatures,
    HttpSignatures,
}

/// The one place that a table names.
enum Place<'r> {
    Jwks(&'r Located<String>),
    Discovery(&'r Located<String>),
    Url(&'r Located<String>),
    Certificate(&'r Located<OneOrMany<String>>),
    X5c(&'r Located<String>),
    File(&'r Located<String>),
    Text(&'r Located<String>),
}

/// The form of `kid` where the policy says nothing: what goes into a URL is kept plain.
pub fn usual_kid(keys: Option<&Located<RawKeys>>) -> KidRule {
    if keys.is_some_and(|keys| keys.value.url.is_some()) { KidRule::Plain } else { KidRule::Visible }
}

/// Finds the keys of a source. Nothing where the table has mistakes.
pub fn find(
    context: &mut Context<'_>,
    source: &Located<RawSource>,
    raw: Option<&Located<RawKeys>>,
    at: Span,
    (of, algorithms): (Of, &[Algorithm]),
    issuer: Option<&String>,
) -> Option<Found> {
    let public = algorithms.iter().any(|algorithm| !algorithm.is_symmetric());
    let Some(raw) = raw else {
        if public {
            let problem =
                Problem::error("missing_key", at, "these algorithms need `keys`: where the public keys are");
            context.push(problem.help(format!("for example `keys = {{ {} }}`", "jwks = \"https://...\"")));
            return None;
        }
        return Some(Found { keys: JwtKeys::None, source: None });
    };
    let mark = context.mark();
    let place = place(context, raw)?;
    let misplaced = match (&place, of) {
        (Place::Certificate(urls), Of::Tokens | Of::HttpSignatures) => {
            Some((urls.at, "certificate", "`[signature]`"))
        }
        (Place::X5c(file), Of::Signatures | Of::HttpSignatures) => {
            Some((file.at, "x5c", "`[jwt]` and `[swt]`"))
        }
        _ => None,
    };
    if let Some((at, key, tables)) = misplaced {
        context.error("bad_value", at, format!("`{key}` is for {tables} only"));
        return None;
    }
    let found = match place {
        Place::File(path) => fixed(context, path, true, algorithms),
        Place::Text(text) => fixed(context, text, false, algorithms),
        Place::X5c(path) if public => chain(context, raw, path),
        Place::Jwks(_) | Place::Discovery(_) | Place::Url(_) | Place::Certificate(_) | Place::X5c(_)
            if !public =>
        {
            context.error(
                "unused_key",
                raw.at,
                "a secret is never fetched, and HS algorithms use nothing else",
            );
            None
        }
        Place::Jwks(_) | Place::Discovery(_) | Place::Url(_) | Place::Certificate(_) => {
            fetched(context, source, raw, &place, algorithms, issuer)
        }
        Place::X5c(_) => None,
    };
    found.filter(|_| !context.failed_since(mark))
}

/// What the operator writes wins over what a built-in provider says.
fn place<'r>(context: &mut Context<'_>, raw: &'r Located<RawKeys>) -> Option<Place<'r>> {
    let RawKeys { jwks, discovery, url, certificate, x5c, file, text, flawed, .. } = &raw.value;
    let mut places: Vec<(Place<'_>, Span)> = Vec::new();
    places.extend(jwks.as_ref().map(|found| (Place::Jwks(found), found.at)));
    places.extend(discovery.as_ref().map(|found| (Place::Discovery(found), found.at)));
    places.extend(url.as_ref().map(|found| (Place::Url(found), found.at)));
    places.extend(x5c.as_ref().map(|found| (Place::X5c(found), found.at)));
    places.extend(certificate.as_ref().map(|found| (Place::Certificate(found), found.at)));
    places.extend(file.as_ref().map(|found| (Place::File(found), found.at)));
    places.extend(text.as_ref().map(|found| (Place::Text(found), found.at)));
    if places.iter().any(|(_, at)| !context.is_built_in(*at)) {
        places.retain(|(_, at)| !context.is_built_in(*at));
    }
    if places.len() != 1 && !(*flawed && places.is_empty()) {
        let words = listed(["jwks", "discovery", "url", "certificate", "x5c", "file", "text"]);
        let at = places.get(1).map_or(raw.at, |(_, at)| *at);
        context.error("bad_value", at, format!("`keys` has exactly one of {words}"));
        return None;
    }
    places.pop().map(|(place, _)| place)
}

fn fixed(
    context: &mut Context<'_>,
    text: &Located<String>,
    is_file: bool,
    algorithms: &[Algorithm],
) -> Option<Found> {
    let mut bytes = text.value.clone().into_bytes();
    if is_file {
        let path = context.path(text).value;
        context.watched.push(path.clone());
        if !context.read_secrets {
            return Some(Found { keys: JwtKeys::Fixed(KeySet::default()), source: None });
        }
        bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) => {
                context.error(
                    "file_not_readable",
                    text.at,
                    format!("cannot read {}: {error}", path.display()),
                );
                return None;
            }
        };
    }
    match KeySet::of_text(&bytes, algorithms) {
        Ok(keys) => Some(Found { keys: JwtKeys::Fixed(keys), source: None }),
        Err(flaw) => {
            context.error("keys_unusable", text.at, flaw.to_string());
            None
        }
    }
}

/// The authority of tokens that bring their certificates.
fn chain(context: &mut Context<'_>, raw: &Located<RawKeys>, file: &Located<String>) -> Option<Found> {
    let marks =
        raw.value.marks.iter().flat_map(|marks| &marks.value).map(|mark| mark.value.clone()).collect();
    let path = context.path(file).value;
    context.watched.push(path.clone());
    if !context.read_secrets {
        let rule = ChainRule { authorities: Vec::new(), marks };
        return Some(Found { keys: JwtKeys::Chain(rule), source: None });
    }
    let authorities = match std::fs::read(&path) {
        Ok(pem) => ChainRule::authorities(&pem).map_err(|flaw| ("keys_unusable", flaw.to_string())),
        Err(error) => Err(("file_not_readable", format!("cannot read {}: {error}", path.display()))),
    };
    match authorities {
        Ok(authorities) => {
            Some(Found { keys: JwtKeys::Chain(ChainRule { authorities, marks }), source: None })
        }
        Err((code, message)) => {
            context.error(code, file.at, message);
            None
        }
    }
}

fn fetched(
    context: &mut Context<'_>,
    source: &Located<RawSource>,
    raw: &Located<RawKeys>,
    place: &Place<'_>,
    algorithms: &[Algorithm],
    issuer: Option<&String>,
) -> Option<Found> {
    let RawKeys { ca, refresh, cooldown, timeout, .. } = &raw.value;
    let networks = networks(context, &raw.value.networks);
    let place = match place {
        Place::Jwks(text) => {
            let url = filled(context, source, text)?;
            let url = address(context, text, &url, &networks)?;
            KeyPlace::Document { url, key: SingleKey { at: pointer(context, raw)? } }
        }
        Place::Discovery(text) => discovery(context, text, &networks, issuer)?,
        Place::Url(text) => KeyPlace::PerKid(Box::new(per_kid(context, source, raw, text, &networks)?)),
        Place::Certificate(urls) => KeyPlace::Certificate(Box::new(certificates(context, raw, urls)?)),
        Place::X5c(_) | Place::File(_) | Place::Text(_) => return None,
    };
    let ca = match ca {
        Some(ca) => Some(authorities(context, ca)?),
        None => None,
    };
    let (ca, ca_digest) = ca.unzip();
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    let found = KeySource {
        name: source.value.name.as_ref().map_or("", |name| name.value.as_str()).into(),
        place,
        algorithms: algorithms.iter().copied().filter(|algorithm| !algorithm.is_symmetric()).collect(),
        networks,
        ca,
        ca_digest: ca_digest.flatten(),
        refresh: period(context, refresh, REFRESH, Duration::from_secs(60)..=hours(24))?,
        cooldown: period(context, cooldown, COOLDOWN, Duration::from_secs(1)..=hours(1))?,
        timeout: period(context, timeout, TIMEOUT, Duration::from_millis(100)..=Duration::from_secs(60))?,
    };
    Some(Found { keys: JwtKeys::Fetched, source: Some(Arc::new(found)) })
}

/// The file with the authorities of a key server, and the digest of it, where it is read now.
fn authorities(context: &mut Context<'_>, ca: &Located<String>) -> Option<(PathBuf, Option<[u8; 32]>)> {
    let path = context.path(ca).value;
    context.watched.push(path.clone());
    if !context.read_secrets {
        return Some((path, None));
    }
    match std::fs::read(&path) {
        Ok(bytes) => Some((path, Some(Sha256::digest(bytes).into()))),
        Err(error) => {
            context.error("file_not_readable", ca.at, format!("cannot read {}: {error}", path.display()));
            None
        }
    }
}

fn period(
    context: &mut Context<'_>,
    written: &Option<Located<Period>>,
    usual: Duration,
    bounds: RangeInclusive<Duration>,
) -> Option<Duration> {
    let Some(period) = written else { return Some(usual) };
    if bounds.contains(&period.value.0) {
        return Some(period.value.0);
    }
    context.error("bad_value", period.at, format!("expected {:?} to {:?}", bounds.start(), bounds.end()));
    None
}

/// The certificates that may be fetched and believed.
fn certificates(
    context: &mut Context<'_>,
    raw: &Located<RawKeys>,
    urls: &Located<OneOrMany<String>>,
) -> Option<CertificatePlace> {
    let mut patterns = Vec::new();
    for url in &urls.value.0 {
        match UrlPattern::parse(&url.value) {
            Ok(pattern) => patterns.push(pattern),
            Err(why) => {
                let problem = Problem::error("key_url", url.at, why);
                context.push(problem.help("for example \"https://sns.*.amazonaws.com/cert-*.pem\""));
                return None;
            }
        }
    }
    let RawKeys { names, chain, authorities, .. } = &raw.value;
    let names: Vec<String> =
        names.iter().flat_map(|names| &names.value.0).map(|name| name.value.clone()).collect();
    if names.is_empty() || patterns.is_empty() {
        let message = "anybody has a certificate: `names` says whose it must be";
        context.push(
            Problem::error("missing_key", raw.at, message).help("add `names = [\"sns.*.amazonaws.com\"]`"),
        );
        return None;
    }
    let chain = match chain.as_ref().map(|chain| (chain.value.as_str(), chain.at)) {
        None | Some(("full", _)) => true,
        Some(("tls", _)) => authorities.is_some(),
        Some((_, at)) => {
            context.error("bad_value", at, format!("expected {}", listed(["full", "tls"])));
            return None;
        }
    };
    let authorities = match authorities {
        Some(file) => Some(self::authorities(context, file)?),
        None => None,
    };
    let (authorities, digest) = authorities.unzip();
    Some(CertificatePlace { urls: patterns, names, chain, authorities, authorities_digest: digest.flatten() })
}

fn discovery(
    context: &mut Context<'_>,
    text: &Located<String>,
    networks: &[IpNet],
    issuer: Option<&String>,
) -> Option<KeyPlace> {
    let own = text.value.strip_suffix(WELL_KNOWN).unwrap_or(&text.value);
    let url = format!("{}{WELL_KNOWN}", own.trim_end_matches('/'));
    let url = address(context, text, &url, networks)?;
    Some(KeyPlace::Discovery { url, issuer: issuer.map_or(own, String::as_str).to_owned() })
}

fn per_kid(
    context: &mut Context<'_>,
    source: &Located<RawSource>,
    raw: &Located<RawKeys>,
    text: &Located<String>,
    networks: &[IpNet],
) -> Option<PerKid> {
    let url = filled(context, source, text)?;
    let behind = url.split_once("://").map_or("", |(_, behind)| behind);
    if behind.split(['/', '?', '#']).next().is_some_and(|host| host.contains("{kid}")) {
        context.error("bad_value", text.at, "`{kid}` cannot choose the host");
        return None;
    }
    address(context, text, &url.replace("{kid}", "kid"), networks)?;
    let headers = members(context, source, &raw.value.headers)?;
    let mut fields = Vec::new();
    for (name, value, at) in headers {
        let name = header_name(context, &Located { value: name, at })?;
        if HeaderValue::from_str(&value).is_err() {
            context.error("bad_value", at, "a header cannot carry this");
        }
        fields.push((name, value));
    }
    let json = match &raw.value.json {
        Some(_) => {
            Some(members(context, source, &raw.value.json)?.into_iter().map(|(name, value, _)| (name, value)))
        }
        None => None,
    };
    let json: Option<Vec<(String, String)>> = json.map(Iterator::collect);
    let named = url.contains("{kid}") || json.iter().flatten().any(|(_, value)| value.contains("{kid}"));
    if !named {
        let problem = Problem::error("bad_value", text.at, "`{kid}` stands neither in `url` nor in `json`");
        context.push(problem.help("for a whole JWK Set at one URL, write `jwks`"));
    }
    let place = if context.is_built_in(raw.at) { source.at } else { raw.at };
    let secret = secret(context, raw, place, &fields, json.as_deref())?;
    let at = pointer(context, raw)?;
    let unknown = match &raw.value.unknown {
        None => UNKNOWN.to_vec(),
        Some(list) => list.value.iter().filter_map(|status| self::status(context, status)).collect(),
    };
    Some(PerKid { url, headers: fields, json, secret, key: SingleKey { at }, unknown })
}

/// The names that lead to the key.
fn pointer(context: &mut Context<'_>, raw: &Located<RawKeys>) -> Option<Vec<String>> {
    let Some(pointer) = &raw.value.at else { return Some(Vec::new()) };
    let names = pointer.value.strip_prefix('/');
    if names.is_none() {
        context.error("bad_value", pointer.at, "not a JSON pointer, such as \"/key\"");
    }
    names.map(|names| names.split('/').map(|name| name.replace("~1", "/").replace("~0", "~")).collect())
}

fn status(context: &mut Context<'_>, status: &Located<u64>) -> Option<u16> {
    let usable = u16::try_from(status.value).ok().filter(|status| (400..500).contains(status));
    if usable.is_none() {
        context.error("bad_value", status.at, "a status that says \"no such key\" is 400 to 499");
    }
    usable
}

/// The outer option is a mistake, the inner one a request that needs no secret.
#[allow(clippy::option_option)]
fn secret(
    context: &mut Context<'_>,
    raw: &Located<RawKeys>,
    at: Span,
    headers: &[(http::HeaderName, String)],
    json: Option<&[(String, String)]>,
) -> Option<Option<crate::base::secret::Secret>> {
    let texts = headers
        .iter()
        .map(|(_, text)| text)
        .chain(json.iter().flat_map(|json| json.iter().map(|(_, text)| text)));
    let wanted = texts.into_iter().any(|text| text.contains("{secret}"));
    match (&raw.value.secret, wanted) {
        (Some(secret), true) => read_one(context, secret).map(Some),
        (None, false) => Some(None),
        (None, true) => {
            let problem =
                Problem::error("missing_secret", at, "the key server wants a credential, and there is none");
            context.push(problem.help("add `jwt.keys.secret = { env = \"NAME\" }` to the source"));
            None
        }
        (Some(secret), false) => {
            context.error("unused_key", secret.at, "`{secret}` stands neither in `headers` nor in `json`");
            None
        }
    }
}

fn members(
    context: &mut Context<'_>,
    source: &Located<RawSource>,
    written: &Option<Located<crate::config::value::Map<String>>>,
) -> Option<Vec<(String, String, Span)>> {
    let entries = written.iter().flat_map(|map| &map.value.0);
    entries
        .map(|(name, named)| Some((name.clone(), filled(context, source, &named.entry)?, named.key_at)))
        .collect()
}

/// A text with the parameters of the source in it; `{kid}` and `{secret}` stay.
fn filled(context: &mut Context<'_>, source: &Located<RawSource>, text: &Located<String>) -> Option<String> {
    let (mut out, mut rest) = (String::new(), text.value.as_str());
    while let Some((before, behind)) = rest.split_once('{') {
        let Some((word, after)) = behind.split_once('}') else {
            context.error("bad_value", text.at, "a `{` without its `}`");
            return None;
        };
        out.push_str(before);
        match word.strip_prefix("param:") {
            None if matches!(word, "kid" | "secret") => out.push_str(&format!("{{{word}}}")),
            Some(name) => out.push_str(parameter(context, source, name)?),
            None => {
                let words = listed(["{kid}", "{secret}", "{param:NAME}"]);
                let message = format!("unknown placeholder `{{{}}}`", word.escape_debug());
                context
                    .push(Problem::error("bad_value", text.at, message).help(format!("valid here: {words}")));
                return None;
            }
        }
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

fn parameter<'s>(context: &mut Context<'_>, source: &'s Located<RawSource>, name: &str) -> Option<&'s str> {
    let params = source.value.params.as_ref();
    let found = params.and_then(|params| params.value.0.get(name)).map(|named| named.entry.value.as_str());
    let plain = |text: &&str| {
        !text.is_empty() && !text.contains(['{', '}']) && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    match found {
        Some(text) if plain(&text) => Some(text),
        Some(_) => {
            let at = params.map_or(source.at, |params| params.at);
            context.error("bad_value", at, format!("`{name}` must be visible characters without braces"));
            None
        }
        None => {
            let problem = Problem::error(
                "missing_param",
                source.at,
                format!("the key server is asked with `{name}`, which is not set"),
            );
            context.push(problem.help(format!("add `params = {{ {name} = \"...\" }}`")));
            None
        }
    }
}

/// A URL that may be fetched: https, or http on this machine; no private address that the policy does not allow.
fn address(
    context: &mut Context<'_>,
    at: &Located<String>,
    text: &str,
    networks: &[IpNet],
) -> Option<String> {
    let mut refuse = |message: &str, help: &str| {
        context.push(Problem::error("key_url", at.at, message).help(help));
        None
    };
    let Ok(url) = Url::parse(text) else {
        return refuse("this is not a URL", "for example \"https://auth.example.com/.well-known/jwks.json\"");
    };
    let local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(v4)) => v4.is_loopback(),
        Some(Host::Ipv6(v6)) => v6.is_loopback(),
        None => return refuse("the URL has no host", "for example \"https://auth.example.com/keys\""),
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && local) {
        return refuse(
            "keys are fetched over https only: anyone between could replace them",
            "write https://",
        );
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return refuse(
            "a URL of keys has neither user nor fragment",
            "put credentials into `headers`, with `{secret}`",
        );
    }
    let literal: Option<IpAddr> = match url.host() {
        Some(Host::Ipv4(v4)) => Some(v4.into()),
        Some(Host::Ipv6(v6)) => Some(v6.into()),
        _ => None,
    };
    let closed = |address: IpAddr| is_private(address) && !networks.iter().any(|net| net.contains(&address));
    if !local && literal.is_some_and(closed) {
        return refuse("this is a private address", "name its network: `networks = [\"10.0.0.0/8\"]`");
    }
    Some(text.to_owned())
}
