//! Whose request `verify` and `sign` are about: a built-in provider with a secret, or a source of a policy
//! file.

use super::Failure;
use super::message::read;
use crate::base::secret::Secret;
use crate::config::{Environment, Options, ProviderScheme, nearest, provider_names, provider_scheme};
use crate::http::{Captures, Target};
use crate::policy::{Check, KeySource, PathPattern};
use crate::scheme::Schemes;
use crate::verify::{
    AddressText, Algorithm, Covers, JwtKeys, KeySet, NamedSecret, SetupFlaw, Surroundings, Verifier,
};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Options that name the sender.
#[derive(Debug, clap::Args)]
pub struct SubjectArguments {
    /// A built-in provider, such as github.
    #[arg(long, value_name = "ID", required_unless_present = "source", conflicts_with = "source")]
    provider: Option<String>,
    /// A file with the secret; one newline at its end is dropped; `-` is standard input. Several while one
    /// secret replaces another.
    #[arg(long, value_name = "FILE", conflicts_with = "source")]
    secret_file: Vec<PathBuf>,
    /// A file with the public keys of the sender, instead of those that would be fetched: PEM, a JWK or a JWK Set; of
    /// a sender of signatures also the key in hex or base64.
    #[arg(long, value_name = "FILE")]
    keys_file: Option<PathBuf>,
    /// A value that is not secret: in the signed message, or in a token that is made (`event`, `issuer`, `audience`,
    /// `subject`, `retry_count`, `lifetime`, `nonce`).
    #[arg(long, value_name = "NAME=VALUE", value_parser = parameter)]
    param: Vec<(String, String)>,
    /// A source of the policy file.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// The policy file.
    #[arg(long, short, env = "BONAFIDE_CONFIG", default_value = "bonafide.toml", value_name = "FILE")]
    config: PathBuf,
}

