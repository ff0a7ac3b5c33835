//! From raw tables to the definitions that `scheme` and `verify` build from.

use super::Context;
use super::addresses::header_name;
use crate::config::problem::Problem;
use crate::config::raw::{RawBasic, RawCondition, RawField, RawKey, RawSignature, RawToken, RawVariant};
use crate::config::read::Raw;
use crate::config::span::Located;
use crate::config::value::{Map, OneOrMany};
use crate::scheme::{
    ConditionDefinition, Definition, FieldDefinition, KeyDefinition, Place, PlaceDefinition, Pointer, Scheme,
    Schemes, VariantDefinition,
};
use crate::verify::{BasicDefinition, TokenDefinition};
use std::collections::BTreeMap;

/// The schemes of a table `[signature]`; its mistakes are told at their keys.
pub fn schemes(context: &mut Context<'_>, signature: &Located<RawSignature>) -> Option<Schemes> {
    if signature.value.flawed {
        return None;
    }
    let definition = definition(context, &signature.value)?;
    match Schemes::build(&definition) {
        Ok(schemes) => {
            // What a built-in scheme signs is not the operator's doing.
            if !context.is_built_in(signature.at) {
                let at = signature.value.message.as_ref().map_or(signature.at, |message| message.at);
                let warnings = schemes.all().flat_map(Scheme::warnings).map(String::as_str);
                let warnings: Vec<_> = warnings.map(|text| Problem::warning("scheme", at, text)).collect();
                context.problems.extend(warnings);
            }
            Some(schemes)
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
    let mut variants = Vec::new();
    for variant in raw.variant.iter().flat_map(|variants| &variants.value) {
        variants.push(self::variant(context, &variant.value)?);
    }
    Some(Definition {
        algorithm: value(&raw.algorithm),
        message: texts(&raw.message),
        covers: value(&raw.covers),
        each: value(&raw.each),
        prehash: value(&raw.prehash),
        url: texts(&raw.url),
        ambiguous: flag(&raw.ambiguous),
        key: raw.key.as_ref().map(|key| key_definition(&key.value)).unwrap_or_default(),
        fields: fields(context, &raw.fields)?,
        variants,
    })
}

fn variant(context: &mut Context<'_>, raw: &RawVariant) -> Option<VariantDefinition> {
    let when = raw.when.iter().flat_map(|when| &when.value);
    Some(VariantDefinition {
        when: when.map(|condition| self::condition(&condition.value)).collect(),
        algorithm: value(&raw.algorithm),
        message: texts(&raw.message),
        covers: value(&raw.covers),
        each: value(&raw.each),
        fields: fields(context, &raw.fields)?,
    })
}

fn fields(
    context: &mut Context<'_>,
    raw: &Option<Located<Map<RawField>>>,
) -> Option<BTreeMap<String, FieldDefinition>> {
    let mut fields = BTreeMap::new();
    for (name, named) in raw.iter().flat_map(|fields| &fields.value.0) {
        fields.insert(name.clone(), field(context, &named.entry.value)?);
    }
    Some(fields)
}

/// A condition as `scheme` builds from it.
pub fn condition(raw: &RawCondition) -> ConditionDefinition {
    ConditionDefinition {
        place: PlaceDefinition {
            header: texts(&raw.header),
            query: value(&raw.query),
            path: value(&raw.path),
            json: value(&raw.json),
            form: value(&raw.form),
            param: value(&raw.param),
            ..PlaceDefinition::default()
        },
        method: value(&raw.method),
        body: flag(&raw.body),
        is: texts(&raw.is),
        starts_with: value(&raw.starts_with),
        chars: value(&raw.chars),
        min: value(&raw.min),
        max: value(&raw.max),
        empty: flag(&raw.empty),
        absent: flag(&raw.absent),
    }
}

/// The form of a key as `scheme` builds from it.
pub fn key_definition(raw: &RawKey) -> KeyDefinition {
    KeyDefinition {
        encoding: value(&raw.encoding),
        prefix: texts(&raw.prefix),
        hash: value(&raw.hash),
        normalize: value(&raw.normalize),
        min_bytes: value(&raw.min_bytes),
        max_bytes: value(&raw.max_bytes),
        min_bits: value(&raw.min_bits),
    }
}

fn field(context: &mut Context<'_>, raw: &RawField) -> Option<FieldDefinition> {
    if let Some(header) = raw.header.as_ref().filter(|header| header.value.0.is_empty()) {
        context.error("bad_value", header.at, "`header` names no header");
        return None;
    }
    Some(FieldDefinition {
        place: PlaceDefinition {
            header: texts(&raw.header),
            family: value(&raw.family),
            query: value(&raw.query),
            path: value(&raw.path),
            json: value(&raw.json),
            item: value(&raw.item),
            form: value(&raw.form),
            param: value(&raw.param),
        },
        group: value(&raw.group),
        list: value(&raw.list),
        key: value(&raw.key),
        position: raw.position.as_ref().map(|position| position.value.0.clone()),
        prefix: value(&raw.prefix),
        suffix: value(&raw.suffix),
        decode: value(&raw.decode),
        inside: value(&raw.inside),
        role: value(&raw.role),
        encoding: value(&raw.encoding),
        unit: value(&raw.unit),
        tolerance: tolerance(context, raw)?,
        many: value(&raw.many),
        any: flag(&raw.any),
        unsigned: value(&raw.unsigned),
        optional: flag(&raw.optional),
        is: texts(&raw.is),
        equals: value(&raw.equals),
        length: value(&raw.length),
    })
}

fn texts(raw: &Option<Located<OneOrMany<String>>>) -> Vec<String> {
    raw.iter().flat_map(|texts| &texts.value.0).map(|text| text.value.clone()).collect()
}

fn flag(raw: &Option<Located<bool>>) -> bool {
    raw.as_ref().is_some_and(|flag| flag.value)
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
    let RawToken { header, query, json, form, prefix, flawed } = &raw.value;
    let places = [header.is_some(), query.is_some(), json.is_some(), form.is_some()];
    let place = match (header, query, json, form) {
        (Some(header), None, None, None) => {
            let names: Vec<_> = header.value.0.iter().filter_map(|name| header_name(context, name)).collect();
            if names.len() < header.value.0.len() || names.is_empty() {
                return None;
            }
            Place::Header(names)
        }
        (None, Some(query), None, None) => Place::Query(query.value.clone()),
        (None, None, None, Some(form)) => Place::Form(form.value.clone()),
        (None, None, Some(json), None) => {
            let pointer = Pointer::parse(&json.value);
            if pointer.is_none() {
                let problem =
                    Problem::error("bad_value", json.at, "is not a JSON pointer to a member (RFC 6901)");
                context.push(problem.help("it begins with `/`: \"/data/token\""));
            }
            Place::Json(pointer?)
        }
        _ => {
            let count = places.iter().filter(|place| **place).count();
            if !flawed {
                let message = "a token needs the one place that holds it";
                let code = if count == 0 { "missing_key" } else { "bad_value" };
                context.push(Problem::error(code, raw.at, message).help(
                    "add `header = \"X-Webhook-Token\"`, or \"Authorization\" with `prefix = \"Bearer \"`; or `query`, `json`, `form`",
                ));
            }
            return None;
        }
    };
    Some(TokenDefinition { place, prefix: value(prefix) })
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
