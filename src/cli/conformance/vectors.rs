//! The files of `tests/vectors`, as their README describes them: strictly read, nothing passed over.

use crate::base::names::Reason;
use crate::base::time::UnixTime;
use crate::cli::Failure;
use crate::cli::request::Address;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// What the HTTP client writes itself.
const OF_THE_CLIENT: [HeaderName; 3] = [HOST, CONTENT_LENGTH, TRANSFER_ENCODING];

/// The messages of one provider.
#[derive(Debug)]
pub struct Vectors {
    /// The provider's id.
    pub provider: String,
    /// In the order of the file.
    pub messages: Vec<Message>,
}

/// A request, how its receiver is set up, and what must become of it.
#[derive(Clone, Debug)]
pub struct Message {
    /// Where it comes from.
    pub source: String,
    /// What it is an example of.
    pub why: String,
    /// How its receiver is set up.
    pub setup: SetupKey,
    /// When it is looked at.
    pub now: UnixTime,
    /// The method, where it is named.
    pub method: Option<Method>,
    /// The query of the address.
    pub query: Option<String>,
    /// The fields, without those of the HTTP client.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Nothing where it is genuine, else why it is refused.
    pub expect: Option<Reason>,
}

/// What a receiver has to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetupKey {
    /// Secrets, or public keys; each of them proves.
    pub secrets: Vec<String>,
    /// Values that are not secret.
    pub params: BTreeMap<String, String>,
    /// Keys of a source of the policy file, as TOML.
    pub overrides: String,
}

impl Message {
    /// The code of what is expected.
    pub fn expected(&self) -> &'static str {
        self.expect.map_or(GENUINE, Reason::code)
    }
}

/// How a text of TOML begins that names a file beside the vectors.
const USUAL: &str = "\"tests/vectors/";

/// What a row expects that is genuine.
const GENUINE: &str = "verified";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    provider: String,
    #[serde(rename = "origin")]
    _origin: String,
    licence: String,
    messages: Vec<RawMessage>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMessage {
    source: String,
    why: String,
    secrets: Vec<String>,
    headers: Vec<(String, String)>,
    now: i64,
    body: Option<String>,
    body_base64: Option<String>,
    method: Option<String>,
    url: Option<String>,
    #[serde(default)]
    params: BTreeMap<String, String>,
    #[serde(default)]
    overrides: String,
    #[serde(rename = "event_id")]
    _event_id: Option<String>,
    expect: String,
}

/// Reads every file of a directory that holds messages of a provider, sorted by name. JSON files of other forms are
/// left out.
///
/// # Errors
/// A directory or file that cannot be read (4); a file that is not of its form (2).
pub fn read(directory: &Path) -> Result<Vec<Vectors>, Failure> {
    let cannot = |path: &Path, error: &dyn std::fmt::Display| {
        let help = "the vectors come with the source of Bonafide: --vectors DIR names their directory";
        Failure::start(format!("cannot read {}: {error}; {help}", path.display()))
    };
    let entries = std::fs::read_dir(directory).map_err(|error| cannot(directory, &error))?;
    let paths: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(|error| cannot(directory, &error))?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let mut found = Vec::new();
    for path in &paths {
        let text = std::fs::read_to_string(path).map_err(|error| cannot(path, &error))?;
        let vectors = parse(&text).map_err(|flaw| Failure::usage(format!("{}: {flaw}", path.display())))?;
        found.extend(vectors.map(|vectors| beside(vectors, directory)));
    }
    if found.is_empty() {
        return Err(cannot(directory, &"no messages of providers are there"));
    }
    Ok(found)
}

/// Settings that name a file beside the vectors name it wherever they are.
fn beside(mut vectors: Vectors, directory: &Path) -> Vectors {
    let Some(directory) = directory.canonicalize().ok().and_then(|path| path.to_str().map(str::to_owned))
    else {
        return vectors;
    };
    let quoted = Value::from(format!("{directory}/")).to_string();
    let start = quoted.strip_suffix('"').unwrap_or(&quoted);
    for message in &mut vectors.messages {
        message.setup.overrides = message.setup.overrides.replace(USUAL, start);
    }
    vectors
}

