//! `bonafide init`: a policy file to begin with.

mod source;

use super::Failure;
use super::message::{is_stdin, print, tell};
use super::subject::unknown;
use crate::base::names::exit;
use crate::config::{ProviderEntry, provider_names};
pub use source::signs_with_a_private_key;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What stands before the sources.
const FRAME: &str = r#"# The policy file of Bonafide. `bonafide check` says what is wrong with it and what it means, `bonafide run` runs it,
# `bonafide send` tries it, and `bonafide schema` prints its schema for editors. Whatever says "fill in" is yours to know.

[server]
listen = "0.0.0.0:8443"

# Senders call https. Where something in front of Bonafide terminates TLS, put `plaintext = true` above and leave this out.
[server.tls]
certificate = "tls/fullchain.pem"
private_key = "tls/privkey.pem"

# The application. It gets what is proved, at the path that was called, and nothing else.
[upstream]
url = "http://127.0.0.1:3000"
"#;

/// Options of `bonafide init`.
#[derive(Debug, clap::Args)]
pub struct InitArguments {
    /// A built-in provider that gets a source; several are possible. Those of the sample `config/bonafide.toml` unless
    /// given.
    #[arg(long, value_name = "ID")]
    provider: Vec<String>,
    /// Write to this file, which must not be there yet; `-` is standard output.
    #[arg(long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
}

/// Writes a policy file with a source for each provider.
///
/// # Errors
/// An unknown provider (2); a file that is there or cannot be written (4).
pub fn init(arguments: &InitArguments) -> Result<u8, Failure> {
    let named = match arguments.provider.as_slice() {
        [] => sampled(),
        named => named.to_vec(),
    };
    let mut entries: Vec<ProviderEntry> = Vec::new();
    for id in &named {
        let entry = ProviderEntry::find(id).ok_or_else(|| unknown("provider", id, provider_names()))?;
        if entries.iter().all(|known| known.id != entry.id) {
            entries.push(entry);
        }
    }
    let text = policy(&entries);
    if is_stdin(&arguments.output) {
        print(&text)?;
    } else {
        write_new(&arguments.output, &text)?;
        let file = arguments.output.display();
        tell(&format!("bonafide: wrote {file}; next: bonafide check --no-secrets --config {file}\n"));
    }
    Ok(exit::OK)
}

/// The providers that the sample uses.
fn sampled() -> Vec<String> {
    const SAMPLE: &str = include_str!("../../config/bonafide.toml");
    let sample: toml::Table = SAMPLE.parse().unwrap_or_default();
    let sources = sample.get("source").and_then(toml::Value::as_array).into_iter().flatten();
    sources.filter_map(|source| source.get("provider")?.as_str().map(str::to_owned)).collect()
}

fn policy(entries: &[ProviderEntry]) -> String {
    let sources = entries.iter().map(|entry| format!("\n{}", source::text(entry)));
    [FRAME.to_owned()].into_iter().chain(sources).collect()
}

fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| Failure::start(format!("cannot write {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Options, below_provider, load_text};

    /// The routes of a policy that must pass the check.
    fn check(text: &str) -> usize {
        let options = Options { secrets: false, written: false };
        let loaded = load_text("init.toml", text, &options, &Environment::from_fn(|_| None));
        loaded.unwrap_or_else(|problems| panic!("{problems}\n{text}")).configuration.policy.sources.len()
    }

    #[test]
    fn every_provider_passes_alone_and_all_of_them_together() {
        let entries: Vec<ProviderEntry> = ProviderEntry::all().collect();
        for entry in &entries {
            assert_eq!(check(&policy(std::slice::from_ref(entry))), 1, "{}", entry.id);
        }
        assert_eq!(check(&policy(&entries)), entries.len());
    }

    #[test]
    fn what_a_provider_leaves_to_its_sources_stands_in_them() {
        for (text, words) in [
            ("[token]", &["token.header = \"X-Webhook-Token\" # fill in"][..]),
            ("[token]\nheader = 'X-A'", &[]),
            ("[basic]", &["basic.username = \"x\""]),
            ("[jwt]\nheader = 'X-A'", &["jwt.algorithms", "jwt.issuer", "jwt.audience", "{ jwks = "]),
            ("[jwt]\nalgorithms = ['HS256']\nwithout = ['iss', 'aud']", &["secret "]),
            (
                "[jwt]\nalgorithms = ['RS256']\nkeys = { discovery = 'https://a.example' }\naudience = 'a'",
                &[],
            ),
            (
                "[signature]\nalgorithm = 'hmac-sha1'\nmessage = '{url}|{param:b}|{a}|{param:c}|{body}'\n\
                 [signature.fields]\na = { path = 'a' }\ns = { header = 'S', role = 'signature', encoding = 'hex' }",
                &[
                    "/webhooks/x/{a}",
                    "params.b ",
                    "params.c ",
                    "public_url = \"https://hooks.example.com\" # fill in",
                ],
            ),
        ] {
            let text = format!("name = 'X'\ndocs = 'https://x.example'\n{text}");
            let source = source::text(&ProviderEntry::of_text("x", &text).unwrap());
            for word in words {
                assert!(source.contains(word), "{word}: {source}");
            }
            assert_eq!(
                source.matches("fill in").count() > 0,
                !words.is_empty() && words != ["secret "],
                "{source}"
            );
            assert_eq!(check(&format!("{FRAME}{source}{}", below_provider(&text, "x"))), 1);
        }
    }
}
