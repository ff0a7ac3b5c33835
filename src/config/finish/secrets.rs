//! The secrets of a source, or stand-ins of their form.

use super::{Context, choices};
use crate::base::limits::MAX_SECRETS;
use crate::base::secret::Secret;
use crate::config::problem::Problem;
use crate::config::raw::{RawKey, RawSecret, RawSource};
use crate::config::secrets::SecretReader;
use crate::config::span::{Located, Span};
use crate::config::value::Secrets;
use crate::verify::NamedSecret;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// Longest name of a secret or source, bytes.
const MAX_NAME: usize = 64;

/// What the text of a secret must look like.
pub enum Form {
    /// Any text.
    Text,
    /// A public key.
    Public,
    /// A key of a signature, with the encoding and the lengths that its scheme sets.
    Key { encoding: String, prefix: String, min: usize, max: usize },
}

impl Form {
    /// The form that `key = { ... }` describes.
    pub fn of_key(raw: Option<&RawKey>) -> Form {
        let Some(raw) = raw else { return Form::Text };
        let text = |found: &Option<Located<String>>| found.as_ref().map(|found| found.value.clone());
        let bytes = |found: &Option<Located<u64>>| {
            found.as_ref().and_then(|found| usize::try_from(found.value).ok()).filter(|bytes| *bytes <= 4096)
        };
        Form::Key {
            encoding: text(&raw.encoding).unwrap_or_default(),
            prefix: raw
                .prefix
                .iter()
                .flat_map(|prefix| prefix.value.0.first())
                .map(|text| text.value.replace('*', "x"))
                .collect(),
            min: bytes(&raw.min_bytes).unwrap_or(0),
            max: bytes(&raw.max_bytes).unwrap_or(usize::MAX),
        }
    }

    /// The form of a secret that makes keys of at least so many bytes.
    pub fn of_bytes(raw: Option<&RawKey>, bytes: usize) -> Form {
        match Form::of_key(raw) {
            Form::Text | Form::Public => {
                Form::Key { encoding: String::new(), prefix: String::new(), min: bytes, max: usize::MAX }
            }
            Form::Key { encoding, prefix, min, max } => {
                Form::Key { encoding, prefix, min: min.max(bytes), max }
            }
        }
    }

    /// The keys of a source under which such secrets are written.
    fn words(&self) -> (&'static str, &'static str) {
        match self {
            Form::Public => ("public_key", "public_keys"),
            Form::Text | Form::Key { .. } => ("secret", "secrets"),
        }
    }

    /// Whether the scheme itself says how short a secret may be.
    pub fn has_minimum(&self) -> bool {
        matches!(self, Form::Key { min, .. } if *min > 0)
    }

    /// A secret of this form that nobody uses; the same for the same seed.
    pub fn stand_in(&self, seed: &str) -> Secret {
        let digits = hex::encode(Sha256::digest(seed.as_bytes()));
        Secret::new(match self {
            Form::Text | Form::Public => digits.into_bytes(),
            Form::Key { encoding, prefix, min, max } => {
                let bytes: Vec<u8> = digits.bytes().cycle().take(32.max(*min).min(*max)).collect();
                match encoding.as_str() {
                    "base64" | "base64_any" => format!("{prefix}{}", STANDARD.encode(bytes)).into_bytes(),
                    "base64url" => format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes)).into_bytes(),
                    "hex" => format!("{prefix}{}", hex::encode(bytes)).into_bytes(),
                    _ => [prefix.as_bytes(), &bytes].concat(),
                }
            }
        })
    }
}

/// The secrets of a source in order, with their places. Nothing where one of them is amiss.
pub fn all(
    context: &mut Context<'_>,
    source: &Located<RawSource>,
    form: &Form,
) -> Option<Vec<Located<NamedSecret>>> {
    let RawSource { secret, secrets, flawed, .. } = &source.value;
    let given = Given { one: secret.clone(), several: secrets.clone(), at: source.at, flawed: *flawed };
    given.all(context, form)
}

/// The secrets, or public keys, of a source as they are written.
pub struct Given {
    pub one: Option<Located<RawSecret>>,
    pub several: Option<Located<Secrets>>,
    pub at: Span,
    /// Whether the source has a mistake of its own already.
    pub flawed: bool,
}

