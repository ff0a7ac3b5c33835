//! A source that uses a built-in provider, with everything that the provider leaves to it.

use crate::config::ProviderEntry;
use crate::scheme::PublicAlgorithm;
use std::collections::BTreeSet;
use toml::{Table, Value};

/// A key of the source: its name, its value as TOML, and what the operator has to know of it.
struct Line {
    key: String,
    value: String,
    remark: Option<&'static str>,
}

/// The source as TOML, with a comment above it.
pub fn text(entry: &ProviderEntry) -> String {
    let lines = lines(entry);
    let width = lines.iter().map(|line| line.key.len()).max().unwrap_or_default();
    let mut text = format!("# {}: {}\n# Proved: {}.\n", entry.name, entry.docs, proved(entry));
    for name in params(entry.texts()).difference(&needed_params(entry)) {
        text.push_str(&format!("# `params.{name}` is needed where the sender asks before it sends.\n"));
    }
    text.push_str("[[source]]\n");
    for Line { key, value, remark } in &lines {
        let remark = remark.map_or(String::new(), |remark| format!(" # {remark}"));
        text.push_str(&format!("{key:<width$} = {value}{remark}\n"));
    }
    text
}

fn proved(entry: &ProviderEntry) -> &'static str {
    match entry.covers {
        "body" => "the sender and the body",
        "part" => "the sender and a part of the request, not the whole body",
        _ => "the sender, and nothing of the body",
    }
}

fn lines(entry: &ProviderEntry) -> Vec<Line> {
    let id = entry.id;
    let mut path = format!("/webhooks/{id}");
    for name in captures(entry) {
        path.push_str(&format!("/{{{name}}}"));
    }
    let mut lines =
        vec![plain("name", &quoted(id)), plain("path", &quoted(&path)), plain("provider", &quoted(id))];
    let secret = format!("{{ env = \"{}\" }}", variable(id));
    if takes_secret(entry) {
        lines.push(plain("secret", &secret));
    }
    if signs_with_a_private_key(entry) && !entry.proof().is_some_and(|proof| proof.contains_key("keys")) {
        let key = format!("{{ env = \"{}\" }}", variable(id).replace("_SECRET", "_PUBLIC_KEY"));
        lines.push(own("public_key", &key, "the key that the sender shows, or { file = \"...\" }"));
    }
    if entry.texts().iter().any(|(key, text)| text.contains("{url") || (*key, *text) == ("of", "url")) {
        let remark = "fill in: scheme and host that the sender calls; it signs them";
        lines.push(own("public_url", "\"https://hooks.example.com\"", remark));
    }
    for name in needed_params(entry) {
        let remark = "fill in, as the sender's documentation says";
        lines.push(own(&format!("params.{name}"), &quoted(&name), remark));
    }
    let Some(proof) = entry.proof() else { return lines };
    let asks = proof.get("keys").is_some_and(|keys| keys.to_string().contains("{secret}"));
    if asks && entry.scheme == "signature" {
        lines.push(own("signature.keys.secret", &secret, "what the key server wants to see"));
    }
    match entry.scheme {
        "token" if !["header", "query", "json", "form"].iter().any(|place| proof.contains_key(*place)) => {
            lines.push(own(
                "token.header",
                "\"X-Webhook-Token\"",
                "fill in: where the sender writes the token",
            ));
        }
        "basic" if !proof.contains_key("username") => {
            lines.push(own("basic.username", &quoted(id), "fill in: the name that the sender was given"));
        }
        "swt" if !proof.contains_key("issuer") => {
            lines.push(own(
                "swt.issuer",
                "\"https://sender.example\"",
                "fill in: what the sender writes into `iss`",
            ));
        }
        "jwt" => lines.extend(of_jwt(entry, proof, &secret)),
        "http_signature" => lines.extend(of_http_signature(entry, proof)),
        _ => {}
    }
    lines
}

/// What a table of JSON Web Tokens must have, and this one does not.
fn of_jwt(entry: &ProviderEntry, proof: &Table, secret: &str) -> Vec<Line> {
    let texts = entry.texts();
    let holds = |key: &str, text: &str| texts.contains(&(key, text));
    let keys = proof.get("keys").and_then(Value::as_table);
    let has_issuer = proof.contains_key("issuer") || keys.is_some_and(|keys| keys.contains_key("discovery"));
    let mut lines = Vec::new();
    if !proof.contains_key("algorithms") {
        lines.push(own("jwt.algorithms", "[\"RS256\"]", "fill in: those that the sender uses"));
    }
    if !has_issuer && !holds("without", "iss") {
        lines.push(own(
            "jwt.issuer",
            "\"https://sender.example\"",
            "fill in: what the sender writes into `iss`",
        ));
    }
    if !proof.contains_key("audience") && !holds("without", "aud") {
        lines.push(own(
            "jwt.audience",
            "\"https://hooks.example.com\"",
            "fill in: what it writes into `aud`",
        ));
    }
    if keys.is_none() && !takes_secret(entry) {
        let value = "{ jwks = \"https://sender.example/.well-known/jwks.json\" }";
        lines.push(own("jwt.keys", value, "fill in: where its public keys are"));
    }
    if keys.is_some_and(|keys| keys.contains_key("marks") && !keys.contains_key("x5c")) {
        let remark = "fill in: the PEM file of the authority that the tokens' certificates lead to";
        lines.push(own("jwt.keys.x5c", "\"authority.pem\"", remark));
    }
    if texts.iter().any(|(_, text)| text.contains("{secret}")) {
        lines.push(own("jwt.keys.secret", secret, "what the key server wants to see"));
    }
    lines
}

