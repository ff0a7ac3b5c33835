//! A request as a command for curl.

use super::request::Address;
use crate::verify::Draft;
use http::{HeaderName, HeaderValue, header};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What curl sends as the body.
#[derive(Clone, Copy, Debug)]
pub enum CurlBody<'p> {
    /// None.
    Nothing,
    /// The content of a file.
    File(&'p Path),
    /// The body of the draft, in the command itself. It holds no NUL.
    Inline,
}

/// One line for `sh`; `--globoff` because curl gives brackets and braces in a URL a meaning. `options` are further
/// words, quoted where they need it.
pub fn curl_command(draft: &Draft, address: &Address, body: CurlBody<'_>, options: &[Vec<u8>]) -> Vec<u8> {
    let mut words = vec![b"curl --globoff --request".to_vec(), quoted(draft.method.as_str().as_bytes())];
    words.extend_from_slice(options);
    let mut add = |option: &[u8], value: &[u8]| words.extend([option.to_vec(), quoted(value)]);
    for (name, value) in &draft.headers {
        // curl sends an empty field for `Name;`, and none for `Name:`.
        let empty = [name.as_str().as_bytes(), b";"].concat();
        add(b"--header", &if value.is_empty() { empty } else { line(name, value) });
    }
    if !matches!(body, CurlBody::Nothing) && !draft.headers.contains_key(header::CONTENT_TYPE) {
        // Otherwise curl claims that the body is a form.
        add(b"--header", b"content-type:");
    }
    match body {
        CurlBody::Nothing => {}
        CurlBody::File(path) => add(b"--data-binary", &[b"@", path.as_os_str().as_bytes()].concat()),
        CurlBody::Inline => add(b"--data-raw", &draft.body),
    }
    words.push(quoted(address.url(draft).as_bytes()));
    let mut command = words.join(&b' ');
    command.push(b'\n');
    command
}

/// `name: value`.
pub fn line(name: &HeaderName, value: &HeaderValue) -> Vec<u8> {
    [name.as_str().as_bytes(), b": ", value.as_bytes()].concat()
}

/// In single quotes, in which `sh` gives no character but `'` a meaning.
pub fn quoted(word: &[u8]) -> Vec<u8> {
    let mut out = vec![b'\''];
    for byte in word {
        match byte {
            b'\'' => out.extend_from_slice(b"'\\''"),
            other => out.push(*other),
        }
    }
    out.push(b'\'');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;

    #[test]
    fn a_curl_line_is_safe_for_the_shell() {
        let address = Address::parse("https://h.example/a?b=c").unwrap();
        let mut draft = Draft::new(Method::POST, address.target.as_str(), "it's");
        draft.headers.insert("x-id", HeaderValue::from_static("it's"));
        draft.headers.insert("x-empty", HeaderValue::from_static(""));
        let start = "curl --globoff --request 'POST' --header 'x-id: it'\\''s' --header 'x-empty;'";
        let address = &address;
        for (body, end) in [
            (CurlBody::Nothing, ""),
            (CurlBody::File(Path::new("a b.json")), " --header 'content-type:' --data-binary '@a b.json'"),
            (CurlBody::Inline, " --header 'content-type:' --data-raw 'it'\\''s'"),
        ] {
            let command = String::from_utf8(curl_command(&draft, address, body, &[])).unwrap();
            assert_eq!(command, format!("{start}{end} 'https://h.example/a?b=c'\n"));
        }
        let command = curl_command(&draft, address, CurlBody::Nothing, &[b"--insecure".to_vec()]);
        assert!(command.starts_with(b"curl --globoff --request 'POST' --insecure --header"));
    }
}
