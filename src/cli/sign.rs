//! `bonafide sign`: what a genuine sender would send.

use super::Failure;
use super::curl::{CurlBody, curl_command, line};
use super::format::Format;
use super::message::print_bytes;
use super::request::Address;
use super::signer::SignerArguments;
use crate::base::names::exit;
use crate::verify::Draft;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

/// Prints the fields that prove the request, after those of `--headers`; before them stands a request
/// line where the proof is in the query, and behind them the body where the proof is in the body.
///
/// # Errors
/// What keeps the request from being signed.
pub fn sign(arguments: &SignerArguments) -> Result<u8, Failure> {
    let signer = arguments.signer()?;
    let mut draft = signer.next()?;
    signer.sign(&mut draft, arguments.now())?;
    let address = &signer.address;
    let written = draft.body != signer.blank.body;
    let output = match (arguments.curl, arguments.format) {
        (true, _) => {
            let given = arguments.body_file().map_or(CurlBody::Nothing, CurlBody::File);
            let body = match written {
                true if draft.body.contains(&0) => return Err(no_word_for_it()),
                true => CurlBody::Inline,
                false => given,
            };
            curl_command(&draft, address, body, &[])
        }
        (false, Format::Human) => lines(&draft, address, written),
        (false, Format::Json) => {
            let mut row = row(&draft, address);
            if let Some(members) = row.as_object_mut() {
                members.insert("body_base64".to_owned(), STANDARD.encode(&draft.body).into());
            }
            format!("{row}\n").into_bytes()
        }
    };
    print_bytes(&output)?;
    Ok(exit::OK)
}

fn no_word_for_it() -> Failure {
    Failure::usage(
        "the signed body holds a NUL byte, which no command line can carry: use --format json".to_owned(),
    )
}

/// `with_body`: the proof stands in it.
fn lines(draft: &Draft, address: &Address, with_body: bool) -> Vec<u8> {
    let mut out = Vec::new();
    if draft.target != address.target.as_str() {
        out.extend_from_slice(format!("{} {} HTTP/1.1\n", draft.method, draft.target).as_bytes());
    }
    for (name, value) in &draft.headers {
        out.extend_from_slice(&line(name, value));
        out.push(b'\n');
    }
    if with_body {
        out.push(b'\n');
        out.extend_from_slice(&draft.body);
    }
    out
}

/// The request as JSON, without its body.
pub fn row(draft: &Draft, address: &Address) -> Value {
    json!({ "method": draft.method.as_str(), "url": address.url(draft), "headers": pairs(&draft.headers) })
}

/// Fields as JSON: pairs of name and value, so that a name can stand twice.
pub fn pairs(headers: &HeaderMap) -> Value {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| json!([name.as_str(), text(value)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;

    #[test]
    fn a_request_line_is_written_only_where_the_target_changed() {
        let address = Address::parse("https://h.example/a?b=c").unwrap();
        let mut draft = Draft::new(Method::POST, address.target.as_str(), "{}");
        draft.headers.insert("x-id", HeaderValue::from_static("it's"));
        assert_eq!(lines(&draft, &address, false), b"x-id: it's\n");
        draft.target.push_str("&sig=1");
        assert!(lines(&draft, &address, false).starts_with(b"POST /a?b=c&sig=1 HTTP/1.1\n"));
    }
}