fn parameter(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// A sender and how it is proved.
#[derive(Debug)]
pub struct Subject {
    name: Name,
    /// How it is proved.
    pub verifier: Verifier,
    /// Where its keys are fetched.
    pub key_source: Option<Arc<KeySource>>,
    /// The other sources of the policy file: name, and what they check.
    pub others: Vec<(Arc<str>, Verifier)>,
}

#[derive(Debug)]
enum Name {
    Provider(String),
    Source(String, PathPattern),
}

impl SubjectArguments {
    /// The files that the secrets stand in.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.secret_file.iter().chain(&self.keys_file)
    }

    /// The values that are not secret, by name.
    pub fn params(&self) -> BTreeMap<String, String> {
        self.param.iter().cloned().collect()
    }

    /// The keys of `--keys-file`, where it is given.
    ///
    /// # Errors
    /// A file that cannot be read (4) or holds no key for these algorithms (2).
    pub fn keys(&self) -> Result<Option<KeySet>, Failure> {
        let Some(path) = self.keys_file.as_ref().filter(|_| !self.signs_with_a_private_key()) else {
            return Ok(None);
        };
        let every: Vec<Algorithm> = Algorithm::names().filter_map(Algorithm::parse).collect();
        let keys = KeySet::of_text(&read(path)?, &every);
        keys.map(Some).map_err(|flaw| Failure::usage(format!("{}: {flaw}", path.display())))
    }

    /// Whether it is a provider whose keys are part of its verifier.
    fn signs_with_a_private_key(&self) -> bool {
        let scheme = self.provider.as_ref().and_then(|id| provider_scheme(id, None).ok().flatten());
        matches!(scheme, Some(ProviderScheme::Signature(schemes, _)) if is_public(&schemes))
    }

    /// The policy file.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// Reads the secrets of `--secret-file`.
    ///
    /// # Errors
    /// A file that cannot be read (4).
    pub fn secrets(&self) -> Result<Vec<NamedSecret>, Failure> {
        self.secret_file.iter().enumerate().map(|(index, path)| secret(index, path)).collect()
    }

    /// The sender, with these secrets or those of the policy file. `origin` is the public address of a provider's
    /// receiver.
    ///
    /// # Errors
    /// An unknown name (2), a policy file with mistakes (3), a file that cannot be read (4).
    pub fn subject(&self, secrets: &[NamedSecret], origin: Option<String>) -> Result<Subject, Failure> {
        match (&self.provider, &self.source) {
            (Some(provider), _) => self.of_provider(provider, secrets.to_vec(), origin),
            (None, Some(source)) => of_source(&self.config, source, &Environment::process()),
            (None, None) => Err(Failure::usage("--provider ID or --source NAME is missing".to_owned())),
        }
    }

    /// The same with other secrets of the same form, which these random bytes decide.
    ///
    /// # Errors
    /// As [`SubjectArguments::subject`].
    pub fn with_other_secrets(
        &self,
        secrets: &[NamedSecret],
        origin: Option<String>,
        random: [u8; 32],
    ) -> Result<Subject, Failure> {
        if let Some(source) = &self.source {
            return of_source(&self.config, source, &Environment::process().with_other_secrets(random));
        }
        let other =
            |named: &NamedSecret| NamedSecret { secret: named.secret.another(&random), ..named.clone() };
        self.subject(&secrets.iter().map(other).collect::<Vec<_>>(), origin)
    }

    /// The public keys of `--keys-file`, else those of the provider's file.
    fn public_keys(&self, own: Option<String>) -> Result<Vec<NamedSecret>, Failure> {
        let text = match &self.keys_file {
            Some(path) => Some(read(path)?),
            None => own.map(String::into_bytes),
        };
        let named =
            |text| NamedSecret { name: "key-1".into(), secret: Secret::new(text), until: None, choice: None };
        Ok(text.map(named).into_iter().collect())
    }

    fn of_provider(
        &self,
        id: &str,
        secrets: Vec<NamedSecret>,
        public_url: Option<String>,
    ) -> Result<Subject, Failure> {
        let params = self.params();
        let issuer = params.get("issuer").map(String::as_str);
        let scheme = provider_scheme(id, issuer).map_err(Failure::config)?;
        let scheme = scheme.ok_or_else(|| unknown("provider", id, provider_names()))?;
        let needs_secret = match &scheme {
            ProviderScheme::Jwt(_, _, fetched) | ProviderScheme::HttpSignature(_, _, fetched) => !fetched,
            ProviderScheme::Signature(schemes, _) => !is_public(schemes),
            ProviderScheme::Token(_) | ProviderScheme::Basic(_) => true,
        };
        if needs_secret && secrets.is_empty() {
            return Err(Failure::usage(format!(
                "--secret-file FILE is missing: the secret of provider {id}"
            )));
        }
        let verifier = match scheme {
            ProviderScheme::Signature(schemes, own) => {
                let secrets = if is_public(&schemes) { self.public_keys(own)? } else { secrets };
                let fetched = secrets.is_empty();
                let surroundings = Surroundings { public_url, params, by: None, fetched };
                Verifier::signature(of_any_length(*schemes), secrets, surroundings)
            }
            ProviderScheme::Jwt(mut definition, form, fetched) => {
                definition.bind(&params).map_err(|unbound| flawed(id, &SetupFlaw::Unbound(unbound)))?;
                if let Some(AddressText::Url(url)) = definition.address_hash.as_mut().map(|hash| &mut hash.of)
                {
                    *url = public_url.unwrap_or_default();
                }
                // What is fetched comes with `--keys-file`, or not at all.
                let keys = if fetched { JwtKeys::Fetched } else { JwtKeys::None };
                Verifier::jwt(*definition, keys, &form, secrets)
            }
            ProviderScheme::HttpSignature(definition, form, public) => {
                let keys = if public { JwtKeys::Fetched } else { JwtKeys::None };
                Verifier::http_signature(*definition, public_url.as_deref(), keys, &form, secrets)
            }
            ProviderScheme::Token(definition) => Verifier::token(definition, secrets),
            ProviderScheme::Basic(definition) => Verifier::basic(definition, secrets),
        };
        let verifier = verifier.map_err(|flaw| flawed(id, &flaw))?;
        Ok(Subject { name: Name::Provider(id.to_owned()), verifier, key_source: None, others: Vec::new() })
    }
}

/// Whether the sender signs with a private key.
fn is_public(schemes: &Schemes) -> bool {
    schemes.all().any(|scheme| scheme.algorithm.public().is_some())
}

/// Without the length that is demanded of secrets in force: those of tests are short.
fn of_any_length(mut schemes: Schemes) -> Schemes {
    for scheme in schemes.variants.iter_mut().map(|(_, scheme)| scheme).chain(&mut schemes.base) {
        scheme.key.min_bytes = None;
    }
    schemes
}

