//! From raw tables to the definitions that `scheme` and `verify` build from.

use super::Context;
use super::addresses::header_name;
use crate::config::problem::Problem;
use crate::config::raw::{RawBasic, RawField, RawKey, RawSignature, RawToken};
use crate::config::read::Raw;
use crate::config::span::Located;
use crate::scheme::{Definition, FieldDefinition, KeyDefinition, Scheme};
use crate::verify::{BasicDefinition, TokenDefinition};
use std::collections::BTreeMap;

/// The scheme of a table `[signature]`; its mistakes are told at their keys.
pub fn scheme(context: &mut Context<'_>, signature: &Located<RawSignature>) -> Option<Scheme> {
    if signature.value.flawed {
        return None;
    }
    let definition = definition(context, &signature.value)?;
    match Scheme::build(&definition) {
        Ok(scheme) => {
            let warnings = scheme.warnings().iter();
            let at = signature.value.message.as_ref().map_or(signature.at, |message| message.at);
            context.problems.extend(warnings.map(|warning| Problem::warning("scheme", at, warning.as_str())));
            Some(scheme)
        }
        Err(flaws) => {
            for flaw in flaws {
                let at = signature.value.locate(&flaw.path).unwrap_or(signature.at);
                context.push(Problem::error("scheme", at, flaw.message).help_if(flaw.help));
            }
            None
        }
    }
}

fn definition(context: &mut Context<'_>, raw: &RawSignature) -> Option<Definition> {
    let mut fields = BTreeMap::new();
    for (name, named) in raw.fields.iter().flat_map(|fields| &fields.value.0) {
        fields.insert(name.clone(), field(context, &named.entry.value)?);
    }
    let key = raw.key.as_ref().map(|key| self::key(&key.value)).unwrap_or_default();
    Some(Definition {
        algorithm: value(&raw.algorithm),
        message: value(&raw.message),
        covers: value(&raw.covers),
        key,
        fields,
    })
}

fn key(raw: &RawKey) -> KeyDefinition {
    KeyDefinition {
        encoding: value(&raw.encoding),
        prefix: value(&raw.prefix),
        min_bytes: value(&raw.min_bytes),
        max_bytes: value(&raw.max_bytes),
    }
}

fn field(context: &mut Context<'_>, raw: &RawField) -> Option<FieldDefinition> {
    let header =
        raw.header.iter().flat_map(|header| &header.value.0).map(|name| name.value.clone()).collect();
    if let Some(header) = raw.header.as_ref().filter(|header| header.value.0.is_empty()) {
        context.error("bad_value", header.at, "`header` names no header");
        return None;
    }
    Some(FieldDefinition {
        header,
        query: value(&raw.query),
        path: value(&raw.path),
        json: value(&raw.json),
        list: value(&raw.list),
        key: value(&raw.key),
        prefix: value(&raw.prefix),
        role: value(&raw.role),
        encoding: value(&raw.encoding),
        unit: value(&raw.unit),
        tolerance: tolerance(context, raw)?,
        many: value(&raw.many),
        unsigned: value(&raw.unsigned),
    })
}

/// In whole seconds, as timestamps are compared.
fn tolerance(context: &mut Context<'_>, raw: &RawField) -> Option<Option<String>> {
    let Some(tolerance) = &raw.tolerance else { return Some(None) };
    let period = tolerance.value.0;
    if period.is_zero() || period.subsec_nanos() != 0 || period.as_secs() > 3600 {
        let problem =
            Problem::error("bad_value", tolerance.at, "a tolerance is 1 second to 1 hour, in whole seconds");
        context.push(problem.help("what is older could be replayed: \"5m\" is usual"));
        return None;
    }
    Some(Some(format!("{}s", period.as_secs())))
}

fn value<T: Clone>(raw: &Option<Located<T>>) -> Option<T> {
    raw.as_ref().map(|raw| raw.value.clone())
}

/// `[token]`; nothing where it has mistakes.
pub fn token_definition(context: &mut Context<'_>, raw: &Located<RawToken>) -> Option<TokenDefinition> {
    let Some(header) = &raw.value.header else {
        if !raw.value.flawed {
            let problem = Problem::error("missing_key", raw.at, "a token needs the `header` that holds it");
            context.push(problem.help(
                "add `header = \"X-Webhook-Token\"`, or \"Authorization\" with `prefix = \"Bearer \"`",
            ));
        }
        return None;
    };
    let header = header_name(context, header)?;
    Some(TokenDefinition { header, prefix: value(&raw.value.prefix) })
}

/// `[basic]`; nothing where it has mistakes.
pub fn basic_definition(context: &mut Context<'_>, raw: &Located<RawBasic>) -> Option<BasicDefinition> {
    let Some(username) = &raw.value.username else {
        if !raw.value.flawed {
            let problem = Problem::error("missing_key", raw.at, "Basic credentials need a `username`");
            context.push(problem.help("add `username = \"...\"`; the secret of the source is the password"));
        }
        return None;
    };
    Some(BasicDefinition { username: username.value.clone() })
}
