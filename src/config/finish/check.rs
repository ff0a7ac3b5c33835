//! What a source checks: its one scheme, and the waivers that it asks for.

use super::addresses::public_url;
use super::handshake::handshakes;
use super::scheme::{Subject, verifier};
use super::server::Frame;
use super::{Context, replay};
use crate::config::problem::Problem;
use crate::config::raw::{RawMode, RawSource};
use crate::config::span::{Located, Span};
use crate::policy::{Check, KeySource, PathPattern, ReplayRule};
use crate::scheme::Handshake;
use crate::verify::{Covers, Remember, Verifier};
use http::Method;
use std::sync::Arc;

/// What a source checks, where its keys are, and what it remembers.
pub struct Checked {
    pub check: Check,
    pub key_source: Option<Arc<KeySource>>,
    pub replay: Option<ReplayRule>,
    pub handshakes: Vec<Handshake>,
}

/// What a source checks; nothing where it has mistakes.
pub fn check(
    context: &mut Context<'_>,
    frame: &Frame,
    raw: &Located<RawSource>,
    path: Option<&PathPattern>,
    method: Option<&Method>,
) -> Option<Checked> {
    let own_url = raw.value.public_url.as_ref().map(|url| public_url(context, url));
    if !one_scheme(context, raw) {
        return None;
    }
    let report = raw.value.mode.as_ref().filter(|mode| mode.value == RawMode::Report);
    if let Some(scheme) = &raw.value.scheme {
        context.push(Problem::warning(
            "waiver",
            scheme.at,
            "everything that comes here is forwarded unverified",
        ));
        replay::warn_unused_reply(context, raw, None);
        return Some(Checked {
            check: Check::nothing(),
            key_source: None,
            replay: None,
            handshakes: Vec::new(),
        });
    }
    let public_url = own_url.unwrap_or_else(|| frame.public_url.clone());
    let handshakes = handshakes(context, raw, public_url.as_deref());
    let subject = Subject { raw, path: path?, method: method?, public_url };
    let (verifier, key_source) = verifier(context, &subject)?;
    let verifier = verifier.beside(&handshakes);
    warn_unbound_body(context, raw, &verifier);
    let replay = replay::rule(context, raw, &verifier);
    replay::warn_unused_reply(context, raw, replay.as_ref().filter(|_| report.is_none()));
    Some(match report {
        Some(mode) => {
            let message = "requests without valid proof are forwarded too, marked in `Bonafide-Verdict`";
            context.push(Problem::warning("waiver", mode.at, message));
            // What is forwarded whatever the verdict is forwarded however often it comes.
            Checked { check: Check::report(verifier), key_source, replay: None, handshakes }
        }
        None => {
            let by = replay.map_or(Remember::Nothing, |rule| rule.by);
            Checked { check: Check::Enforce(verifier.remembering(by)), key_source, replay, handshakes }
        }
    })
}

/// Exactly one scheme, and a secret exactly where the scheme takes one.
fn one_scheme(context: &mut Context<'_>, raw: &Located<RawSource>) -> bool {
    let RawSource {
        signature,
        jwt,
        swt,
        http_signature,
        token,
        basic,
        scheme,
        secret,
        secrets,
        mode,
        provider,
        flawed,
        ..
    } = &raw.value;
    let places: Vec<Span> = [
        signature.as_ref().map(|found| found.at),
        jwt.as_ref().map(|found| found.at),
        swt.as_ref().map(|found| found.at),
        http_signature.as_ref().map(|found| found.at),
        token.as_ref().map(|found| found.at),
        basic.as_ref().map(|found| found.at),
        scheme.as_ref().map(|found| found.at),
    ]
    .into_iter()
    .flatten()
    .collect();
    if places.is_empty() && !flawed {
        let problem =
            Problem::error("missing_scheme", raw.at, "this source does not say how its sender is proved");
        context.push(
            problem.help(
                "add `provider`, or one of the tables `signature`, `jwt`, `swt`, `http_signature`, `token`, `basic`",
            ),
        );
    }
    if let [first, second, ..] = places.as_slice() {
        // What came with the provider has its place in another file.
        let other = provider.as_ref().map_or(*first, |provider| provider.at);
        let problem = Problem::error("scheme_count", *second, "a source has exactly one scheme");
        context.push(problem.other(other, "the other one"));
        return false;
    }
    if scheme.is_some() {
        let unused = secret.as_ref().map(|secret| secret.at).or(secrets.as_ref().map(|secrets| secrets.at));
        for at in unused.into_iter().chain(mode.as_ref().map(|mode| mode.at)) {
            context.error(
                "unused_key",
                at,
                "with `scheme = \"none\"` nothing is checked, so this has no effect",
            );
        }
    }
    !places.is_empty()
}

fn warn_unbound_body(context: &mut Context<'_>, raw: &Located<RawSource>, verifier: &Verifier) {
    if verifier.covers() == Covers::Body {
        return;
    }
    if let Some(jwt) = &raw.value.jwt {
        let message = "nothing in the token says what the body is: whoever gets hold of a token can send any body with it";
        let problem = Problem::warning("body_not_covered", jwt.at, message);
        context.push(
            problem.help(
                "where the sender writes a digest into the token, add `body_hash = { claim = \"...\" }`",
            ),
        );
    }
    let at = match (&raw.value.signature, &raw.value.http_signature) {
        (Some(signature), _) => signature.value.covers.as_ref().map_or(signature.at, |covers| covers.at),
        (None, Some(table)) => table.value.digest.as_ref().map_or(table.at, |digest| digest.at),
        (None, None) => return,
    };
    let message =
        "the signature does not cover the body: whoever can change a request in transit can change that";
    context.push(Problem::warning("body_not_covered", at, message));
}