fn flawed(id: &str, flaw: &SetupFlaw) -> Failure {
    let help = match flaw {
        SetupFlaw::Unbound(_) => "; see --param and a full --url",
        _ => "",
    };
    Failure::usage(format!("provider {id}: {flaw}{help}"))
}

fn secret(index: usize, path: &Path) -> Result<NamedSecret, Failure> {
    let mut bytes = read(path)?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    let name = format!("secret-{}", index + 1);
    Ok(NamedSecret { name: name.into(), secret: Secret::new(bytes), until: None, choice: None })
}

fn of_source(path: &Path, name: &str, environment: &Environment) -> Result<Subject, Failure> {
    let options = Options { secrets: true, written: false };
    let loaded = crate::config::load(path, &options, environment).map_err(Failure::config)?;
    let sources = loaded.configuration.policy.sources;
    if !sources.iter().any(|source| *source.name == *name) {
        return Err(unknown("source", name, sources.iter().map(|source| &*source.name)));
    }
    let (found, others): (Vec<_>, Vec<_>) = sources.into_iter().partition(|source| *source.name == *name);
    let others = others.into_iter().filter_map(|source| match source.check {
        Check::Enforce(verifier) | Check::Report(verifier, _) => Some((source.name, verifier)),
        Check::Nothing(_) => None,
    });
    let others = others.collect();
    let found = found.into_iter().next();
    match found.map(|source| (source.check, source.path, source.key_source)) {
        Some((Check::Enforce(verifier) | Check::Report(verifier, _), path, key_source)) => {
            Ok(Subject { name: Name::Source(name.to_owned(), path), verifier, key_source, others })
        }
        _ => Err(Failure::usage(format!("source {name} has `scheme = \"none\"`: it proves nothing"))),
    }
}

/// A name that is not there, with the nearest one that is.
pub fn unknown<'w>(kind: &str, name: &str, known: impl IntoIterator<Item = &'w str>) -> Failure {
    let known: Vec<&str> = known.into_iter().collect();
    let help = match nearest(&name.to_ascii_lowercase(), known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are: {}", known.join(", ")),
    };
    Failure::usage(format!("there is no {kind} `{}`; {help}", name.escape_debug()))
}

impl Subject {
    /// The provider's id.
    pub fn provider(&self) -> Option<&str> {
        match &self.name {
            Name::Provider(id) => Some(id),
            Name::Source(..) => None,
        }
    }

    /// The source's name.
    pub fn source(&self) -> Option<&str> {
        match &self.name {
            Name::Provider(_) => None,
            Name::Source(name, _) => Some(name),
        }
    }

    /// The path of a source that takes only one.
    pub fn path(&self) -> Option<&str> {
        match &self.name {
            Name::Source(_, path) if path.is_exact() => Some(path.as_str()),
            _ => None,
        }
    }

    /// What the path of the source captures in `target`.
    pub fn captures(&self, target: &Target) -> Captures {
        match &self.name {
            Name::Source(_, path) => path.matches(target.path()).unwrap_or_default(),
            Name::Provider(_) => Captures::new(),
        }
    }

    /// The body as given; it may be left out where the proof does not cover it.
    ///
    /// # Errors
    /// The missing option (2).
    pub fn body(&self, given: Option<Bytes>) -> Result<Bytes, Failure> {
        match given {
            Some(body) => Ok(body),
            // A token or a signature says by itself that there is no body.
            None if self.verifier.covers() != Covers::Body
                || matches!(self.verifier.scheme_name(), "swt" | "http_signature") =>
            {
                Ok(Bytes::new())
            }
            None => Err(Failure::usage(format!("--body FILE is missing: {self} signs the body"))),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Name::Provider(id) => write!(out, "provider {id}"),
            Name::Source(name, _) => write!(out, "source {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_has_a_name_and_a_value() {
        assert_eq!(parameter("id=a=b"), Ok(("id".to_owned(), "a=b".to_owned())));
        assert!(parameter("id").is_err());
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        let text = unknown("provider", "GitHup", ["github", "stripe"]).to_string();
        assert_eq!(text, "there is no provider `GitHup`; did you mean `github`?");
        let text = unknown("provider", "x", ["github", "stripe"]).to_string();
        assert_eq!(text, "there is no provider `x`; there are: github, stripe");
    }
}
