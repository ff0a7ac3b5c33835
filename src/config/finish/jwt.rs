//! From the tables `[jwt]` and `[swt]` to what `verify` checks.

use super::Context;
use super::addresses::header_name;
use super::definition::key_definition;
use crate::config::problem::{Problem, listed, nearest};
use crate::config::raw::{RawAddressHash, RawBodyHash, RawJwt, RawKey, RawSwt};
use crate::config::read::Raw;
use crate::config::span::{Located, Span};
use crate::config::value::{Exact, List, Map, OneOrMany, Period};
use crate::scheme::{self, KeyForm, Pointer};
use crate::verify::{
    AddressHash, AddressText, Algorithm, BodyHash, ClaimPath, Claims, EmptyBody, Family, Hash, HashForm,
    Json, JwtDefinition, KidRule, Profile, TokenPlace,
};
use http::HeaderName;
use http::header::AUTHORIZATION;

/// Seconds that the sender's clock may be off unless the policy says otherwise.
const LEEWAY: i64 = 60;
/// Most that it may say, seconds.
const MAX_LEEWAY: u64 = 3600;
/// Seconds that a Secure Webhook Token may live unless the policy says otherwise.
const SWT_LIFETIME: i64 = 15 * 60;
/// Longest `max_age` or `max_lifetime`, seconds: a year.
const MAX_AGE: u64 = 366 * 24 * 3600;

/// `[jwt]`; nothing where it has mistakes. `kid` is the rule where the table has none.
pub fn jwt_definition(
    context: &mut Context<'_>,
    raw: &Located<RawJwt>,
    kid: KidRule,
) -> Option<JwtDefinition> {
    let mark = context.mark();
    let RawJwt { algorithms, typ, issuer, audience, without, require, claims, .. } = &raw.value;
    let algorithms = match algorithms {
        Some(written) => self::algorithms(context, written),
        None => {
            if !raw.value.flawed {
                let problem =
                    Problem::error("missing_key", raw.at, "a token needs the `algorithms` that may sign it");
                context.push(problem.help("add `algorithms = [\"RS256\"]`, or those that the issuer uses"));
            }
            Vec::new()
        }
    };
    let claims = Claims {
        issuer: names(context, issuer),
        audience: names(context, audience),
        require: require.iter().flat_map(|list| &list.value).map(|name| name.value.clone()).collect(),
        exact: exact(context, claims),
        leeway: leeway(context, &raw.value.leeway),
        max_age: age(context, &raw.value.max_age),
        max_lifetime: age(context, &raw.value.max_lifetime),
        timeless: without.iter().flat_map(|list| &list.value).any(|claim| claim.value == "exp"),
    };
    let silent = silent(context, without);
    // The issuer of OpenID Connect is the one that its document is asked of.
    let discovery = raw.value.keys.as_ref().and_then(|keys| keys.value.discovery.as_ref());
    let issuer_at = issuer.as_ref().map(|found| found.at).or(discovery.map(|found| found.at));
    let audience_at = audience.as_ref().map(|found| found.at);
    for (key, claim, written) in [("issuer", "iss", issuer_at), ("audience", "aud", audience_at)] {
        must_be_named(context, raw.at, key, claim, written, &silent, raw.value.flawed);
    }
    let place = place(context, &raw.value);
    let body_hash = match &raw.value.body_hash {
        Some(hash) => Some(body_hash(context, hash)?),
        None => None,
    };
    let address_hash = match &raw.value.address_hash {
        Some(hash) => Some(address_hash(context, hash)?),
        None => None,
    };
    let kid = kid_rule(context, &raw.value.kid, kid);
    let definition = JwtDefinition {
        address_hash,
        place: place?,
        algorithms,
        typ: texts(typ),
        kid,
        claims,
        body_hash,
        profile: Profile::Jwt,
    };
    (!context.failed_since(mark) && !raw.value.flawed).then_some(definition)
}

