//! `bonafide sign`: what a genuine sender would send.

use super::Failure;
use super::format::Format;
use super::message::{print_bytes, read};
use super::request::{Address, RequestArguments};
use super::subject::{Subject, SubjectArguments};
use crate::base::names::exit;
use crate::base::secret::Secret;
use crate::verify::{Draft, SignError, SigningKey};
use http::{HeaderName, HeaderValue, header};
use serde_json::json;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Options of `bonafide sign`.
#[derive(Debug, clap::Args)]
pub struct SignArguments {
    #[command(flatten)]
    subject: SubjectArguments,
    #[command(flatten)]
    request: RequestArguments,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// A file with the private key (PEM, PKCS#8) of a sender whose tokens have public keys.
    #[arg(long, value_name = "FILE")]
    private_key: Option<PathBuf>,
    /// The name of that key, for the token.
    #[arg(long, requires = "private_key")]
    kid: Option<String>,
    /// Print a curl command that sends the request to `--url`.
    #[arg(long, conflicts_with = "format")]
    curl: bool,
}

/// Prints the fields that prove the request, after those of `--headers`; before them stands a request
/// line where the proof is in the query.
///
/// # Errors
/// What keeps the request from being signed.
pub fn sign(arguments: &SignArguments) -> Result<u8, Failure> {
    let SignArguments { subject: named, request: options, private_key, kid, format, curl } = arguments;
    options.one_stdin(named.files().chain(private_key))?;
    let subject = named.subject(options.origin()?)?;
    let request = options.request(subject.path())?;
    let address = request.address;
    if *curl && address.origin.is_none() {
        return Err(Failure::usage("--curl needs a full address: --url https://host/path".to_owned()));
    }
    let body = subject.body(request.body)?;
    let mut draft = Draft::new(request.method, address.target.as_str(), body);
    draft.headers = request.headers;
    draft.captures = subject.captures(&address.target);
    draft.params = named.params();
    draft.salt = salt()?;
    if let Some(path) = private_key {
        draft.key = Some(signing_key(&subject, path, kid.clone())?);
    }
    subject.verifier.sign(&mut draft, options.now()).map_err(refused)?;
    let output = match (curl, format) {
        (true, _) => curl_command(&draft, &address, options.body.as_deref()),
        (false, Format::Human) => lines(&draft, &address),
        (false, Format::Json) => row(&draft, &address),
    };
    print_bytes(&output)?;
    Ok(exit::OK)
}

/// So that two deliveries with the same body in the same second are not taken for one.
fn salt() -> Result<Vec<u8>, Failure> {
    let mut salt = vec![0; 16];
    let random = rustls::crypto::aws_lc_rs::default_provider().secure_random;
    random.fill(&mut salt).map_err(|_| Failure::start("the system has no random bytes".to_owned()))?;
    Ok(salt)
}

/// The key with the first algorithm of the source that it is for.
fn signing_key(subject: &Subject, path: &Path, kid: Option<String>) -> Result<SigningKey, Failure> {
    let pem = Secret::new(read(path)?);
    let public = subject.verifier.algorithms().iter().filter(|algorithm| !algorithm.is_symmetric());
    let key = public.copied().find_map(|algorithm| SigningKey::new(algorithm, &pem, kid.clone()).ok());
    key.ok_or_else(|| {
        Failure::usage(format!("{}: no private key for the algorithms of {subject}", path.display()))
    })
}

fn refused(error: SignError) -> Failure {
    Failure::usage(format!("the request cannot be signed: {error}"))
}

fn lines(draft: &Draft, address: &Address) -> Vec<u8> {
    let mut out = Vec::new();
    if draft.target != address.target.as_str() {
        out.extend_from_slice(format!("{} {} HTTP/1.1\n", draft.method, draft.target).as_bytes());
    }
    for (name, value) in &draft.headers {
        out.extend_from_slice(&line(name, value));
        out.push(b'\n');
    }
    out
}

fn line(name: &HeaderName, value: &HeaderValue) -> Vec<u8> {
    [name.as_str().as_bytes(), b": ", value.as_bytes()].concat()
}

fn row(draft: &Draft, address: &Address) -> Vec<u8> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: Vec<_> = draft.headers.iter().map(|(name, value)| (name.as_str(), text(value))).collect();
    let row = json!({ "method": draft.method.as_str(), "url": url(draft, address), "headers": headers });
    format!("{row}\n").into_bytes()
}

fn url(draft: &Draft, address: &Address) -> String {
    format!("{}{}", address.origin.as_deref().unwrap_or_default(), draft.target)
}

/// One line for `sh`; `--globoff` because curl gives brackets and braces in a URL a meaning.
fn curl_command(draft: &Draft, address: &Address, body: Option<&Path>) -> Vec<u8> {
    let mut words = vec![b"curl --globoff --request".to_vec(), quoted(draft.method.as_str().as_bytes())];
    let mut add = |option: &[u8], value: &[u8]| words.extend([option.to_vec(), quoted(value)]);
    for (name, value) in &draft.headers {
        // curl sends an empty field for `Name;`, and none for `Name:`.
        let empty = [name.as_str().as_bytes(), b";"].concat();
        add(b"--header", &if value.is_empty() { empty } else { line(name, value) });
    }
    if let Some(body) = body {
        if !draft.headers.contains_key(header::CONTENT_TYPE) {
            // Otherwise curl claims that the body is a form.
            add(b"--header", b"content-type:");
        }
        add(b"--data-binary", &[b"@", body.as_os_str().as_bytes()].concat());
    }
    words.push(quoted(url(draft, address).as_bytes()));
    let mut command = words.join(&b' ');
    command.push(b'\n');
    command
}

/// In single quotes, in which `sh` gives no character but `'` a meaning.
fn quoted(word: &[u8]) -> Vec<u8> {
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

    fn draft() -> (Draft, Address) {
        let address = Address::parse("https://h.example/a?b=c").unwrap();
        let mut draft = Draft::new(Method::POST, address.target.as_str(), "{}");
        draft.headers.insert("x-id", HeaderValue::from_static("it's"));
        draft.headers.insert("x-empty", HeaderValue::from_static(""));
        (draft, address)
    }

    #[test]
    fn a_curl_line_is_safe_for_the_shell() {
        let (draft, address) = draft();
        let command = String::from_utf8(curl_command(&draft, &address, Some(Path::new("a b.json")))).unwrap();
        assert_eq!(
            command,
            "curl --globoff --request 'POST' --header 'x-id: it'\\''s' --header 'x-empty;' \
             --header 'content-type:' --data-binary '@a b.json' 'https://h.example/a?b=c'\n"
        );
    }

    #[test]
    fn a_request_line_is_written_only_where_the_target_changed() {
        let (mut draft, address) = draft();
        assert_eq!(lines(&draft, &address), b"x-id: it's\nx-empty: \n");
        draft.target.push_str("&sig=1");
        assert!(lines(&draft, &address).starts_with(b"POST /a?b=c&sig=1 HTTP/1.1\n"));
    }
}
