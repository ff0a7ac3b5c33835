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
            Form::Text => {
                Form::Key { encoding: String::new(), prefix: String::new(), min: bytes, max: usize::MAX }
            }
            Form::Key { encoding, prefix, min, max } => {
                Form::Key { encoding, prefix, min: min.max(bytes), max }
            }
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
            Form::Text => digits.into_bytes(),
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
    if let Some(Located { value: Secrets::Chosen(choice), at }) = &source.value.secrets {
        return choices::all(context, source, choice, *at, form);
    }
    let written = written(context, source)?;
    let mut named: Vec<Located<NamedSecret>> = Vec::new();
    let mut complete = true;
    for (index, raw) in written.iter().enumerate() {
        let secret = read(context, raw, form);
        let Some(name) = name(context, raw, index) else {
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

fn written<'s>(
    context: &mut Context<'_>,
    source: &'s Located<RawSource>,
) -> Option<Vec<&'s Located<RawSecret>>> {
    let RawSource { secret, secrets, flawed, .. } = &source.value;
    match (secret, secrets) {
        (Some(secret), None) => return Some(vec![secret]),
        (None, Some(Located { value: Secrets::Any(list), at })) => match list.len() {
            0 if !flawed => {
                context.error("missing_secret", *at, "`secrets` is empty: nothing could be verified");
            }
            0 => {}
            count if count > MAX_SECRETS => {
                context.error("bad_value", *at, format!("a source has at most {MAX_SECRETS} secrets"));
            }
            _ => return Some(list.iter().collect()),
        },
        (None, Some(_)) => {}
        (Some(secret), Some(secrets)) => {
            let problem =
                Problem::error("secret_twice", secret.at, "`secret` and `secrets` exclude each other");
            context.push(
                problem.other(secrets.at, "`secrets` stands here").help("put all of them into `secrets`"),
            );
        }
        (None, None) if !flawed => missing(context, source.at),
        (None, None) => {}
    }
    None
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
    let mut reader = SecretReader { files, environment, problems, watched };
    if !reader.check(raw) {
        return None;
    }
    if *read_secrets {
        return reader.read(raw, form.has_minimum());
    }
    Some(form.stand_in(&format!("{:?}", raw.at)))
}

fn name(context: &mut Context<'_>, raw: &Located<RawSecret>, index: usize) -> Option<String> {
    match &raw.value.name {
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