/// `[swt]`; nothing where it has mistakes. `at` is where the operator can add what is missing.
pub fn swt_definition(
    context: &mut Context<'_>,
    raw: &Located<RawSwt>,
    at: Span,
    kid: KidRule,
) -> Option<JwtDefinition> {
    let mark = context.mark();
    let legacy = raw.value.legacy.as_ref().is_some_and(|legacy| legacy.value);
    let algorithms = match &raw.value.algorithms {
        Some(written) => self::algorithms(context, written),
        None => vec![Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512],
    };
    if raw.value.issuer.is_none() && !raw.value.flawed {
        let problem =
            Problem::error("missing_key", at, "a Secure Webhook Token needs the `issuer` that makes it");
        context.push(
            problem.help("add `swt.issuer = \"https://sender.example\"`: what the sender writes into `iss`"),
        );
    }
    let claims = Claims {
        issuer: names(context, &raw.value.issuer),
        audience: names(context, &raw.value.audience),
        require: ["webhook", "iss", "exp", "nbf", "iat", "jti"].map(str::to_owned).to_vec(),
        exact: exact(context, &raw.value.claims),
        leeway: leeway(context, &raw.value.leeway),
        max_age: None,
        max_lifetime: age(context, &raw.value.max_lifetime).or(Some(SWT_LIFETIME)),
        timeless: false,
    };
    let definition = JwtDefinition {
        place: TokenPlace::Header(AUTHORIZATION, "Bearer ".to_owned()),
        algorithms,
        typ: vec![if legacy { "JWT" } else { "SWT" }.to_owned()],
        kid: kid_rule(context, &raw.value.kid, kid),
        claims,
        body_hash: if legacy { None } else { Some(BodyHash::swt()?) },
        address_hash: None,
        profile: if legacy { Profile::SwtLegacy } else { Profile::Swt },
    };
    (!context.failed_since(mark) && !raw.value.flawed).then_some(definition)
}

fn algorithms(context: &mut Context<'_>, written: &Located<List<String>>) -> Vec<Algorithm> {
    let mut found = Vec::new();
    for text in &written.value {
        match Algorithm::parse(&text.value) {
            Some(algorithm) if !found.contains(&algorithm) => found.push(algorithm),
            Some(_) => context.error("bad_value", text.at, format!("{} stands twice", text.value)),
            None => {
                let help = match nearest(&text.value, Algorithm::names()) {
                    _ if text.value.eq_ignore_ascii_case("none") => {
                        "an unsigned token proves nothing".to_owned()
                    }
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => format!("valid here: {}", listed(Algorithm::names())),
                };
                let message = format!("there is no algorithm \"{}\"", text.value.escape_debug());
                context.push(Problem::error("bad_value", text.at, message).help(help));
            }
        }
    }
    if written.value.is_empty() {
        context.error("bad_value", written.at, "`algorithms` is empty: nothing could be verified");
    }
    warn_mixed(context, written.at, &found);
    found
}

/// A secret and a public key for one source: whoever can have one taken for the other signs everything.
fn warn_mixed(context: &mut Context<'_>, at: Span, algorithms: &[Algorithm]) {
    let symmetric = algorithms.iter().filter(|algorithm| algorithm.is_symmetric()).count();
    if symmetric > 0 && symmetric < algorithms.len() {
        let message = "HS algorithms beside those with public keys: the sender should use one kind";
        context.push(
            Problem::warning("mixed_algorithms", at, message)
                .help("make two sources, or drop what is not used"),
        );
    }
}

/// What `iss` or `aud` must say. Nobody is called by an empty text: it is a variable that was not filled in.
fn names(context: &mut Context<'_>, written: &Option<Located<OneOrMany<String>>>) -> Vec<String> {
    for text in written.iter().flat_map(|found| &found.value.0).filter(|text| text.value.trim().is_empty()) {
        context.error("bad_value", text.at, "this is empty");
    }
    texts(written)
}

pub(super) fn texts(written: &Option<Located<OneOrMany<String>>>) -> Vec<String> {
    written.iter().flat_map(|found| &found.value.0).map(|text| text.value.clone()).collect()
}

fn exact(context: &mut Context<'_>, claims: &Option<Located<Map<Exact>>>) -> Vec<(ClaimPath, Vec<Json>)> {
    let mut found = Vec::new();
    for (name, named) in claims.iter().flat_map(|claims| &claims.value.0) {
        match ClaimPath::parse(name) {
            Some(path) => found.push((path, named.entry.value.0.clone())),
            None => bad_claim(context, named.key_at),
        }
    }
    found
}

fn bad_claim(context: &mut Context<'_>, at: Span) {
    let problem = Problem::error("bad_value", at, "this is not the name of a claim");
    context.push(problem.help("a name such as \"scope\", or the names that lead to it: \"/webhook/event\""));
}

pub(super) fn leeway(context: &mut Context<'_>, written: &Option<Located<Period>>) -> i64 {
    seconds(context, written, MAX_LEEWAY, true).unwrap_or(LEEWAY)
}

