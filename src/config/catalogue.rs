//! What a built-in provider says of itself, without a source that uses it.

use super::provider::{names, text};
use toml::{Table, Value};

/// The schemes, by the table that a provider has.
const SCHEMES: [&str; 6] = ["signature", "jwt", "swt", "http_signature", "token", "basic"];

/// A built-in provider. What a source has to add may be missing.
#[derive(Clone, Debug)]
pub struct ProviderEntry {
    /// Its name in a policy file.
    pub id: &'static str,
    /// The sender's name.
    pub name: String,
    /// `signature`, `jwt`, `swt`, `http_signature`, `token` or `basic`.
    pub scheme: &'static str,
    /// What a proof covers: `body`, `part` or `origin`.
    pub covers: &'static str,
    /// Where the sender documents its scheme.
    pub docs: String,
    table: Table,
}

impl ProviderEntry {
    /// Every built-in provider, sorted by id.
    pub fn all() -> impl Iterator<Item = ProviderEntry> {
        names().filter_map(ProviderEntry::find)
    }

    /// The provider of this id.
    pub fn find(id: &str) -> Option<ProviderEntry> {
        let id = names().find(|known| *known == id)?;
        ProviderEntry::of_text(id, text(id)?)
    }

    /// What a provider's file says; nothing where it is none.
    pub fn of_text(id: &'static str, file: &str) -> Option<ProviderEntry> {
        let table: Table = toml::from_str(file).ok()?;
        let scheme = SCHEMES.into_iter().find(|scheme| table.contains_key(*scheme))?;
        let text = |key: &str| table.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (name, docs) = (text("name"), text("docs"));
        let covers = covers(scheme, table.get(scheme).and_then(Value::as_table)?);
        Some(ProviderEntry { id, name, scheme, covers, docs, table })
    }

    /// A key beside that table.
    pub(super) fn top(&self, key: &str) -> Option<&Value> {
        self.table.get(key)
    }

    /// The table of its scheme.
    pub fn proof(&self) -> Option<&Table> {
        self.table.get(self.scheme).and_then(Value::as_table)
    }

    /// Every text in it, and the key under which it stands; texts of an array have the key of the array.
    pub fn texts(&self) -> Vec<(&str, &str)> {
        let mut found = Vec::new();
        self.table.iter().for_each(|(key, value)| collect(key, value, &mut found));
        found
    }

    /// Those of the table of its scheme.
    pub fn proof_texts(&self) -> Vec<(&str, &str)> {
        let mut found = Vec::new();
        self.table.get(self.scheme).into_iter().for_each(|value| collect(self.scheme, value, &mut found));
        found
    }
}

fn collect<'t>(key: &'t str, value: &'t Value, found: &mut Vec<(&'t str, &'t str)>) {
    match value {
        Value::String(text) => found.push((key, text)),
        Value::Array(values) => values.iter().for_each(|value| collect(key, value, found)),
        Value::Table(table) => table.iter().for_each(|(key, value)| collect(key, value, found)),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {}
    }
}

/// The weakest that a proof may cover.
fn covers(scheme: &str, proof: &Table) -> &'static str {
    let holds = |key: &str| proof.contains_key(key);
    match scheme {
        "signature" => {
            let variants = proof.get("variant").and_then(Value::as_array).into_iter().flatten();
            let tables = variants.filter_map(Value::as_table).chain([proof]);
            let said: Vec<&str> =
                tables.filter_map(|table| table.get("covers").and_then(Value::as_str)).collect();
            ["origin", "part"].into_iter().find(|word| said.contains(word)).unwrap_or("body")
        }
        "swt" => "body",
        "http_signature" => match proof.get("digest").and_then(Value::as_str) {
            Some("either" | "forbidden") => "origin",
            _ => "body",
        },
        "jwt" if holds("body_hash") || holds("body") => "body",
        _ => "origin",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_provider_is_in_it_with_name_and_documentation() {
        let entries: Vec<_> = ProviderEntry::all().collect();
        let ids: Vec<_> = entries.iter().map(|entry| entry.id).collect();
        assert_eq!(ids, names().collect::<Vec<_>>());
        for entry in &entries {
            assert!(!entry.name.is_empty() && !entry.docs.is_empty(), "{}", entry.id);
            assert!(entry.proof().is_some());
        }
        assert!(ProviderEntry::find("no such sender").is_none());
    }

    #[test]
    fn what_is_covered_is_the_weakest_that_may_be() {
        let of = |scheme: &str, text: &str| covers(scheme, &toml::from_str(text).unwrap());
        assert_eq!(of("signature", "message = '{body}'"), "body");
        assert_eq!(of("signature", "covers = 'part'"), "part");
        assert_eq!(of("signature", "covers = 'part'\n[[variant]]\n[[variant]]\ncovers = 'origin'"), "origin");
        assert_eq!(of("jwt", "json = '/token'"), "origin");
        assert_eq!(of("jwt", "body_hash = { claim = 'a' }"), "body");
        assert_eq!(of("jwt", "body = true"), "body");
        assert_eq!(of("swt", ""), "body");
        assert_eq!((of("token", ""), of("basic", "")), ("origin", "origin"));
    }

    #[test]
    fn texts_are_found_in_every_depth() {
        let entry = ProviderEntry::find("plaid").unwrap();
        assert!(entry.texts().contains(&("client_id", "{param:client_id}")));
        assert!(entry.texts().contains(&("without", "aud")));
    }
}
