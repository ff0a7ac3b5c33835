//! Secrets among which a field of the request chooses.

use super::Context;
use super::secrets::{Form, is_name, read};
use crate::base::limits::MAX_CHOICES;
use crate::config::problem::Problem;
use crate::config::raw::{RawChoice, RawSecret};
use crate::config::span::{Located, Span};
use crate::verify::NamedSecret;
use std::fs;
use std::path::{Path, PathBuf};

/// What stands for the value in the name of a file.
const VALUE: &str = "{value}";

/// The secret of every value, by `keys` or by the files that there are.
pub fn all(
    context: &mut Context<'_>,
    other: Option<&Located<RawSecret>>,
    choice: &RawChoice,
    at: Span,
    form: &Form,
) -> Option<Vec<Located<NamedSecret>>> {
    if let Some(secret) = other {
        let problem = Problem::error("secret_twice", secret.at, "`secret` and `secrets` exclude each other");
        context.push(problem.other(at, "`secrets` stands here"));
        return None;
    }
    let found = match (&choice.file, &choice.keys) {
        (Some(file), None) => files(context, file, form)?,
        (None, Some(keys)) => {
            let mut found = Vec::new();
            for (value, named) in &keys.value.0 {
                found.push(one(context, value, &named.entry, form));
            }
            found.into_iter().collect::<Option<Vec<_>>>()?
        }
        _ if choice.flawed => return None,
        _ => {
            let problem =
                Problem::error("secret_reference", at, "`secrets` with `by` has either `file` or `keys`");
            context.push(
                problem.help("file = \"/run/secrets/{value}\", or keys = { acme = { env = \"ACME\" } }"),
            );
            return None;
        }
    };
    if found.len() > MAX_CHOICES {
        context.error("bad_value", at, format!("at most {MAX_CHOICES} values have a secret"));
        return None;
    }
    if found.is_empty() {
        context.error("missing_secret", at, "no value has a secret: nothing could be verified");
        return None;
    }
    Some(found)
}

fn one(
    context: &mut Context<'_>,
    value: &str,
    raw: &Located<RawSecret>,
    form: &Form,
) -> Option<Located<NamedSecret>> {
    let secret = read(context, raw, form)?;
    let until = raw.value.until.as_ref().map(|until| until.value.0);
    let name = raw.value.name.as_ref().map_or_else(|| value.to_owned(), |name| name.value.clone());
    let name = if is_name(&name) { name } else { "chosen".to_owned() };
    Some(Located {
        value: NamedSecret { name: name.into(), secret, until, choice: Some(value.into()) },
        at: raw.at,
    })
}

/// One secret for each file whose name fits. The directory is watched, so that a new file is a new secret.
fn files(
    context: &mut Context<'_>,
    file: &Located<String>,
    form: &Form,
) -> Option<Vec<Located<NamedSecret>>> {
    let bad = |context: &mut Context<'_>, message: &str| {
        let problem = Problem::error("bad_value", file.at, message);
        context
            .push(problem.help("for example \"/run/secrets/{value}\" or \"/run/secrets/hook-{value}.txt\""));
    };
    let path = context.files.resolve(file.at.file, &file.value);
    let pattern = path.file_name().and_then(|name| name.to_str()).map(String::from).unwrap_or_default();
    let Some((before, behind)) = pattern.split_once(VALUE) else {
        bad(context, "`{value}` must stand in the name of the file");
        return None;
    };
    let Some(directory) =
        path.parent().map(Path::to_owned).filter(|path| !path.to_string_lossy().contains(VALUE))
    else {
        bad(context, "`{value}` stands once, in the name of the file");
        return None;
    };
    if !context.read_secrets {
        let secret = form.stand_in("chosen");
        let value = NamedSecret { name: "chosen".into(), secret, until: None, choice: Some("chosen".into()) };
        return Some(vec![Located { value, at: file.at }]);
    }
    context.watched.push(directory.clone());
    let Ok(names) = names(&directory, before, behind) else {
        context.error(
            "secret_missing",
            file.at,
            format!("the directory {} cannot be read", directory.display()),
        );
        return None;
    };
    let mut found = Vec::new();
    for (value, path) in names {
        let located = Located { value: path.to_string_lossy().into_owned(), at: file.at };
        let raw = RawSecret { file: Some(located), ..RawSecret::default() };
        found.push(one(context, &value, &Located { value: raw, at: file.at }, form));
    }
    found.into_iter().collect()
}

/// The values that the names of the files hold, and the files; sorted.
fn names(directory: &Path, before: &str, behind: &str) -> std::io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let value = name
            .to_str()
            .and_then(|name| name.strip_prefix(before))
            .and_then(|name| name.strip_suffix(behind));
        // Kubernetes and editors leave files that begin with a dot.
        let Some(value) = value.filter(|value| is_name(value) && !value.starts_with('.')) else { continue };
        if fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_file()) {
            found.push((value.to_owned(), entry.path()));
        }
    }
    found.sort();
    Ok(found)
}