/// One file; nothing where it is JSON of another form.
///
/// # Errors
/// A sentence.
fn parse(text: &str) -> Result<Option<Vectors>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if value.get("provider").is_none() {
        return Ok(None);
    }
    // From the text once more: the errors then have lines.
    let file: RawFile = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if file.licence.trim().is_empty() || file.messages.is_empty() {
        return Err("there is no licence, or no message".to_owned());
    }
    let messages = file.messages.into_iter().enumerate().map(|(index, raw)| {
        let at = index + 1;
        message(raw).map_err(|flaw| format!("message {at}: {flaw}"))
    });
    Ok(Some(Vectors { provider: file.provider, messages: messages.collect::<Result<_, _>>()? }))
}

fn message(raw: RawMessage) -> Result<Message, String> {
    let RawMessage { source, why, secrets, params, overrides, .. } = raw;
    if source.is_empty() || why.is_empty() {
        return Err("`source` and `why` must say something".to_owned());
    }
    let now = Some(raw.now).filter(|now| *now >= 0).ok_or("`now` is before 1970")?;
    let body = match (raw.body, raw.body_base64) {
        (Some(text), None) => Bytes::from(text),
        (None, Some(encoded)) => {
            STANDARD.decode(encoded).map_err(|error| format!("`body_base64`: {error}"))?.into()
        }
        _ => return Err("exactly one of `body` and `body_base64` is wanted".to_owned()),
    };
    let method = raw.method.map(|name| Method::from_bytes(name.as_bytes())).transpose();
    let method = method.map_err(|_| "`method` is none")?;
    let query = raw.url.as_deref().map(query).transpose()?.flatten();
    Ok(Message {
        source,
        why,
        setup: SetupKey { secrets, params, overrides },
        now: UnixTime(now),
        method,
        query,
        headers: headers(&raw.headers)?,
        body,
        expect: expected(&raw.expect)?,
    })
}

fn query(url: &str) -> Result<Option<String>, String> {
    // A fragment stays with the sender.
    let url = url.split('#').next().unwrap_or_default();
    let address = Address::parse(url).map_err(|flaw| format!("`url`: {flaw}"))?;
    Ok(address.target.as_str().split_once('?').map(|(_, query)| query.to_owned()))
}

fn headers(pairs: &[(String, String)]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let parsed = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(value).ok());
        let flaw = || format!("`headers`: `{}` or its value is none", name.escape_debug());
        let (named, value) = parsed.ok_or_else(flaw)?;
        if !OF_THE_CLIENT.contains(&named) {
            headers.append(named, value);
        }
    }
    Ok(headers)
}

