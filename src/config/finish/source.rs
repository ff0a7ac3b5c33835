//! One `[[source]]`: its route, its rules and what it checks.

use super::Context;
use super::addresses::{header_name, is_reserved, networks};
use super::answers::answers;
use super::check::{Checked, check};
use super::secrets::{bad_name, is_name};
use super::server::{Frame, size};
use super::upstreams::Upstreams;
use crate::config::problem::Problem;
use crate::config::raw::RawSource;
use crate::config::span::{Located, Span};
use crate::http::Authority;
use crate::policy::{PathPattern, PathTemplate, Route, Source};
use crate::verify::Verifier;
use http::{HeaderName, HeaderValue, Method};

/// A finished source with what is needed to compare it with others.
pub struct Built {
    pub source: Source,
    pub route: Route,
    pub path_at: Span,
}

/// Builds a source that was merged with its provider. Nothing where it has mistakes.
pub fn build(
    context: &mut Context<'_>,
    frame: &Frame,
    upstreams: &mut Upstreams,
    raw: &Located<RawSource>,
) -> Option<Built> {
    let RawSource { host, max_body, allow_from, upstream_path, .. } = &raw.value;
    let name = name(context, raw);
    let path = path(context, raw);
    let host = match host {
        Some(text) => self::host(context, text).map(Some),
        None => Some(None),
    };
    let methods = methods(context, raw);
    let upstream = upstreams.of(context, frame, raw);
    let max_body = match max_body {
        Some(_) => self::max_body(context, frame, raw),
        None => frame.limits.body,
    };
    let allow_from = networks(context, allow_from);
    let set_headers = set_headers(context, raw);
    let answers = answers(context, raw.value.answers.as_ref());
    let upstream_path = match (upstream_path, &path) {
        (Some(text), Some((path, _))) => template(context, text, path),
        _ => None,
    };
    let checked = check(context, frame, raw, path.as_ref().map(|(path, _)| path), methods.first());
    let strip = strip(context, raw, checked.as_ref().and_then(|checked| checked.check.verifier()));
    let allow = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
    let (path, path_at) = path?;
    let name = name?;
    let Checked { check, key_source, replay, handshakes } = checked?;
    let source = Source {
        name: name.as_str().into(),
        upstream: upstream?,
        path: path.clone(),
        upstream_path,
        methods,
        check,
        key_source,
        replay,
        handshakes,
        answers,
        max_body,
        allow_from,
        strip,
        set_headers,
        allow: HeaderValue::from_str(&allow).ok()?,
        name_value: HeaderValue::from_str(&name).ok()?,
    };
    Some(Built { source, route: Route { host: host?, path }, path_at })
}

/// An unverified source must not reach what a verified one guards.
pub fn warn_shared_paths(context: &mut Context<'_>, built: &[Built]) {
    let is_waived = |built: &&Built| built.source.check.waiver().is_some();
    for waived in built.iter().filter(is_waived) {
        let mut proved = built.iter().filter(|other| !is_waived(other));
        if let Some(other) = proved.find(|other| reaches(waived, other)) {
            let name = &other.source.name;
            let message = format!("unverified requests reach the same upstream path as those of `{name}`");
            let problem = Problem::warning("waiver_shares_path", waived.path_at, message);
            context.push(problem.other(other.path_at, "verified here"));
        }
    }
}

/// Whether a request of one source may arrive upstream as one of the other. Where both keep their path and
/// their host, the more specific one has it.
fn reaches(waived: &Built, proved: &Built) -> bool {
    let template = |built: &Built| built.source.upstream_path.clone();
    let kept = template(waived).is_none() && template(proved).is_none();
    let arrives = |built: &Built| {
        template(built).map_or_else(|| built.source.path.clone(), |path| path.pattern().clone())
    };
    waived.source.upstream == proved.source.upstream
        && !(kept && waived.route.host == proved.route.host)
        && arrives(waived).overlaps(&arrives(proved))
}

fn name(context: &mut Context<'_>, raw: &Located<RawSource>) -> Option<String> {
    let name = raw.value.name.as_ref()?;
    if !is_name(&name.value) {
        bad_name(context, name.at);
        return None;
    }
    Some(name.value.clone())
}

fn path(context: &mut Context<'_>, raw: &Located<RawSource>) -> Option<(PathPattern, Span)> {
    let text = raw.value.path.as_ref()?;
    match PathPattern::parse(&text.value) {
        Ok(path) => Some((path, text.at)),
        Err(flaw) => {
            context.error("bad_path", text.at, flaw.to_string());
            None
        }
    }
}

