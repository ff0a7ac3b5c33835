//! What a provider proves, in the words of the table of senders.

use super::catalogue::ProviderEntry;
use toml::{Table, Value};

/// The facts of one provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// With what it is proved: `hmac-sha256`, `ES256`, `token`.
    pub proof: String,
    /// How old a request may be; empty where nothing says how old it is.
    pub time: String,
    /// Whether there is an event id, and whether it is proved.
    pub event_id: &'static str,
    /// Whether what was delivered is remembered unless the policy says otherwise.
    pub replay: &'static str,
    /// The handshakes that are answered.
    pub handshakes: String,
}

impl ProviderEntry {
    /// Its row in the table of senders.
    pub fn facts(&self) -> Facts {
        let proof = self.proof().cloned().unwrap_or_default();
        let fields = fields(&proof);
        let of_role = |role: &str| fields.iter().find(|field| text(field, "role") == role);
        let (time, id) = (of_role("timestamp"), of_role("id"));
        let signed = |field: &&Table| field.get("unsigned") != Some(&Value::Boolean(true));
        let is_token = matches!(self.scheme, "jwt" | "swt");
        let holds = |key: &str, word: &str| {
            let list = proof.get(key).and_then(Value::as_array);
            list.is_some_and(|list| list.iter().any(|one| one.as_str() == Some(word)))
        };
        let is_dated = self.scheme == "http_signature" && !holds("without", "created");
        let has_nonce = self.scheme == "http_signature" && holds("parameters", "nonce");
        let time_text = match time {
            Some(field) => field.get("tolerance").and_then(Value::as_str).unwrap_or("5m").to_owned(),
            None if is_token => proof.get("max_age").and_then(Value::as_str).unwrap_or("exp").to_owned(),
            None if is_dated => proof.get("max_age").and_then(Value::as_str).unwrap_or("5m").to_owned(),
            None => String::new(),
        };
        let event_id = match id {
            Some(field) if signed(&field) => "proved",
            Some(_) => "not proved",
            None if self.scheme == "swt" || has_nonce => "proved",
            None => "",
        };
        let remembered =
            time.is_some_and(|field| signed(&field)) || event_id == "proved" || is_token || is_dated;
        let replay = match self.top("replay") {
            Some(Value::String(word)) if word == "off" => "off",
            Some(_) => "on",
            None if remembered => "on",
            None => "off",
        };
        let handshakes = self.top("handshake").and_then(Value::as_array).into_iter().flatten();
        let names = handshakes.filter_map(Value::as_table).map(|handshake| {
            let name = text(handshake, "name");
            let name = if name.is_empty() { "handshake" } else { name };
            let signed = handshake.get("signed") == Some(&Value::Boolean(true));
            if signed { format!("{name} (proved)") } else { name.to_owned() }
        });
        Facts {
            proof: self.proof_words(&proof),
            time: time_text,
            event_id,
            replay,
            handshakes: names.collect::<Vec<_>>().join(", "),
        }
    }

    fn proof_words(&self, proof: &Table) -> String {
        let variants = proof.get("variant").and_then(Value::as_array).into_iter().flatten();
        let tables = variants.filter_map(Value::as_table).chain([proof]);
        let mut words: Vec<String> = match self.scheme {
            "signature" => tables.map(|table| text(table, "algorithm").to_owned()).collect(),
            "jwt" | "swt" | "http_signature" => {
                let listed = proof.get("algorithms").and_then(Value::as_array).into_iter().flatten();
                listed.filter_map(Value::as_str).map(String::from).collect()
            }
            other => vec![other.to_owned()],
        };
        words.retain(|word| !word.is_empty());
        words.sort();
        words.dedup();
        if words.is_empty() { self.scheme.to_owned() } else { words.join(", ") }
    }
}

/// The fields of a signature, those of variants included.
fn fields(proof: &Table) -> Vec<Table> {
    let of = |table: &Table| -> Vec<Table> {
        let fields = table.get("fields").and_then(Value::as_table).cloned().unwrap_or_default();
        fields.into_iter().filter_map(|(_, field)| field.as_table().cloned()).collect()
    };
    let variants = proof.get("variant").and_then(Value::as_array).into_iter().flatten();
    let variants = variants.filter_map(Value::as_table).flat_map(of);
    of(proof).into_iter().chain(variants.collect::<Vec<_>>()).collect()
}

fn text<'t>(table: &'t Table, key: &str) -> &'t str {
    table.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(id: &str) -> Facts {
        ProviderEntry::find(id).unwrap().facts()
    }

    #[test]
    fn facts_of_well_known_senders() {
        let slack = facts("slack");
        assert_eq!((slack.proof.as_str(), slack.time.as_str(), slack.replay), ("hmac-sha256", "5m", "on"));
        let github = facts("github");
        assert_eq!((github.time.as_str(), github.event_id, github.replay), ("", "not proved", "off"));
        assert_eq!((facts("plaid").proof.as_str(), facts("plaid").replay), ("ES256", "on"));
        assert_eq!((facts("gitlab-token").proof.as_str(), facts("gitlab-token").replay), ("token", "off"));
        assert!(facts("zoom").handshakes.contains("(proved)"));
    }
}