pub(super) fn age(context: &mut Context<'_>, written: &Option<Located<Period>>) -> Option<i64> {
    seconds(context, written, MAX_AGE, false)
}

/// In whole seconds, as times of tokens are compared.
fn seconds(
    context: &mut Context<'_>,
    written: &Option<Located<Period>>,
    most: u64,
    zero_is_fine: bool,
) -> Option<i64> {
    let period = written.as_ref()?;
    let (whole, rest) = (period.value.0.as_secs(), period.value.0.subsec_nanos());
    if rest != 0 || whole > most || (whole == 0 && !zero_is_fine) {
        let least = if zero_is_fine { 0 } else { 1 };
        context.error("bad_value", period.at, format!("expected {least} to {most} whole seconds"));
    }
    i64::try_from(whole).ok()
}

/// The claims that the policy says the sender leaves out.
fn silent(context: &mut Context<'_>, without: &Option<Located<List<String>>>) -> Vec<(String, Span)> {
    let mut silent = Vec::new();
    for claim in without.iter().flat_map(|list| &list.value) {
        if claim.value == "exp" {
            if !context.is_built_in(claim.at) {
                let message = "a token without `exp` is good for ever: who records it can send it again";
                context.push(Problem::warning("claim_unchecked", claim.at, message));
            }
        } else if ["iss", "aud"].contains(&claim.value.as_str()) {
            silent.push((claim.value.clone(), claim.at));
        } else {
            let problem =
                Problem::error("bad_value", claim.at, "only `iss`, `aud` and `exp` can be left out");
            context.push(problem.help("other claims are checked where the token has them"));
        }
    }
    silent
}

/// A token without issuer or audience is good for everybody who trusts the same keys: that must be said.
fn must_be_named(
    context: &mut Context<'_>,
    at: Span,
    key: &str,
    claim: &str,
    written: Option<Span>,
    silent: &[(String, Span)],
    flawed: bool,
) {
    let said = silent.iter().find(|(name, _)| name == claim);
    match (written, said) {
        (None, None) if !flawed => {
            let message = format!("a token needs the `{key}` that `{claim}` must name");
            let help =
                format!("add `{key} = \"...\"`, or `without = [\"{claim}\"]` where the sender writes none");
            context.push(Problem::error("missing_key", at, message).help(help));
        }
        (Some(written), Some((_, at))) => {
            let message = format!("`{claim}` is both compared and left out");
            context.push(Problem::error("bad_value", *at, message).other(written, "compared here"));
        }
        (None, Some((_, at))) if !context.is_built_in(*at) => {
            let message =
                format!("`{claim}` is not compared: a token that was made for somebody else is accepted");
            context.push(Problem::warning("claim_unchecked", *at, message));
        }
        _ => {}
    }
}

fn place(context: &mut Context<'_>, raw: &RawJwt) -> Option<TokenPlace> {
    let body = raw.body.as_ref().filter(|body| body.value);
    let places: Vec<Span> = [
        raw.header.as_ref().or(raw.prefix.as_ref()).map(|found| found.at),
        body.map(|found| found.at),
        raw.json.as_ref().map(|found| found.at),
    ]
    .into_iter()
    .flatten()
    .collect();
    if let [first, second, ..] = places.as_slice() {
        let problem = Problem::error("bad_value", *second, "a token stands in one place");
        context.push(problem.other(*first, "the other one"));
        return None;
    }
    if body.is_some() {
        return Some(TokenPlace::Body);
    }
    if let Some(text) = &raw.json {
        let pointer = Pointer::parse(&text.value).map(TokenPlace::Json);
        if pointer.is_none() {
            context.push(
                Problem::error("bad_value", text.at, "not a JSON pointer").help("for example \"/token\""),
            );
        }
        return pointer;
    }
    let header: HeaderName = match &raw.header {
        Some(name) => header_name(context, name)?,
        None => AUTHORIZATION,
    };
    let usual = if header == AUTHORIZATION { "Bearer " } else { "" };
    let prefix = raw.prefix.as_ref().map_or(usual, |prefix| prefix.value.as_str()).to_owned();
    Some(TokenPlace::Header(header, prefix))
}

