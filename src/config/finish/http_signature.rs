//! From the table `[http_signature]` to what `verify` checks.

use super::Context;
use super::jwt::{age, kid_rule, leeway, word};
use crate::base::limits::MAX_EVENT_ID;
use crate::config::problem::{Problem, listed, nearest};
use crate::config::raw::RawHttpSignature;
use crate::config::span::{Located, Span};
use crate::config::value::List;
use crate::verify::{
    Component, DigestRule, FieldType, HttpAlgorithm, HttpSignatureDefinition, Json, KidRule, Parameter,
};
use http::HeaderName;
use std::collections::HashMap;
use std::ops::RangeInclusive;

/// Seconds that `created` may lie in the past unless the policy says otherwise.
const MAX_AGE: i64 = 300;

/// `[http_signature]`; nothing where it has mistakes. `at` is where the operator can add what is missing, `kid` the
/// rule where the table has none.
pub fn http_signature_definition(
    context: &mut Context<'_>,
    raw: &Located<RawHttpSignature>,
    at: Span,
    kid: KidRule,
) -> Option<HttpSignatureDefinition> {
    let mark = context.mark();
    let table = &raw.value;
    let algorithms = algorithms(context, raw, at);
    let components = table.components.as_ref().map(|list| components(context, list));
    if let Some(list) = table.components.as_ref().filter(|list| list.value.is_empty()) {
        context.error("bad_value", list.at, "`components` is empty: the signature would prove nothing");
    }
    let when_present = list(context, &table.when_present);
    for component in &when_present {
        if component.field().is_none() && component.to_string() != "\"@query\"" {
            let at = table.when_present.as_ref().map_or(raw.at, |list| list.at);
            context.error("bad_value", at, "every request has this: it belongs into `components`");
        }
    }
    let listed_digest = components.iter().flatten().any(|one| one.to_string() == "\"content-digest\"");
    let usual = if listed_digest { DigestRule::Required } else { DigestRule::Body };
    let digest = word(context, &table.digest, DigestRule::NAMES, DigestRule::parse, usual);
    if listed_digest && digest.is_some_and(|digest| digest != DigestRule::Required) {
        let at = table.digest.as_ref().map_or(raw.at, |digest| digest.at);
        context.error("bad_value", at, "`components` lists content-digest, so `digest` is `required`");
    }
    let nonce = nonce(context, table);
    let definition = HttpSignatureDefinition {
        label: label(context, &table.label),
        tag: text(context, &table.tag),
        algorithms,
        components,
        when_present,
        allow: table.allow.as_ref().map(|list| self::components(context, list)),
        forbid: list(context, &table.forbid),
        digest: digest.unwrap_or(usual),
        require: parameters(context, table),
        leeway: leeway(context, &table.leeway),
        max_age: age(context, &table.max_age).unwrap_or(MAX_AGE),
        max_lifetime: age(context, &table.max_lifetime),
        nonce: nonce.unwrap_or(1..=MAX_EVENT_ID),
        kid: kid_rule(context, &table.kid, kid),
        key_members: members(table),
        revoked: table.revoked.iter().flat_map(|list| &list.value).map(|name| name.value.clone()).collect(),
        base64url: table.base64url.as_ref().is_some_and(|flag| flag.value),
        normalize: table.normalize.as_ref().is_some_and(|flag| flag.value),
        structured: structured(context, table),
    };
    (!context.failed_since(mark) && !table.flawed).then_some(definition)
}

fn algorithms(context: &mut Context<'_>, raw: &Located<RawHttpSignature>, at: Span) -> Vec<HttpAlgorithm> {
    let Some(written) = &raw.value.algorithms else {
        if !raw.value.flawed {
            let problem =
                Problem::error("missing_key", at, "a signature needs the `algorithms` that may have made it");
            context.push(
                problem
                    .help("add `http_signature.algorithms = [\"ed25519\"]`, or those that the sender uses"),
            );
        }
        return Vec::new();
    };
    let mut found = Vec::new();
    for text in &written.value {
        match HttpAlgorithm::parse(&text.value) {
            Some(algorithm) if !found.contains(&algorithm) => found.push(algorithm),
            Some(_) => context.error("bad_value", text.at, format!("{} stands twice", text.value)),
            None => {
                let help = match nearest(&text.value, HttpAlgorithm::names()) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => format!("valid here: {}", listed(HttpAlgorithm::names())),
                };
                let message = format!("there is no algorithm \"{}\"", text.value.escape_debug());
                context.push(Problem::error("bad_value", text.at, message).help(help));
            }
        }
    }
    if written.value.is_empty() {
        context.error("bad_value", written.at, "`algorithms` is empty: nothing could be verified");
    }
    let symmetric = found.iter().filter(|algorithm| algorithm.is_symmetric()).count();
    if symmetric > 0 && symmetric < found.len() {
        let message = "hmac-sha256 beside algorithms with public keys: a signature must then name its `alg`";
        context.push(
            Problem::warning("mixed_algorithms", written.at, message)
                .help("make two sources, or drop what is not used"),
        );
    }
    found
}

