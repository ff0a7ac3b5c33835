//! The way from a path to a configuration.

use super::document::{self, Document};
use super::finish::{self, Finished};
use super::problem::Problems;
use super::raw::RawSource;
use super::secrets::Environment;
use super::settings::Configuration;
use super::show;
use super::span::{File, Located};
use super::watch::Watched;
use std::path::Path;

/// What loading does beside reading the policy file.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether secrets are read. Without them, every secret is a stand-in of the right form: enough for
    /// `check --no-secrets`, and nothing can be verified with it.
    pub secrets: bool,
    /// Whether the sources are kept as they are written, over their providers, for [`Loaded::show`]: they take
    /// more room than what is made of them.
    pub written: bool,
}

/// A policy file that can be used.
#[derive(Debug)]
pub struct Loaded {
    /// What was made of it.
    pub configuration: Configuration,
    /// Warnings, and the files that places of the configuration point into.
    pub problems: Problems,
    /// The files with secrets, certificates and authorities that it was made from.
    pub watched: Watched,
    sources: Vec<Located<RawSource>>,
}

impl Loaded {
    /// The provider that a source names.
    pub fn provider(&self, source: &str) -> Option<&str> {
        self.raw(source)?.value.provider.as_ref().map(|provider| provider.value.as_str())
    }

    /// A source as TOML with everything that its provider says; secrets only as references.
    pub fn show(&self, source: &str) -> Option<String> {
        self.raw(source).map(|raw| show::source(raw, &self.problems.files))
    }

    fn raw(&self, source: &str) -> Option<&Located<RawSource>> {
        let named =
            |raw: &&Located<RawSource>| raw.value.name.as_ref().is_some_and(|name| name.value == source);
        self.sources.iter().find(named)
    }
}

/// Reads a policy file, what it includes and the secrets that it names.
///
/// # Errors
/// Every problem of the files, errors and warnings.
pub fn load(path: &Path, options: &Options, environment: &Environment) -> Result<Loaded, Problems> {
    finished(document::read(path), options, environment)
}

/// Reads a policy text that is no file; `name` stands for its path in problems, and relative paths start at
/// its directory.
///
/// # Errors
/// As [`load`].
pub fn load_text(
    name: &str,
    text: &str,
    options: &Options,
    environment: &Environment,
) -> Result<Loaded, Problems> {
    let file = File::new(name.into(), text.to_owned());
    finished(document::read_main(file), options, environment)
}

fn finished(document: Document, options: &Options, environment: &Environment) -> Result<Loaded, Problems> {
    if document.incomplete {
        return Err(Problems::new(document.files, document.problems));
    }
    let built = finish::finish(document, options, environment);
    let Finished { configuration, sources, files, problems, mut watched } = built;
    let problems = Problems::new(files, problems);
    match configuration {
        Some(configuration) if !problems.has_errors() => {
            for files in &configuration.server.certificates {
                watched.extend([files.certificate.value.clone(), files.private_key.value.clone()]);
            }
            let authorities = configuration.upstream_authorities.iter().flatten();
            watched.extend(authorities.map(|path| path.value.clone()));
            Ok(Loaded { configuration, problems, watched: Watched::new(watched), sources })
        }
        _ => Err(problems),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Loaded, Problems> {
        let environment = Environment::from_fn(|name| (name == "X").then(|| "0123456789abcdef".into()));
        load_text("memory.toml", text, &Options { secrets: true, written: false }, &environment)
    }

    #[test]
    fn a_text_is_read_like_a_file() {
        let text = "[server]\nlisten = \"127.0.0.1:0\"\nplaintext = true\n\
                    [upstream]\nurl = \"http://127.0.0.1:1\"\n\
                    [[source]]\nname = \"a\"\npath = \"/a\"\nprovider = \"github\"\nsecret = { env = \"X\" }\n";
        assert_eq!(load(text).unwrap().configuration.policy.sources.len(), 1);
        let problems = load(&text.replace("\"X\"", "\"Y\"")).unwrap_err();
        assert!(problems.to_string().starts_with("memory.toml:10:"), "{problems}");
        assert!(load("not TOML").is_err());
    }
}