fn body_hash(context: &mut Context<'_>, raw: &Located<RawBodyHash>) -> Option<BodyHash> {
    let RawBodyHash { claim, hash, encoding, empty, flawed } = &raw.value;
    let Some(claim) = claim else {
        if !flawed {
            let problem =
                Problem::error("missing_key", raw.at, "`body_hash` needs the `claim` that holds it");
            context.push(problem.help("add `claim = \"request_body_sha256\"`"));
        }
        return None;
    };
    let path = ClaimPath::parse(&claim.value);
    if path.is_none() {
        bad_claim(context, claim.at);
    }
    let hash = word(context, hash, Hash::NAMES, Hash::parse, Hash::Sha256)?;
    let form = |name: &str| match name {
        "tagged" => Some(HashForm::Tagged),
        "text" => Some(HashForm::Text),
        name => plain_form(name, hash),
    };
    let names = ["hex", "base64", "base64url", "tagged", "text"];
    let form = word(context, encoding, &names, form, HashForm::Hex(hash))?;
    let empty = word(context, empty, EmptyBody::NAMES, EmptyBody::parse, EmptyBody::Require)?;
    Some(BodyHash { claim: path?, form, empty })
}

/// A text form that every digest can have.
fn plain_form(name: &str, hash: Hash) -> Option<HashForm> {
    match name {
        "hex" => Some(HashForm::Hex(hash)),
        "base64" => Some(HashForm::Base64(hash)),
        "base64url" => Some(HashForm::Base64Url(hash)),
        _ => None,
    }
}

/// The digest of the address; `public_url` comes with the source.
fn address_hash(context: &mut Context<'_>, raw: &Located<RawAddressHash>) -> Option<AddressHash> {
    let RawAddressHash { claim, of, hash, encoding, .. } = &raw.value;
    let Some(claim) = claim else {
        context.error("missing_key", raw.at, "`address_hash` needs the `claim` that holds it");
        return None;
    };
    let path = ClaimPath::parse(&claim.value);
    if path.is_none() {
        bad_claim(context, claim.at);
    }
    let hash = word(context, hash, Hash::NAMES, Hash::parse, Hash::Sha256)?;
    let form = |name: &str| plain_form(name, hash);
    let form = word(context, encoding, &["hex", "base64", "base64url"], form, HashForm::Hex(hash))?;
    let text = |name: &str| match name {
        "url" => Some(AddressText::Url(String::new())),
        "canonical" => Some(AddressText::Canonical),
        _ => None,
    };
    let of = word(context, of, &["url", "canonical"], text, AddressText::Url(String::new()))?;
    Some(AddressHash { claim: path?, form, of })
}

pub(super) fn kid_rule(
    context: &mut Context<'_>,
    written: &Option<Located<String>>,
    usual: KidRule,
) -> KidRule {
    word(context, written, KidRule::NAMES, KidRule::parse, usual).unwrap_or(usual)
}

/// One of a few words, or what is usual where nothing is written. Nothing where it is another word.
pub(super) fn word<T>(
    context: &mut Context<'_>,
    written: &Option<Located<String>>,
    valid: &[&'static str],
    parse: impl Fn(&str) -> Option<T>,
    usual: T,
) -> Option<T> {
    let Some(text) = written else { return Some(usual) };
    let parsed = parse(&text.value);
    if parsed.is_none() {
        let message = format!("unknown word \"{}\"", text.value.escape_debug());
        let help = format!("valid here: {}", listed(valid.iter().copied()));
        context.push(Problem::error("bad_value", text.at, message).help(help));
    }
    parsed
}

/// How a secret of the HS algorithms is written. Nothing where the table has mistakes.
pub fn key_form(context: &mut Context<'_>, raw: Option<&Located<RawKey>>) -> Option<KeyForm> {
    let Some(raw) = raw else { return Some(KeyForm::default()) };
    let mut flaws = Vec::new();
    let form = scheme::key_form(&key_definition(&raw.value), &mut flaws);
    for flaw in &flaws {
        let at = raw.value.locate(flaw.path.get(1..).unwrap_or_default()).unwrap_or(raw.at);
        context.push(Problem::error("bad_value", at, flaw.message.as_str()).help_if(flaw.help.clone()));
    }
    form.filter(|_| flaws.is_empty())
}

/// Bytes of a secret that is long enough for every HS algorithm of a list; nothing where there is none.
pub fn secret_bytes(algorithms: &[Algorithm]) -> Option<usize> {
    let bytes = algorithms.iter().filter_map(|algorithm| match algorithm.family() {
        Family::Secret { min_bytes } => Some(min_bytes),
        _ => None,
    });
    bytes.max()
}
