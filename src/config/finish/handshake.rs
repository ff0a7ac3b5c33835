//! What a source answers by itself.

use super::Context;
use super::definition::condition;
use crate::config::problem::Problem;
use crate::config::raw::{RawHandshake, RawSource};
use crate::config::read::Raw;
use crate::config::span::{Located, Span};
use crate::config::value::{Handshakes, List};
use crate::scheme::{Handshake, HandshakeDefinition};
use std::collections::BTreeMap;

/// The handshakes of a source that was merged with its provider; those whose `params` are not there are left out.
pub fn handshakes(
    context: &mut Context<'_>,
    raw: &Located<RawSource>,
    public_url: Option<&str>,
) -> Vec<Handshake> {
    let Some(Located { value: Handshakes::Own(list), .. }) = &raw.value.handshake else { return Vec::new() };
    let params = raw.value.params.iter().flat_map(|params| &params.value.0);
    let params: BTreeMap<_, _> =
        params.map(|(name, named)| (name.clone(), named.entry.value.clone())).collect();
    list.iter().filter_map(|one| build(context, raw, one, public_url, &params)).collect()
}

/// Checks the handshakes of a provider of the operator's own, used or not.
pub fn check(context: &mut Context<'_>, list: &List<RawHandshake>) {
    for raw in list.iter().filter(|raw| !raw.value.flawed) {
        // Whatever the source brings: its own values are checked when it is built.
        let definition = HandshakeDefinition { needs: vec!["\0".to_owned()], ..definition(&raw.value) };
        if let Err(flaws) = Handshake::build(&definition, None, &BTreeMap::new()) {
            tell(context, raw, raw.at, flaws);
        }
    }
}

fn build(
    context: &mut Context<'_>,
    source: &Located<RawSource>,
    raw: &Located<RawHandshake>,
    public_url: Option<&str>,
    params: &BTreeMap<String, String>,
) -> Option<Handshake> {
    if raw.value.flawed {
        return None;
    }
    match Handshake::build(&definition(&raw.value), public_url, params) {
        Ok(found) => found,
        Err(flaws) => {
            // What a provider needs is added in the source that uses it.
            let provider = source.value.provider.as_ref().filter(|_| context.is_built_in(raw.at));
            tell(context, raw, provider.map_or(raw.at, |provider| provider.at), flaws);
            None
        }
    }
}

fn tell(context: &mut Context<'_>, raw: &Located<RawHandshake>, at: Span, flaws: Vec<crate::scheme::Flaw>) {
    for flaw in flaws {
        let at = raw.value.locate(&flaw.path).filter(|_| at == raw.at).unwrap_or(at);
        context.push(Problem::error("handshake", at, flaw.message).help_if(flaw.help));
    }
}

fn definition(raw: &RawHandshake) -> HandshakeDefinition {
    let reply = raw.reply.as_ref().map(|reply| &reply.value);
    let text = |found: Option<&Located<String>>| found.map(|found| found.value.clone());
    let headers = reply.and_then(|reply| reply.headers.as_ref());
    let headers = headers.into_iter().flat_map(|headers| &headers.value.0);
    HandshakeDefinition {
        name: text(raw.name.as_ref()),
        when: raw.when.iter().flat_map(|when| &when.value).map(|when| condition(&when.value)).collect(),
        signed: raw.signed.as_ref().map(|signed| signed.value),
        needs: raw.needs.iter().flat_map(|needs| &needs.value).map(|name| name.value.clone()).collect(),
        status: reply.and_then(|reply| reply.status.as_ref()).map(|status| status.value),
        content_type: text(reply.and_then(|reply| reply.media_type.as_ref())),
        body: text(reply.and_then(|reply| reply.body.as_ref())),
        headers: headers.map(|(name, named)| (name.clone(), named.entry.value.clone())).collect(),
        max: reply.and_then(|reply| reply.max.as_ref()).map(|max| max.value),
    }
}