fn list(context: &mut Context<'_>, written: &Option<Located<List<String>>>) -> Vec<Component> {
    written.as_ref().map(|list| components(context, list)).unwrap_or_default()
}

fn components(context: &mut Context<'_>, written: &Located<List<String>>) -> Vec<Component> {
    let mut found: Vec<Component> = Vec::new();
    for text in &written.value {
        match Component::parse(&text.value) {
            Some(component) if found.contains(&component) => {
                context.error("bad_value", text.at, "this component stands twice");
            }
            Some(component) => found.push(component),
            None => {
                let message = format!("\"{}\" is no component of a request", text.value.escape_debug());
                context.push(Problem::error("bad_value", text.at, message).help(
                    "a field name in lower case, or @method, @authority, @target-uri, @path, @query, ... \
                     (RFC 9421 section 2)",
                ));
            }
        }
    }
    found
}

/// The key of a structured dictionary (RFC 9651 section 3.1.2).
fn label(context: &mut Context<'_>, written: &Option<Located<String>>) -> Option<String> {
    let label = written.as_ref()?;
    let first = label.value.bytes().next();
    let rest = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'.' | b'*')
    };
    let begins = first.is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'*');
    if !begins || !label.value.bytes().all(rest) {
        context.error("bad_value", label.at, "a label is lower-case letters, digits, `_`, `-`, `.` and `*`");
    }
    Some(label.value.clone())
}

fn text(context: &mut Context<'_>, written: &Option<Located<String>>) -> Option<String> {
    let text = written.as_ref()?;
    if text.value.is_empty() || !text.value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        context.error("bad_value", text.at, "a tag is visible characters of ASCII");
    }
    Some(text.value.clone())
}

/// `created` is among them, unless the policy says that the sender leaves it out.
fn parameters(context: &mut Context<'_>, table: &RawHttpSignature) -> Vec<Parameter> {
    let mut found = Vec::new();
    for text in table.parameters.iter().flat_map(|list| &list.value) {
        match Parameter::parse(&text.value) {
            Some(parameter) if found.contains(&parameter) => {
                context.error("bad_value", text.at, format!("{} stands twice", text.value));
            }
            Some(parameter) => found.push(parameter),
            None => {
                let message = format!("there is no parameter \"{}\"", text.value.escape_debug());
                let help = format!("valid here: {}", listed(Parameter::NAMES.iter().copied()));
                context.push(Problem::error("bad_value", text.at, message).help(help));
            }
        }
    }
    let mut without = false;
    for text in table.without.iter().flat_map(|list| &list.value) {
        if text.value == "created" {
            without = true;
            if !context.is_built_in(text.at) {
                let message = "`created` may be absent: such a signature is good for ever";
                context.push(Problem::warning("created_unchecked", text.at, message));
            }
        } else {
            context.error("bad_value", text.at, "only `created` can be left out");
        }
    }
    if !without && !found.contains(&Parameter::Created) {
        found.insert(0, Parameter::Created);
    }
    found
}

fn nonce(context: &mut Context<'_>, table: &RawHttpSignature) -> Option<RangeInclusive<usize>> {
    let most = MAX_EVENT_ID;
    let mut length = |written: &Option<Located<u64>>, usual: usize| {
        let Some(written) = written else { return Some(usual) };
        let length = usize::try_from(written.value).ok().filter(|length| (1..=most).contains(length));
        if length.is_none() {
            context.error("bad_value", written.at, format!("expected 1 to {most} characters"));
        }
        length
    };
    let (min, max) = (length(&table.nonce_min, 1)?, length(&table.nonce_max, most)?);
    if min > max {
        let at = table.nonce_min.as_ref().or(table.nonce_max.as_ref()).map(|written| written.at);
        if let Some(at) = at {
            context.error("bad_value", at, "`nonce_min` is above `nonce_max`");
        }
        return None;
    }
    Some(min..=max)
}

fn members(table: &RawHttpSignature) -> Vec<(String, Vec<Json>)> {
    let members = table.key_members.iter().flat_map(|members| &members.value.0);
    members.map(|(name, named)| (name.clone(), named.entry.value.0.clone())).collect()
}

fn structured(context: &mut Context<'_>, table: &RawHttpSignature) -> HashMap<HeaderName, FieldType> {
    let mut found = HashMap::new();
    for (name, named) in table.structured.iter().flat_map(|fields| &fields.value.0) {
        let header = HeaderName::from_bytes(name.as_bytes()).ok();
        let header = header.filter(|header| header.as_str() == name);
        let kind = FieldType::parse(&named.entry.value);
        match (header, kind) {
            (Some(header), Some(kind)) => {
                found.insert(header, kind);
            }
            (None, _) => context.error("bad_value", named.key_at, "not a field name in lower case"),
            (_, None) => {
                let message = format!("unknown word \"{}\"", named.entry.value.escape_debug());
                let help = format!("valid here: {}", listed(FieldType::NAMES.iter().copied()));
                context.push(Problem::error("bad_value", named.entry.at, message).help(help));
            }
        }
    }
    found
}
