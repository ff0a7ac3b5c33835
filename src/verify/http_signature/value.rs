//! The values of components (RFC 9421 sections 2.1 and 2.2), and the text that is signed (section 2.5).

use super::component::{Component, FieldType, Form, What};
use super::definition::HttpSignatureDefinition;
use crate::http::headers::trim;
use crate::http::target::hex_digit;
use crate::http::{Authority, Head};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderName;
use sfv::{Dictionary, FieldType as _, Item, List, ListEntry, Parser};

/// The address under which senders reach the source: where it is known, nothing that a request says of it counts.
#[derive(Clone, Debug)]
pub(super) struct Address {
    scheme: &'static str,
    authority: String,
}

/// Why a request has no value for a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueFlaw {
    /// It is not there.
    Absent,
    /// It stands more than once, and means one thing.
    Repeated,
    /// It is not of the form that the component wants, or holds what cannot be signed.
    Malformed,
    /// It ends at this hop.
    Nominated,
    /// Nothing says what type the structured field is of.
    TypeUnknown,
}

/// Fields that have one value, so that a second one is not more of the same (RFC 9110 section 5.3).
const SINGLE: [&str; 4] = ["content-type", "content-length", "host", "date"];

impl Address {
    /// `https://hooks.example.com:8443`. Nothing where it is not scheme and authority.
    pub fn of_url(url: &str) -> Option<Address> {
        let (scheme, rest) = url.split_once("://")?;
        let scheme = if scheme.eq_ignore_ascii_case("https") { "https" } else { "http" };
        let authority = Authority::parse(rest.trim_end_matches('/').as_bytes()).ok()?;
        Some(Address { scheme, authority: normal(&authority, scheme) })
    }

    /// What the request says, as far as it can be believed: the host. Whoever signs reaches us over TLS.
    fn of_head(head: &Head) -> Address {
        Address { scheme: "https", authority: normal(&head.host, "https") }
    }
}

/// In lower case, without the port of the scheme (section 2.2.3).
fn normal(authority: &Authority, scheme: &str) -> String {
    let usual = if scheme == "https" { 443 } else { 80 };
    match authority.port().filter(|port| *port != usual) {
        Some(port) => format!("{}:{port}", authority.name()),
        None => authority.name().to_owned(),
    }
}

/// Reads components of one request.
pub(super) struct Message<'m> {
    pub head: &'m Head,
    pub address: Option<&'m Address>,
    pub definition: &'m HttpSignatureDefinition,
}

impl Message<'_> {
    /// The text that is signed: a line for each component, then the parameters of the signature.
    pub fn base(&self, components: &[Component], parameters: &str) -> Result<String, (usize, ValueFlaw)> {
        let mut base = String::new();
        for (number, component) in components.iter().enumerate() {
            base.push_str(component.written());
            base.push_str(": ");
            let start = base.len();
            self.write(component, &mut base).map_err(|flaw| (number, flaw))?;
            let value = base.get(start..).unwrap_or_default();
            // Lines are told apart by what no value holds.
            if !value.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) {
                return Err((number, ValueFlaw::Malformed));
            }
            base.push('\n');
        }
        base.push_str("\"@signature-params\": ");
        base.push_str(parameters);
        Ok(base)
    }

    fn write(&self, component: &Component, out: &mut String) -> Result<(), ValueFlaw> {
        let own = self.address.is_none().then(|| Address::of_head(self.head));
        let address = self.address.or(own.as_ref()).ok_or(ValueFlaw::Absent)?;
        let target = &self.head.target;
        match component.what() {
            What::Method => out.push_str(self.head.method.as_str()),
            What::Scheme => out.push_str(address.scheme),
            What::Authority => out.push_str(&address.authority),
            What::Path => out.push_str(&self.path()),
            What::Query => out.push_str(&query(target.query())),
            What::RequestTarget => out.push_str(target.as_str()),
            What::TargetUri => {
                let (Address { scheme, authority }, path) = (address, self.path());
                let query = target.query().map(|query| format!("?{query}")).unwrap_or_default();
                out.push_str(&format!("{scheme}://{authority}{path}{query}"));
            }
            What::QueryParam(name) => out.push_str(&parameter(target.query().unwrap_or_default(), name)?),
            What::Field(name, form) => self.field(name, form, out)?,
        }
        Ok(())
    }

    fn path(&self) -> String {
        let path = self.head.target.path();
        if self.definition.normalize { normal_escapes(path) } else { path.to_owned() }
    }

    fn field(&self, name: &HeaderName, form: &Form, out: &mut String) -> Result<(), ValueFlaw> {
        if self.head.nominated.contains(name) {
            return Err(ValueFlaw::Nominated);
        }
        let lines: Vec<&[u8]> =
            self.head.headers.get_all(name).iter().map(|line| trim(line.as_bytes())).collect();
        if lines.is_empty() {
            return Err(ValueFlaw::Absent);
        }
        let single = SINGLE.contains(&name.as_str());
        if single && (lines.len() > 1 || name == "content-type" && holds_comma(&lines)) {
            return Err(ValueFlaw::Repeated);
        }
        if *form == Form::Bytes {
            let lines = lines.iter().map(|line| format!(":{}:", STANDARD.encode(line)));
            out.push_str(&lines.collect::<Vec<_>>().join(", "));
            return Ok(());
        }
        let text = lines.join(&b", "[..]);
        let text = std::str::from_utf8(&text).map_err(|_| ValueFlaw::Malformed)?;
        match form {
            Form::Plain | Form::Bytes => out.push_str(text),
            Form::Structured => {
                let kind = self.kind(name).ok_or(ValueFlaw::TypeUnknown)?;
                out.push_str(&structured(text, kind).ok_or(ValueFlaw::Malformed)?);
            }
            Form::Member(key) => match self.kind(name) {
                Some(FieldType::Dictionary) => out.push_str(&member(text, key)?),
                Some(_) => return Err(ValueFlaw::Malformed),
                None => return Err(ValueFlaw::TypeUnknown),
            },
        }
        Ok(())
    }

    fn kind(&self, name: &HeaderName) -> Option<FieldType> {
        self.definition.structured.get(name).copied().or_else(|| FieldType::known(name))
    }
}