fn template(context: &mut Context<'_>, text: &Located<String>, path: &PathPattern) -> Option<PathTemplate> {
    match PathTemplate::parse(&text.value, path) {
        Ok(template) => Some(template),
        Err(flaw) => {
            context.error("bad_path", text.at, flaw.to_string());
            None
        }
    }
}

fn host(context: &mut Context<'_>, text: &Located<String>) -> Option<String> {
    let parsed = Authority::parse(text.value.as_bytes()).ok();
    let name = parsed.filter(|host| host.port().is_none()).map(|host| host.name().to_owned());
    if name.is_none() {
        let message = format!("\"{}\" is not a host name", text.value.escape_debug());
        context.push(
            Problem::error("bad_value", text.at, message).help("a name without port: \"hooks.example.com\""),
        );
    }
    name
}

fn methods(context: &mut Context<'_>, raw: &Located<RawSource>) -> Vec<Method> {
    let Some(written) = &raw.value.methods else { return vec![Method::POST] };
    let mut methods = Vec::new();
    for text in &written.value {
        match Method::from_bytes(text.value.as_bytes()) {
            Ok(Method::CONNECT | Method::TRACE) => {
                context.error("bad_value", text.at, format!("{} is never let through", text.value));
            }
            Ok(method) if methods.contains(&method) => {
                context.error("bad_value", text.at, format!("{method} stands twice"));
            }
            Ok(_) if text.value.bytes().any(|byte| byte.is_ascii_lowercase()) => {
                let help = format!("write \"{}\"", text.value.to_ascii_uppercase());
                context.push(Problem::error("bad_value", text.at, "methods are case-sensitive").help(help));
            }
            Ok(method) => methods.push(method),
            Err(_) => {
                let message = format!("\"{}\" is not a method", text.value.escape_debug());
                context.push(Problem::error("bad_value", text.at, message).help("for example [\"POST\"]"));
            }
        }
    }
    if written.value.is_empty() && !raw.value.flawed {
        context.error("bad_value", written.at, "`methods` is empty: nothing would be let through");
    }
    methods
}

fn max_body(context: &mut Context<'_>, frame: &Frame, raw: &Located<RawSource>) -> u64 {
    let bytes = size(context, &raw.value.max_body, frame.limits.body);
    if let Some(written) = raw.value.max_body.as_ref().filter(|_| bytes > frame.limits.held_bytes) {
        let message =
            "`max_body` is larger than `held_bytes` of `[server.limits]`: such a body could never be held";
        context.error("body_over_budget", written.at, message);
    }
    bytes
}

/// `strip` as written, or the credentials of the scheme.
fn strip(
    context: &mut Context<'_>,
    raw: &Located<RawSource>,
    verifier: Option<&Verifier>,
) -> Vec<HeaderName> {
    let credentials = verifier.map(Verifier::credentials).unwrap_or_default();
    let Some(written) = &raw.value.strip else { return credentials.to_vec() };
    let names: Vec<HeaderName> = written.value.iter().filter_map(|text| header_name(context, text)).collect();
    for credential in credentials.iter().filter(|name| !names.contains(name)) {
        let message = format!("`strip` does not name {credential}: the upstream will see the credential");
        context.push(Problem::warning("credential_forwarded", written.at, message));
    }
    names
}

fn set_headers(context: &mut Context<'_>, raw: &Located<RawSource>) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = Vec::new();
    for (name, named) in raw.value.set_headers.iter().flat_map(|headers| &headers.value.0) {
        let Some(parsed) = header_name(context, &Located { value: name.clone(), at: named.key_at }) else {
            continue;
        };
        if is_reserved(&parsed) {
            context.error("reserved_header", named.key_at, "only Bonafide itself sets this header");
        } else if headers.iter().any(|(known, _)| *known == parsed) {
            context.error("duplicate_name", named.key_at, "this header stands twice");
        }
        let visible = |byte: u8| matches!(byte, b'\t' | b' '..=b'~');
        let value = named.entry.value.as_str();
        match HeaderValue::from_str(value).ok().filter(|_| value.bytes().all(visible)) {
            Some(value) => headers.push((parsed, value)),
            None => {
                let message = "a header can carry visible characters of ASCII, spaces and tabs only";
                context.error("bad_value", named.entry.at, message);
            }
        }
    }
    headers
}
