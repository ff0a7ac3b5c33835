//! `bonafide providers`: the senders that are built in.

use super::Failure;
use super::format::Format;
use super::message::{print, tell};
use super::subject::unknown;
use super::table::table;
use crate::base::names::exit;
use crate::config::{Facts, ProviderEntry, below_provider, provider_names, provider_text};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// Longest name of a provider of one's own, bytes.
const MAX_NAME: usize = 64;

/// Options of `bonafide providers`.
#[derive(Debug, Args)]
pub struct ProvidersArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List all, with what each proves [--format json].
    List(ListArguments),
    /// Print one as it is written [--format json] or, with --as NAME, ready to be pasted into a policy file.
    Show(ShowArguments),
    /// Find some by words of their name, id or documentation, the best first [--format json].
    Search(SearchArguments),
}

#[derive(Debug, Args)]
struct ListArguments {
    /// The form of the list; `markdown` is the table of docs/senders.md, with time, event id, replay and handshakes.
    #[arg(long, value_enum, default_value_t = ListFormat::Human)]
    format: ListFormat,
}

/// The form of the list of all providers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ListFormat {
    /// For people.
    Human,
    /// One JSON document with stable keys.
    Json,
    /// A page for the documentation.
    Markdown,
}

#[derive(Debug, Args)]
struct ShowArguments {
    /// The provider's id.
    id: String,
    /// Print it as `[provider.NAME]`, a provider of your own.
    #[arg(long = "as", value_name = "NAME", value_parser = own_name, conflicts_with = "format")]
    name: Option<String>,
    /// The form of the output: TOML, or a JSON object that says what it is.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Args)]
struct SearchArguments {
    /// What all of them hold, or nearly.
    #[arg(required = true)]
    words: Vec<String>,
    /// The form of the list.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// A name that a policy file can give to a provider, and that needs no quotes in TOML.
fn own_name(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !(1..=MAX_NAME).contains(&text.len()) || !text.bytes().all(plain) {
        return Err(format!("a name is 1 to {MAX_NAME} letters, digits, `-` or `_`"));
    }
    if provider_text(text).is_some() {
        return Err(format!("it is a built-in provider; choose another name, such as my-{text}"));
    }
    Ok(text.to_owned())
}

/// Prints providers: 0, or 1 when nothing was found.
///
/// # Errors
/// An unknown id (2); standard output cannot be written (4).
pub fn providers(arguments: &ProvidersArguments) -> Result<u8, Failure> {
    match &arguments.action {
        Action::List(ListArguments { format }) => {
            let all: Vec<ProviderEntry> = ProviderEntry::all().collect();
            print(&match format {
                ListFormat::Human => list(&all, Format::Human),
                ListFormat::Json => list(&all, Format::Json),
                ListFormat::Markdown => page(&all),
            })?;
        }
        Action::Show(arguments) => print(&show(arguments)?)?,
        Action::Search(SearchArguments { words, format }) => {
            let found = search(words);
            if found.is_empty() {
                tell("bonafide: no provider is like that\n");
            }
            if !found.is_empty() || *format == Format::Json {
                print(&list(&found, *format))?;
            }
            return Ok(if found.is_empty() { exit::NEGATIVE } else { exit::OK });
        }
    }
    Ok(exit::OK)
}

fn show(arguments: &ShowArguments) -> Result<String, Failure> {
    let ShowArguments { id, name, format } = arguments;
    let none = || unknown("provider", id, provider_names());
    let text = provider_text(id).ok_or_else(none)?;
    Ok(match (name, format) {
        (Some(name), _) => below_provider(text, name),
        (None, Format::Human) => text.to_owned(),
        (None, Format::Json) => format!("{:#}\n", row(&ProviderEntry::find(id).ok_or_else(none)?)),
    })
}

fn list(entries: &[ProviderEntry], format: Format) -> String {
    match format {
        Format::Human => table(
            ["ID", "NAME", "SCHEME", "COVERS", "DOCS"],
            entries.iter().map(|entry| {
                let ProviderEntry { id, name, scheme, covers, docs, .. } = entry;
                [id, name.as_str(), scheme, covers, docs].map(str::to_owned)
            }),
        ),
        Format::Json => format!("{:#}\n", entries.iter().map(row).collect::<Value>()),
    }
}

/// The page of senders in the documentation.
fn page(entries: &[ProviderEntry]) -> String {
    let mut text = format!(
        "# Senders\n\n{} senders are built in. This page is printed by `bonafide providers list --format markdown`; a test keeps it \
         true.\n\n*Covers*: what of a request the proof covers: the whole body, a part of the request, or only its origin. *Time*: \
         how old a request may be, where it says so and that is proved. *Event id*: whether the sender names its events, and whether \
         the name is proved. *Nothing twice*: whether what was delivered is remembered unless the policy says otherwise. \
         *Handshakes*: what is answered here and not forwarded.\n\n\
         | id | sender | proof | covers | time | event id | nothing twice | handshakes |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n",
        entries.len()
    );
    for entry in entries {
        let Facts { proof, time, event_id, replay, handshakes } = entry.facts();
        let ProviderEntry { id, name, covers, docs, .. } = entry;
        let name = if docs.is_empty() { name.clone() } else { format!("[{name}]({docs})") };
        text.push_str(&format!(
            "| `{id}` | {name} | {proof} | {covers} | {time} | {event_id} | {replay} | {handshakes} |\n"
        ));
    }
    text
}

fn row(entry: &ProviderEntry) -> Value {
    let ProviderEntry { id, name, scheme, covers, docs, .. } = entry;
    json!({ "id": id, "name": name, "scheme": scheme, "covers": covers, "docs": docs })
}

/// A word that is only near to one of the provider's fits so well at best.
const NEAR: u32 = 4;
/// How like another a word must be to be near, per mille.
const ALIKE: u32 = 900;

/// Those that every word fits, the best first; where there is none, those that all words are near to.
fn search(words: &[String]) -> Vec<ProviderEntry> {
    let words: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
    let ranked = |entry: ProviderEntry| {
        let ranks: Option<Vec<u32>> = words.iter().map(|word| rank(word, &entry)).collect();
        ranks.map(|ranks| (ranks.iter().any(|rank| *rank >= NEAR), ranks.iter().sum::<u32>(), entry))
    };
    let mut found: Vec<(bool, u32, ProviderEntry)> = ProviderEntry::all().filter_map(ranked).collect();
    if found.iter().any(|(near, ..)| !near) {
        found.retain(|(near, ..)| !near);
    }
    found.sort_by_key(|(_, rank, entry)| (*rank, entry.id));
    found.into_iter().map(|(_, _, entry)| entry).collect()
}

/// How well a word in lower case fits; 0 is best.
fn rank(word: &str, entry: &ProviderEntry) -> Option<u32> {
    let (id, name, docs) = (entry.id, entry.name.to_lowercase(), entry.docs.to_lowercase());
    let words = || name.split_whitespace().chain(id.split('-')).chain([id]);
    let fits = [
        id == word || name == word,
        id.starts_with(word) || name.starts_with(word),
        id.contains(word) || name.contains(word),
        docs.contains(word),
    ];
    let found = (0..NEAR).zip(fits).find_map(|(rank, fits)| fits.then_some(rank));
    let near = words().map(|known| likeness(word, known)).max().filter(|likeness| *likeness >= ALIKE);
    found.or_else(|| near.map(|likeness| NEAR + 1000_u32.saturating_sub(likeness)))
}

/// How like two words are, per mille.
fn likeness(word: &str, known: &str) -> u32 {
    let share = strsim::jaro_winkler(word, &known.to_ascii_lowercase());
    (0..=1000_u32).rev().find(|mille| f64::from(*mille) <= share * 1000.0).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(words: &[&str]) -> Vec<&'static str> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        search(&words).iter().map(|entry| entry.id).collect()
    }

    #[test]
    fn the_best_fit_comes_first() {
        assert_eq!(ids(&["SWT"]).first(), Some(&"swt"));
        assert_eq!(ids(&["github"]).first(), Some(&"github"));
        assert!(ids(&["github"]).contains(&"standard-webhooks"), "its documentation is there");
        assert_eq!(ids(&["secure", "first"]), ["swt-legacy"]);
        assert_eq!(ids(&["strpie"]).first(), Some(&"stripe"));
        assert_eq!(
            ids(&["swt", "secure"]).first(),
            Some(&"swt"),
            "no word that is only near beside one that fits"
        );
        assert_eq!(ids(&["slack"]).first(), Some(&"slack"));
        assert_eq!(ids(&["pagerduty"]), ["pagerduty"]);
        assert_eq!(ids(&["webhooks-standrad"]), Vec::<&str>::new());
    }

    #[test]
    fn a_provider_of_ones_own_has_a_free_and_plain_name() {
        assert_eq!(own_name("my-git_2"), Ok("my-git_2".to_owned()));
        for name in ["", "a.b", "a b", "github", &"x".repeat(65)] {
            assert!(own_name(name).is_err(), "{name}");
        }
    }
}
