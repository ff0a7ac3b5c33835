//! Keys that the sender may have used instead.

use super::finding::{Evidence, Finding};
use crate::base::secret::Secret;
use crate::scheme::{KeyEncoding, KeyForm, Reading};
use crate::verify::signature::Case;

/// A key to try, and what it means when it fits.
pub struct Guess {
    pub key: Vec<u8>,
    pub finding: Finding,
}

/// Secrets of other values of the field that chooses, and of one other source, that are tried at most: there may be
/// thousands, and the proxy looks as well.
const MOST: usize = 100;

/// The keys of a request, as verification uses them.
pub fn live(case: &Case, reading: &Reading<'_>, evidence: &Evidence<'_>) -> Vec<Vec<u8>> {
    let keys = case.ring.of(&case.scheme, reading).into_iter().flat_map(|keys| keys.live(evidence.now));
    keys.map(|key| key.ready.secret.expose().to_vec()).collect()
}

/// Other keys, the likely ones first.
pub fn guesses(case: &Case, reading: &Reading<'_>, evidence: &Evidence<'_>) -> Vec<Guess> {
    let mut guesses = Vec::new();
    for key in case.ring.of(&case.scheme, reading).into_iter().flat_map(|keys| keys.every()) {
        if key.until.is_some_and(|until| evidence.now >= until) {
            let message = format!("signed with secret `{}`, which has passed its `until`", key.name);
            let help = "set the new secret at the sender, or a later `until` in the policy";
            guesses.push(Guess {
                key: key.ready.secret.expose().to_vec(),
                finding: Finding::new("secret_expired", message, help),
            });
        }
        guesses.extend(forms(&case.scheme.key, &key.ready.given, &key.name));
    }
    let chosen = case.ring.choice(&case.scheme, reading);
    for (choice, keys) in case.ring.others(chosen).take(MOST) {
        let message =
            format!("signed with the secret of `{choice}`, which is not the one that the request names");
        let help = "the sender uses another one's address or name, or two secrets were swapped";
        guesses.extend(keys.every().map(|key| Guess {
            key: key.ready.secret.expose().to_vec(),
            finding: Finding::new("secret_of_other_choice", message.clone(), help),
        }));
    }
    for other in evidence.others {
        for secret in other.verifier.given().into_iter().take(MOST) {
            let Ok(key) = case.scheme.key.decode(&secret) else { continue };
            let message = format!("signed with the secret of source `{}`", other.name);
            let help = "the sender posts to another source's address, or the secrets were swapped";
            guesses.push(Guess {
                key: key.expose().to_vec(),
                finding: Finding::new("secret_of_other_source", message, help),
            });
            guesses.push(Guess {
                key: secret.expose().to_vec(),
                finding: Finding::new(
                    "secret_of_other_source",
                    format!("signed with the secret of source `{}`", other.name),
                    help,
                ),
            });
        }
    }
    guesses
}

/// One secret read in other ways.
fn forms(form: &KeyForm, given: &Secret, name: &str) -> Vec<Guess> {
    let text = given.expose();
    let mut guesses = Vec::new();
    let mut add = |key: Option<Vec<u8>>, code: &'static str, message: String, help: &str| {
        if let Some(key) = key {
            guesses.push(Guess { key, finding: Finding::new(code, message, help) });
        }
    };
    let raw = form.encoding == KeyEncoding::Utf8 && form.hash.is_none();
    let with = |encoding: KeyEncoding, prefixes: &[&str]| {
        let prefixes = prefixes.iter().map(|prefix| String::from(*prefix)).collect();
        let form = KeyForm { encoding, prefixes, ..KeyForm::default() };
        form.decode(given).ok().map(|key| key.expose().to_vec())
    };
    if !raw || !form.prefixes.is_empty() {
        add(
            Some(text.to_vec()),
            "secret_not_decoded",
            format!("the sender uses secret `{name}` as the text that it is, without decoding it"),
            "take `key = { encoding = \"utf8\" }` in a provider of your own, or another provider",
        );
        let dropped = KeyForm { encoding: KeyEncoding::Utf8, ..form.clone() };
        add(
            dropped.decode(given).ok().map(|key| key.expose().to_vec()),
            "secret_not_decoded",
            format!("the sender drops the prefix of secret `{name}` and does not decode the rest"),
            "take `key = { encoding = \"utf8\", prefix = \"...\" }` in a provider of your own",
        );
    }
    for (encoding, word) in [(KeyEncoding::Base64Any, "base64"), (KeyEncoding::Hex, "hex")] {
        add(
            with(encoding, &["whsec_", "v1,whsec_", "whsk_", "wsk_"]),
            "secret_decoded",
            format!("the sender decodes secret `{name}` from {word} before it uses it"),
            &format!(
                "take `key = {{ encoding = \"{word}\" }}` in a provider of your own, or the provider of this sender"
            ),
        );
    }
    add(
        with(KeyEncoding::Utf8, &["whsec_", "v1,whsec_"]),
        "secret_prefix",
        format!("the sender uses secret `{name}` without its prefix `whsec_`"),
        "take `key = { prefix = \"whsec_\" }` in a provider of your own",
    );
    for (end, what) in [("\n", "a newline"), ("\r\n", "CR and LF")] {
        add(
            Some([text, end.as_bytes()].concat()),
            "secret_trailing_newline",
            format!("the sender's secret ends in {what} that secret `{name}` does not have"),
            "set the secret anew at the sender, without the end of the line",
        );
    }
    let around = |quote: &[u8]| Some([quote, text, quote].concat());
    for key in [around(b"\""), around(b"'")] {
        let message = format!("the sender's secret has quotes around it that secret `{name}` does not have");
        add(key, "secret_quotes", message, "set the secret anew at the sender, without the quotes");
    }
    for key in [[b" ", text].concat(), [text, b" "].concat()] {
        let message = format!("the sender's secret has a blank at an end that secret `{name}` does not have");
        add(Some(key), "secret_white_space", message, "set the secret anew at the sender, without the blank");
    }
    let trimmed = text.trim_ascii();
    if trimmed != text {
        let key = form.decode(&Secret::new(trimmed.to_vec())).ok().map(|key| key.expose().to_vec());
        add(
            key,
            "secret_white_space",
            format!("secret `{name}` has white space at an end that the sender's does not have"),
            "write the secret without it: `printf %s \"...\" > file`",
        );
    }
    let unquoted = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\""));
    let unquoted = unquoted.or_else(|| text.strip_prefix(b"'").and_then(|text| text.strip_suffix(b"'")));
    add(
        unquoted
            .and_then(|text| form.decode(&Secret::new(text.to_vec())).ok())
            .map(|key| key.expose().to_vec()),
        "secret_quotes",
        format!("secret `{name}` stands in quotes that are part of it here, and not at the sender"),
        "write the secret without quotes; env files of containers keep them",
    );
    guesses
}
