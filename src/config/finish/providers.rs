//! The providers that sources use: the operator's own and the built-in ones.

use super::Context;
use super::answers::answers;
use super::definition::schemes;
use super::handshake;
use super::secrets::{bad_name, is_name};
use crate::config::problem::{Problem, listed, nearest};
use crate::config::provider;
use crate::config::raw::{RawProvider, RawSource};
use crate::config::read::merged;
use crate::config::span::Located;
use crate::config::value::{Handshakes, Named, Text};
use std::collections::{BTreeMap, HashMap};

/// The providers that sources name: the operator's, and built-in ones as far as they are used.
pub struct Providers {
    own: BTreeMap<String, Named<RawProvider>>,
    built_in: HashMap<String, Located<RawProvider>>,
}

impl Providers {
    /// Takes the operator's providers and checks them, used or not.
    pub fn new(context: &mut Context<'_>, own: BTreeMap<String, Named<RawProvider>>) -> Providers {
        for (name, Named { key_at, entry }) in &own {
            if !is_name(name) {
                bad_name(context, *key_at);
            }
            if provider::text(name).is_some() {
                // No mistake: a newer Bonafide knows more senders, and a policy must go on to mean what it meant.
                let message =
                    format!("`{name}` is a built-in provider as well; yours is the one that counts");
                let problem = Problem::warning("shadows_built_in", *key_at, message);
                context.push(problem.help(format!("choose another name, such as `my-{name}`")));
            }
            let RawProvider { signature, jwt, swt, http_signature, token, basic, handshake, flawed, .. } =
                &entry.value;
            let tables = [
                signature.is_some(),
                jwt.is_some(),
                swt.is_some(),
                http_signature.is_some(),
                token.is_some(),
                basic.is_some(),
            ];
            if tables.iter().filter(|present| **present).count() != 1 && !flawed {
                let message = format!(
                    "a provider has exactly one of {}",
                    listed(["signature", "jwt", "swt", "http_signature", "token", "basic"])
                );
                context.error("scheme_count", *key_at, message);
            }
            answers(context, entry.value.answers.as_ref());
            if let Some(signature) = signature {
                schemes(context, signature);
            }
            if let Some(list) = handshake {
                handshake::check(context, &list.value);
            }
        }
        Providers { own, built_in: HashMap::new() }
    }

    /// A source over its provider: its own keys win leaf by leaf.
    pub fn merge(&mut self, context: &mut Context<'_>, mut source: Located<RawSource>) -> Located<RawSource> {
        let Some(name) = source.value.provider.clone() else { return source };
        let Some(provider) = self.find(context, &name.value) else {
            self.unknown(context, &name);
            source.value.flawed = true;
            return source;
        };
        source.value.flawed |= provider.flawed;
        source.value.methods = merged(provider.methods, source.value.methods);
        source.value.replay = merged(provider.replay, source.value.replay);
        let handshakes = provider.handshake.map(|list| list.map(Handshakes::Own));
        source.value.handshake = source.value.handshake.or(handshakes);
        source.value.reply = merged(provider.reply, source.value.reply);
        source.value.answers = merged(provider.answers, source.value.answers);
        source.value.signature = merged(provider.signature, source.value.signature);
        source.value.jwt = merged(provider.jwt, source.value.jwt);
        source.value.swt = merged(provider.swt, source.value.swt);
        source.value.http_signature = merged(provider.http_signature, source.value.http_signature);
        source.value.token = merged(provider.token, source.value.token);
        source.value.basic = merged(provider.basic, source.value.basic);
        source
    }

    fn find(&mut self, context: &mut Context<'_>, name: &str) -> Option<RawProvider> {
        if let Some(own) = self.own.get(name) {
            return Some(own.entry.value.clone());
        }
        if !self.built_in.contains_key(name) {
            let provider = provider::built_in(name, &mut context.files, &mut context.problems)?;
            self.built_in.insert(name.to_owned(), provider);
        }
        self.built_in.get(name).map(|provider| provider.value.clone())
    }

    fn unknown(&self, context: &mut Context<'_>, name: &Located<Text>) {
        let own = self.own.keys().map(String::as_str);
        let known = own.chain(provider::names().map(|name: &str| name));
        let help = match nearest(&name.value.to_ascii_lowercase(), known) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => {
                let built_in: Vec<&str> = provider::names().collect();
                format!("built in are {}; your own are `[provider.NAME]`", built_in.join(", "))
            }
        };
        let message = format!("there is no provider \"{}\"", name.value.escape_debug());
        context.push(Problem::error("unknown_provider", name.at, message).help(help));
    }
}
