//! How a receiver is set up for rows of a provider, and how Bonafide would judge there.

use super::place::Place;
use super::vectors::SetupKey;
use crate::base::names::Reason;
use crate::base::secret::Secret;
use crate::base::time::UnixTime;
use crate::cli::init::signs_with_a_private_key;
use crate::cli::verify::{Keys, prove};
use crate::config::{Environment, Options, ProviderEntry, load_text};
use crate::http::{Authority, Body, Head, Target};
use crate::policy::Check;
use crate::verify::{Draft, Verifier};
use http::Method;
use serde_json::Value;
use std::fmt::Write as _;

/// What stands before the source.
const FRAME: &str =
    "[server]\nlisten = \"127.0.0.1:0\"\nplaintext = true\n[upstream]\nurl = \"http://127.0.0.1:1\"\n";
/// What a secret is replaced with that a policy refuses as a placeholder.
const STAND_IN: &str = "0123456789abcdef0123456789abcdef";

/// A receiver of one provider's messages.
#[derive(Debug)]
pub struct Setup {
    /// Its number among those of the provider, from 1; nothing where no receiver is set up so.
    pub number: Option<usize>,
    /// What it has to know.
    pub key: SetupKey,
    /// Where it is.
    pub path: String,
    /// Whether secrets were replaced, so that nothing published fits them.
    pub replaced: bool,
    /// The methods that its messages name; empty where none does.
    methods: Vec<Method>,
    /// What is expected of it, or why Bonafide cannot be set up so.
    verifier: Result<Verifier, String>,
}

impl Setup {
    /// A receiver; with `replace`, secrets that a policy refuses are replaced by one that it takes.
    pub fn new(
        provider: &ProviderEntry,
        number: Option<usize>,
        key: &SetupKey,
        methods: Vec<Method>,
        place: &Place,
        replace: bool,
    ) -> Setup {
        let path = place.path(provider.id, number.unwrap_or(1));
        let verifier = Err(String::new());
        let mut setup = Setup { number, key: key.clone(), path, replaced: false, methods, verifier };
        setup.verifier = setup.load(provider, place);
        if setup.verifier.is_err() && replace {
            let placeholder = |secret: &&mut String| secret.len() < STAND_IN.len();
            setup.key.secrets.iter_mut().filter(placeholder).for_each(|secret| STAND_IN.clone_into(secret));
            setup.replaced = setup.key != *key;
            setup.verifier = setup.load(provider, place);
        }
        setup
    }

    /// The same with other secrets of the same form, which is nobody's receiver.
    pub fn with_other_secrets(&self, provider: &ProviderEntry, place: &Place) -> Setup {
        let mut key = self.key.clone();
        for secret in &mut key.secrets {
            let other = Secret::new(secret.clone().into_bytes()).another(&[7, 11, 13]);
            *secret = String::from_utf8_lossy(other.expose()).into_owned();
        }
        Setup::new(provider, None, &key, self.methods.clone(), place, false)
    }

    /// How it judges.
    ///
    /// # Errors
    /// Why Bonafide cannot be set up so.
    pub fn verifier(&self) -> Result<&Verifier, &str> {
        self.verifier.as_ref().map_err(String::as_str)
    }

    /// What Bonafide would say of a request: nothing where it is genuine.
    ///
    /// # Errors
    /// It cannot say.
    pub fn judge(&self, draft: &Draft, now: UnixTime) -> Result<Option<Reason>, ()> {
        let verifier = self.verifier().map_err(|_| ())?;
        let head = Head {
            method: draft.method.clone(),
            target: Target::parse(&draft.target, usize::MAX).map_err(|_| ())?,
            host: Authority::parse(b"localhost").map_err(|_| ())?,
            headers: draft.headers.clone(),
            nominated: Vec::new(),
            captures: draft.captures.clone(),
        };
        let body = Body::from_bytes(draft.body.clone());
        let verdict =
            prove(verifier, &Keys { file: None, source: None }, &head, &body, now).map_err(|_| ())?;
        Ok(verdict.err().map(|error| error.reason()))
    }

    fn load(&self, provider: &ProviderEntry, place: &Place) -> Result<Verifier, String> {
        let text = format!("{FRAME}{}", self.source(provider, place));
        let environment = Environment::from_fn(|_| None);
        let loaded =
            load_text("conformance.toml", &text, &Options { secrets: true, written: false }, &environment);
        let sources = loaded.map_err(|problems| problems.to_string())?.configuration.policy.sources;
        match sources.into_iter().next().map(|source| source.check) {
            Some(Check::Enforce(verifier) | Check::Report(verifier, _)) => Ok(verifier),
            Some(Check::Nothing(_)) | None => Err("the source proves nothing".to_owned()),
        }
    }

    /// The source of a policy file.
    pub fn source(&self, provider: &ProviderEntry, place: &Place) -> String {
        let SetupKey { secrets, params, overrides } = &self.key;
        let number = self.number.unwrap_or_default();
        let mut text = format!(
            "[[source]]\nname = {}\npath = {}\nprovider = {}\npublic_url = {}\nreplay = \"off\"\nhandshake = \"off\"\n",
            quoted(&format!("{}-{number}", provider.id)),
            quoted(&self.path),
            quoted(provider.id),
            quoted(&place.public_url),
        );
        if signs_with_a_private_key(provider) && !secrets.is_empty() {
            let _ = writeln!(text, "public_keys = {}", Value::from(secrets.clone()));
        } else if !secrets.is_empty() {
            let literal = |secret: &String| format!("{{ literal = {} }}", quoted(secret));
            let literals: Vec<String> = secrets.iter().map(literal).collect();
            let _ = writeln!(text, "secrets = [{}]", literals.join(", "));
        }
        if !self.methods.is_empty() && !overrides.contains("methods") {
            let names: Vec<&str> = self.methods.iter().map(Method::as_str).collect();
            let _ = writeln!(text, "methods = {}", Value::from(names));
        }
        // Tables end the keys of the source, so they stand behind them.
        let tables = overrides.lines().take_while(|line| !line.starts_with('[')).map(|line| line.len() + 1);
        let (keys, tables) = overrides.split_at(tables.sum::<usize>().min(overrides.len()));
        text.push_str(keys);
        text.push('\n');
        if !params.is_empty() {
            text.push_str("[source.params]\n");
        }
        for (name, value) in params {
            let _ = writeln!(text, "{} = {}", quoted(name), quoted(value));
        }
        text.push_str(tables);
        // Published secrets are shorter than those of senders.
        let demands = provider.proof().and_then(|proof| proof.get("key")?.get("min_bytes"));
        if demands.is_some() && !tables.contains("min_bytes") {
            let _ = write!(text, "\n[source.{}.key]\nmin_bytes = 1", provider.scheme);
        }
        text.push('\n');
        text
    }
}

fn quoted(text: &str) -> String {
    // JSON's strings are TOML's, too.
    Value::from(text).to_string()
}