/// What a table of HTTP message signatures must have, and this one does not.
fn of_http_signature(entry: &ProviderEntry, proof: &Table) -> Vec<Line> {
    let mut lines = Vec::new();
    if !proof.contains_key("algorithms") {
        lines.push(own("http_signature.algorithms", "[\"ed25519\"]", "fill in: those that the sender uses"));
    }
    if !proof.contains_key("keys") && !takes_secret(entry) {
        let value = "{ jwks = \"https://sender.example/.well-known/jwks.json\" }";
        lines.push(own("http_signature.keys", value, "fill in: where its public keys are"));
    }
    let url = "\"https://hooks.example.com\"";
    lines.push(own("public_url", url, "fill in: the address that the sender signs"));
    lines
}

/// Whether the source and the sender share a secret.
fn takes_secret(entry: &ProviderEntry) -> bool {
    let algorithms = || entry.texts().into_iter().filter(|(key, _)| *key == "algorithms");
    match entry.scheme {
        "jwt" | "http_signature" => {
            algorithms().any(|(_, name)| name.starts_with("HS") || name.starts_with("hmac-"))
        }
        _ => !signs_with_a_private_key(entry),
    }
}

/// Whether the sender signs with a key that only it has.
pub fn signs_with_a_private_key(entry: &ProviderEntry) -> bool {
    let texts = entry.proof_texts();
    texts.iter().any(|(key, name)| *key == "algorithm" && PublicAlgorithm::parse(name).is_some())
}

/// The values that are not secret and without which nothing can be proved.
fn needed_params(entry: &ProviderEntry) -> BTreeSet<String> {
    params(entry.proof_texts())
}

/// The names in `{param:NAME}` and `param = "NAME"`.
fn params(texts: Vec<(&str, &str)>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (key, text) in texts {
        if key == "param" {
            names.insert(text.to_owned());
        }
        for rest in text.split("{param:").skip(1) {
            let end = rest.find(['}', '|', '?']).unwrap_or(rest.len());
            names.extend(rest.get(..end).map(str::to_owned));
        }
    }
    names
}

/// The captures of the path that the fields of a signature stand in.
fn captures(entry: &ProviderEntry) -> BTreeSet<&str> {
    let fields = entry.proof().and_then(|proof| proof.get("fields")).and_then(Value::as_table);
    let places = fields.into_iter().flat_map(|fields| fields.values());
    places.filter_map(|field| field.get("path").and_then(Value::as_str)).collect()
}

fn plain(key: &str, value: &str) -> Line {
    Line { key: key.to_owned(), value: value.to_owned(), remark: None }
}

fn own(key: &str, value: &str, remark: &'static str) -> Line {
    Line { remark: Some(remark), ..plain(key, value) }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The environment variable for the secret; a shell wants no digit at its front.
fn variable(id: &str) -> String {
    let name = id.to_ascii_uppercase().replace(|character: char| !character.is_ascii_alphanumeric(), "_");
    let front = if name.starts_with(|character: char| character.is_ascii_digit()) { "WEBHOOK_" } else { "" };
    format!("{front}{name}_SECRET")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_says_what_it_is_and_what_to_fill_in() {
        assert_eq!(
            text(&ProviderEntry::find("plaid").unwrap()),
            "# Plaid: https://plaid.com/docs/api/webhooks/webhook-verification/\n\
             # Proved: the sender and the body.\n\
             [[source]]\n\
             name             = \"plaid\"\n\
             path             = \"/webhooks/plaid\"\n\
             provider         = \"plaid\"\n\
             params.client_id = \"client_id\" # fill in, as the sender's documentation says\n\
             jwt.keys.secret  = { env = \"PLAID_SECRET\" } # what the key server wants to see\n"
        );
    }

    #[test]
    fn names_of_variables_and_params_are_found() {
        assert_eq!(variable("swt-legacy"), "SWT_LEGACY_SECRET");
        assert_eq!(variable("3d"), "WEBHOOK_3D_SECRET");
        let texts = vec![("message", "{param:a|hex}{param:b?}{body}"), ("param", "c"), ("is", "{param:d}")];
        assert_eq!(params(texts).into_iter().collect::<String>(), "abcd");
    }

    #[test]
    fn what_only_a_handshake_needs_is_told_and_not_made_up() {
        let provider = "name = 'A'\ndocs = 'b'\n[token]\nheader = 'X'\n[[handshake]]\n\
                        when = [{ query = 't', is = '{param:verify}' }]";
        let text = text(&ProviderEntry::of_text("a", provider).unwrap());
        assert!(text.contains("# `params.verify` is needed"), "{text}");
        assert!(!text.contains("params.verify ="), "{text}");
    }
}
