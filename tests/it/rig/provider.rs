//! The built-in providers as their files describe them, and sources that use them.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use toml::Table;

/// A source in the making; the address is `https://hooks.example` with its path.
pub struct Source<'s> {
    pub name: &'s str,
    pub provider: &'s str,
    pub secrets: &'s [&'s str],
    /// An object of texts, or null.
    pub params: &'s Value,
    /// Further keys of the source, then its tables.
    pub overrides: &'s str,
}

impl Source<'_> {
    /// Its table; the path is its name.
    pub fn text(&self) -> String {
        let Source { name, provider, secrets, params, overrides } = self;
        let mut text = format!(
            "[[source]]\nname = \"{name}\"\npath = \"/{name}\"\nprovider = \"{provider}\"\n\
             public_url = \"https://hooks.example\"\n"
        );
        let literals: Vec<_> =
            secrets.iter().map(|secret| format!("{{ literal = {} }}", Value::from(*secret))).collect();
        if secrets.is_empty() {
            // Its keys stand in the overrides.
        } else if algorithms(provider).is_empty() {
            let _ = writeln!(text, "secrets = [{}]", literals.join(", "));
        } else {
            let _ = writeln!(text, "public_keys = {}", Value::from(secrets.to_vec()));
        }
        let tables = overrides.find("[source.").unwrap_or(overrides.len());
        let _ = writeln!(text, "{}", &overrides[..tables]);
        if let Some(params) = params.as_object().filter(|params| !params.is_empty()) {
            text.push_str("[source.params]\n");
            params.iter().for_each(|(name, value)| text.push_str(&format!("{name} = {value}\n")));
        }
        text.push_str(&overrides[tables..]);
        let file = file(provider);
        // Published secrets are shorter than the sender makes them.
        if file.contains("min_bytes") && !overrides.contains("min_bytes") {
            let scheme =
                ["signature", "jwt", "swt"].iter().find(|table| file.contains(&format!("[{table}]")));
            let _ = writeln!(text, "\n[source.{}.key]\nmin_bytes = 1", scheme.expect("a scheme"));
        }
        text.push('\n');
        text
    }
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/providers")
}

/// The ids of all providers, sorted.
pub fn ids() -> Vec<String> {
    let entries = fs::read_dir(directory()).expect("the providers");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut ids: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    ids.sort();
    ids
}

/// The text of a provider's file.
pub fn file(id: &str) -> String {
    fs::read_to_string(directory().join(format!("{id}.toml"))).expect("a provider")
}

/// The same, read.
pub fn table(id: &str) -> Table {
    file(id).parse().expect("TOML")
}

/// Whether the sender of tokens has a private key.
pub fn signs_tokens(id: &str) -> bool {
    let first =
        table(id).get("jwt").and_then(|jwt| jwt.get("algorithms")?.get(0)?.as_str().map(str::to_owned));
    first.is_some_and(|name| !name.starts_with("HS"))
}

/// The algorithms of private keys with which the sender signs, that of the table itself first.
pub fn algorithms(id: &str) -> Vec<String> {
    if signs_tokens(id) {
        let jwt = table(id)["jwt"]["algorithms"][0].as_str().unwrap_or_default().to_owned();
        return vec![if jwt.starts_with("ES256") { "ecdsa-p256" } else { "rsa-sha256" }.to_owned()];
    }
    let Some(signature) = table(id).get("signature").cloned() else { return Vec::new() };
    let variants = signature.get("variant").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let tables = [signature].into_iter().chain(variants);
    let names = tables.filter_map(|table| Some(table.get("algorithm")?.as_str()?.to_owned()));
    names.filter(|name| ["ed25519", "ecdsa-", "rsa-"].iter().any(|start| name.starts_with(start))).collect()
}

/// A private key for each algorithm, PEM, and the text of all public keys; the same for the same seed.
pub fn key_pairs(id: &str, seed: u8) -> (Vec<String>, String) {
    static MADE: Mutex<BTreeMap<(String, u8), (String, String)>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().expect("the keys");
    let pairs = algorithms(id).into_iter().map(|name| {
        let kind = match name.as_str() {
            "ed25519" => &rcgen::PKCS_ED25519,
            name if name.starts_with("ecdsa-p256") => &rcgen::PKCS_ECDSA_P256_SHA256,
            name if name.starts_with("ecdsa-p384") => &rcgen::PKCS_ECDSA_P384_SHA384,
            name if name.starts_with("ecdsa-p521") => &rcgen::PKCS_ECDSA_P521_SHA512,
            name if name.starts_with("rsa-") => &rcgen::PKCS_RSA_SHA256,
            name => panic!("a key for {name}"),
        };
        let pair = made.entry((format!("{kind:?}"), seed)).or_insert_with(|| {
            let pair = rcgen::KeyPair::generate_for(kind).expect("a key");
            (pair.serialize_pem(), pair.public_key_pem())
        });
        pair.clone()
    });
    let (private, mut public): (Vec<_>, Vec<_>) = pairs.unzip();
    public.dedup();
    (private, public.concat())
}

/// What a source must bring beside its provider and a secret: `params` and tables.
pub fn completed(id: &str) -> (Value, String) {
    let (text, table) = (file(id), table(id));
    let mut params = serde_json::Map::new();
    for (mark, end) in [("{param:", '}'), ("param = \"", '"')] {
        for part in text.split(mark).skip(1) {
            let name = part.split(end).next().unwrap_or_default();
            params.insert(name.to_owned(), format!("{name}1").into());
        }
    }
    let mut overrides = String::new();
    for (scheme, keys, line) in [
        ("token", &["header", "query", "json", "form"][..], "header = \"X-Token\""),
        ("basic", &["username"], "username = \"hook\""),
        ("jwt", &["issuer", "keys"], "issuer = \"https://issuer.example\""),
        ("jwt", &["audience"], "audience = \"https://hooks.example/hook\""),
        ("swt", &["issuer"], "issuer = \"https://issuer.example\""),
    ] {
        let Some(found) = table.get(scheme) else { continue };
        let claim = if line.starts_with("issuer") { "\"iss\"" } else { "\"aud\"" };
        let without = found.get("without").map(|names| names.to_string().contains(claim));
        if !keys.iter().any(|key| found.get(key).is_some()) && without != Some(true) {
            if overrides.is_empty() || scheme != "jwt" {
                let _ = writeln!(overrides, "\n[source.{scheme}]");
            }
            let _ = writeln!(overrides, "{line}");
        }
    }
    (Value::Object(params), overrides)
}