/// A comma outside of quotes: two lines that somebody joined.
fn holds_comma(lines: &[&[u8]]) -> bool {
    let outside = lines.iter().flat_map(|line| line.split(|byte| *byte == b'"').step_by(2));
    outside.flatten().any(|byte| *byte == b',')
}

/// Strictly written anew; an empty dictionary or list has no form.
fn structured(text: &str, kind: FieldType) -> Option<String> {
    match kind {
        FieldType::Dictionary => Parser::new(text).parse::<Dictionary>().ok()?.serialize(),
        FieldType::List => Parser::new(text).parse::<List>().ok()?.serialize(),
        FieldType::Item => Some(Parser::new(text).parse::<Item>().ok()?.serialize()),
    }
}

fn member(text: &str, key: &str) -> Result<String, ValueFlaw> {
    let dictionary: Dictionary = Parser::new(text).parse().map_err(|_| ValueFlaw::Malformed)?;
    let entry: &ListEntry = dictionary.get(key).ok_or(ValueFlaw::Absent)?;
    // A list of one is written as what it holds.
    vec![entry.clone()].serialize().ok_or(ValueFlaw::Malformed)
}

/// With its question mark; an absent query is empty (section 2.2.7).
fn query(query: Option<&str>) -> String {
    format!("?{}", query.unwrap_or_default())
}

/// The one value of a parameter (section 2.2.8), decoded as a form and encoded again, so that the name stands once
/// in whatever way it is written.
fn parameter(query: &str, name: &str) -> Result<String, ValueFlaw> {
    let mut found = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (own, value) = pair.split_once('=').unwrap_or((pair, ""));
        if encoded(own)? != name {
            continue;
        }
        if found.is_some() {
            return Err(ValueFlaw::Repeated);
        }
        found = Some(encoded(value)?);
    }
    found.ok_or(ValueFlaw::Absent)
}

/// A name or value of a form, percent-encoded (WHATWG URL, application/x-www-form-urlencoded percent-encode set).
fn encoded(text: &str) -> Result<String, ValueFlaw> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        (rest, bytes) = match (*first, tail) {
            (b'%', [high, low, tail @ ..]) if hex_digit(*high).is_some() && hex_digit(*low).is_some() => {
                let (high, low) = (hex_digit(*high).unwrap_or(0), hex_digit(*low).unwrap_or(0));
                (tail, pushed(bytes, high * 16 + low))
            }
            (b'+', tail) => (tail, pushed(bytes, b' ')),
            (byte, tail) => (tail, pushed(bytes, byte)),
        };
    }
    // What is not UTF-8 is replaced by some decoders and kept by others.
    let text = String::from_utf8(bytes).map_err(|_| ValueFlaw::Malformed)?;
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"*-._".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    Ok(out)
}

fn pushed(mut bytes: Vec<u8>, byte: u8) -> Vec<u8> {
    bytes.push(byte);
    bytes
}

/// Escapes with upper-case digits, and of unreserved characters not at all (RFC 3986 sections 6.2.2.1 and 6.2.2.2).
fn normal_escapes(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut pieces = path.split('%');
    out.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2).unwrap_or((piece, ""));
        let byte = u8::from_str_radix(digits, 16).ok();
        match byte.filter(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(byte)) {
            Some(byte) => out.push(char::from(byte)),
            None => {
                out.push('%');
                out.push_str(&digits.to_ascii_uppercase());
            }
        }
        out.push_str(rest);
    }
    out
}