impl Given {
    /// All of them in order, with their places. Nothing where one of them is amiss.
    pub fn all(&self, context: &mut Context<'_>, form: &Form) -> Option<Vec<Located<NamedSecret>>> {
        if let Some(Located { value: Secrets::Chosen(choice), at }) = &self.several {
            return choices::all(context, self.one.as_ref(), choice, *at, form);
        }
        let written = self.written(context, form)?;
        named(context, &written, form)
    }
}

fn named(
    context: &mut Context<'_>,
    written: &[&Located<RawSecret>],
    form: &Form,
) -> Option<Vec<Located<NamedSecret>>> {
    let mut named: Vec<Located<NamedSecret>> = Vec::new();
    let mut complete = true;
    for (index, raw) in written.iter().enumerate() {
        let secret = read(context, raw, form);
        let Some(name) = name(context, raw, index, form) else {
            complete = false;
            continue;
        };
        if let Some(first) = named.iter().find(|first| *first.value.name == *name) {
            let problem =
                Problem::error("duplicate_name", raw.at, format!("two secrets are called `{name}`"));
            context.push(problem.other(first.at, "the other one"));
        }
        let until = raw.value.until.as_ref().map(|until| until.value.0);
        match secret {
            Some(secret) => {
                named.push(Located {
                    value: NamedSecret { name: name.into(), secret, until, choice: None },
                    at: raw.at,
                });
            }
            None => complete = false,
        }
    }
    complete.then_some(named)
}

/// One secret that belongs to no scheme, such as the token of the admin port.
pub fn read_one(context: &mut Context<'_>, raw: &Located<RawSecret>) -> Option<Secret> {
    read(context, raw, &Form::Text)
}

impl Given {
    fn written(&self, context: &mut Context<'_>, form: &Form) -> Option<Vec<&Located<RawSecret>>> {
        let (one, several) = form.words();
        match (&self.one, &self.several) {
            (Some(secret), None) => return Some(vec![secret]),
            (None, Some(Located { value: Secrets::Any(list), at })) => match list.len() {
                0 if !self.flawed => {
                    let message = format!("`{several}` is empty: nothing could be verified");
                    context.error("missing_secret", *at, message);
                }
                0 => {}
                count if count > MAX_SECRETS => {
                    let message = format!("a source has at most {MAX_SECRETS} {several}");
                    context.error("bad_value", *at, message);
                }
                _ => return Some(list.iter().collect()),
            },
            (None, Some(_)) => {}
            (Some(secret), Some(secrets)) => {
                let message = format!("`{one}` and `{several}` exclude each other");
                let problem = Problem::error("secret_twice", secret.at, message);
                let problem = problem.other(secrets.at, format!("`{several}` stands here"));
                context.push(problem.help(format!("put all of them into `{several}`")));
            }
            (None, None) if !self.flawed => missing(context, self.at),
            (None, None) => {}
        }
        None
    }
}

fn missing(context: &mut Context<'_>, at: Span) {
    let problem =
        Problem::error("missing_secret", at, "this source has no secret: nothing could be verified");
    context.push(
        problem.help("add `secret = { env = \"NAME\" }` or `secret = { file = \"/run/secrets/name\" }`"),
    );
}

/// One secret of this form, or a stand-in where secrets are not read.
pub fn read(context: &mut Context<'_>, raw: &Located<RawSecret>, form: &Form) -> Option<Secret> {
    let Context { files, problems, environment, read_secrets, watched } = context;
    let public = matches!(form, Form::Public);
    let mut reader = SecretReader { files, environment, problems, watched, public };
    if !reader.check(raw) {
        return None;
    }
    if *read_secrets {
        return reader.read(raw, form.has_minimum());
    }
    Some(form.stand_in(&format!("{:?}", raw.at)))
}

fn name(context: &mut Context<'_>, raw: &Located<RawSecret>, index: usize, form: &Form) -> Option<String> {
    match &raw.value.name {
        None if matches!(form, Form::Public) => Some(format!("key-{}", index + 1)),
        None => Some(format!("secret-{}", index + 1)),
        Some(name) if is_name(&name.value) => Some(name.value.clone()),
        Some(name) => {
            bad_name(context, name.at);
            None
        }
    }
}

/// Letters, digits, `-`, `_` and `.`: what logs, metrics and headers can carry.
pub fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(allowed)
}

/// A name that cannot be used.
pub fn bad_name(context: &mut Context<'_>, at: Span) {
    let message = format!("a name is 1 to {MAX_NAME} letters, digits, `-`, `_` or `.`");
    context.error("bad_value", at, message);
}
