//! A source as TOML, its provider's keys included: what `check --show` prints.

use super::raw::RawSource;
use super::read::{Raw, Shown};
use super::span::{Files, Located};

/// The text of a source.
pub fn source(source: &Located<RawSource>, files: &Files) -> String {
    let mut text = String::from("[[source]]\n");
    if let Shown::Section(entries) = source.value.shown(source.at, files) {
        write_entries(&entries, "source", &mut text);
    }
    text
}

/// Values first: in TOML, what follows a header belongs to it.
fn write_entries(entries: &[(String, Shown)], header: &str, out: &mut String) {
    for (key, shown) in entries {
        if let Shown::Value(value) = shown {
            out.push_str(&format!("{} = {value}\n", quoted(key)));
        }
    }
    for (key, shown) in entries {
        if let Shown::Section(below) = shown {
            let header = format!("{header}.{}", quoted(key));
            out.push_str(&format!("\n[{header}]\n"));
            write_entries(below, &header, out);
        }
    }
}

fn quoted(key: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !key.is_empty() && key.bytes().all(bare) {
        return key.to_owned();
    }
    toml::Value::from(key).to_string()
}