fn expected(code: &str) -> Result<Option<Reason>, String> {
    if code == GENUINE {
        return Ok(None);
    }
    let known = Reason::ALL.iter().find(|reason| reason.code() == code);
    // Only what the caller is to blame for can be told from a fault.
    let refusal = known.filter(|reason| (400..500).contains(&reason.status()));
    refusal.copied().map(Some).ok_or_else(|| format!("`expect`: `{}` refuses nothing", code.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::provider_text;
    use std::path::PathBuf;

    /// Licences of our files, by their SPDX names.
    const LICENCES: [&str; 7] =
        ["CC0-1.0", "MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "MPL-2.0", "LicenseRef-upstream"];

    fn directory() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
    }

    #[test]
    fn every_file_is_of_the_documented_form() {
        let files = read(&directory()).unwrap_or_else(|failure| panic!("{failure}"));
        assert!(files.len() > 300, "{} files", files.len());
        for file in files {
            assert!(provider_text(&file.provider).is_some(), "{}", file.provider);
            let text = std::fs::read_to_string(directory().join(format!("{}.json", file.provider))).unwrap();
            let value: Value = serde_json::from_str(&text).unwrap();
            let licence = value["licence"].as_str().unwrap();
            assert!(licence.starts_with("CC0-1.0"), "{}: {licence}", file.provider);
            assert!(
                licence.split(" AND ").all(|name| LICENCES.contains(&name)),
                "{}: {licence}",
                file.provider
            );
        }
    }

    #[test]
    fn every_key_stands_in_the_readme_and_every_file_of_another_form() {
        let readme = std::fs::read_to_string(directory().join("README.md")).unwrap();
        for key in [
            "provider",
            "origin",
            "licence",
            "messages",
            "source",
            "why",
            "secrets",
            "headers",
            "now",
            "body",
            "body_base64",
            "method",
            "url",
            "params",
            "overrides",
            "event_id",
            "expect",
        ] {
            assert!(readme.contains(&format!("| `{key}` |")), "{key}");
        }
        for name in LICENCES {
            assert!(readme.contains(name), "{name}");
        }
        for entry in std::fs::read_dir(directory()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let other = match path.extension() {
                Some(_) if name == "README.md" => false,
                Some(extension) if extension != "json" => true,
                Some(_) => parse(&std::fs::read_to_string(&path).unwrap()).unwrap().is_none(),
                None => true,
            };
            assert!(!other || readme.contains(&name), "{name}");
        }
    }

    const FILE: &str = r#"{"provider": "a", "origin": "b", "licence": "CC0-1.0", "messages": [MESSAGE]}"#;
    const ROW: &str = r#"{"source": "own", "why": "x", "secrets": [], "headers": [["A", "b"], ["Host", "h"]],
        "now": 1, "body": "", "url": "https://h.example/p?a=%20b#c", "expect": "signature_missing"}"#;

    fn one(row: &str) -> Result<Message, String> {
        let file = parse(&FILE.replace("MESSAGE", row))?.ok_or("no file")?;
        file.messages.into_iter().next().ok_or_else(|| "no message".to_owned())
    }

    #[test]
    fn a_message_is_read_and_the_client_keeps_its_fields() {
        let message = one(ROW).unwrap();
        assert_eq!((message.expected(), message.query.as_deref()), ("signature_missing", Some("a=%20b")));
        assert_eq!(message.headers.keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(
            one(&ROW.replace("\"body\": \"\"", "\"body_base64\": \"/w==\"")).unwrap().body,
            &b"\xff"[..]
        );
        assert_eq!(parse("[]").map(|file| file.is_some()), Ok(false));
    }

    #[test]
    fn what_is_not_of_the_form_is_refused() {
        assert!(one("").is_err());
        for (text, other) in [
            ("\"why\"", "\"reason\": 1, \"why\""),
            ("\"source\": \"own\", ", ""),
            ("\"now\": 1", "\"now\": 1.5"),
            ("\"now\": 1", "\"now\": -1"),
            ("\"now\": 1", "\"now\": \"1\""),
            ("\"body\": \"\"", "\"body_base64\": \"_w==\""),
            ("\"body\": \"\"", "\"body\": \"\", \"body_base64\": \"\""),
            ("\"body\": \"\", ", ""),
            ("[\"A\", \"b\"]", "[\"A\"]"),
            ("[\"A\", \"b\"]", "[\"A b\", \"b\"]"),
            ("/p?", "/../p?"),
            ("signature_missing", "signature_wrong"),
            ("signature_missing", "upstream_broken"),
            ("signature_missing", "handshake"),
        ] {
            assert!(ROW.contains(text), "{text}");
            assert!(one(&ROW.replace(text, other)).is_err(), "{other}");
        }
        assert!(parse(&FILE.replace("MESSAGE", ROW).replace("CC0-1.0", " ")).is_err());
        assert!(parse(&FILE.replace("MESSAGE", ROW).replace("\"origin\"", "\"from\"")).is_err());
    }
}
