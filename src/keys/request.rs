//! The request for one key: where `{kid}` and `{secret}` stand in it.

use crate::base::secret::Secret;
use crate::policy::PerKid;
use http::{HeaderName, HeaderValue, Method};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Body, Request};
use std::fmt::Write as _;
use url::Url;
use zeroize::Zeroizing;

/// A request in which only the `kid` is open.
pub(super) struct KeyRequest {
    url: String,
    headers: Vec<(HeaderName, String)>,
    json: Option<Vec<(String, String)>>,
    secret: Option<Zeroizing<String>>,
}

impl KeyRequest {
    /// # Errors
    /// A sentence: a text that does not become part of a request, or a host that depends on the `kid`.
    pub fn new(place: &PerKid) -> Result<KeyRequest, String> {
        let text =
            |secret: &Secret| str::from_utf8(secret.expose()).map(|text| Zeroizing::new(text.to_owned()));
        let request = KeyRequest {
            url: place.url.clone(),
            headers: place.headers.clone(),
            json: place.json.clone(),
            secret: place.secret.as_ref().map(text).transpose().map_err(|_| "the secret is not UTF-8")?,
        };
        let texts = request.headers.iter().map(|(_, text)| text);
        let members = request.json.iter().flatten().map(|(_, text)| text);
        if request.secret.is_none()
            && texts.chain(members).chain([&request.url]).any(|text| text.contains(SECRET))
        {
            return Err("`{secret}` stands for nothing: no secret is given".to_owned());
        }
        let (one, other) = (request.with("a")?, request.with("b")?);
        if one.url().origin() != other.url().origin() {
            return Err("`{kid}` may not stand in the host of a URL".to_owned());
        }
        Ok(request)
    }

    /// The URL for some `kid`, by which the place can be judged.
    ///
    /// # Errors
    /// As [`KeyRequest::with`].
    pub fn sample(&self) -> Result<Url, String> {
        Ok(self.with("a")?.url().clone())
    }

    /// The request for this key.
    ///
    /// # Errors
    /// A sentence without any secret: not a URL, not a header value.
    pub fn with(&self, kid: &str) -> Result<Request, String> {
        let secret = self.secret.as_ref().map(|secret| secret.as_str());
        let fill = |text: &str, write: fn(&str) -> String| fill(text, kid, secret, write);
        let url =
            Url::parse(&fill(&self.url, percent_encoded)).map_err(|error| format!("not a URL: {error}"))?;
        let method = if self.json.is_some() { Method::POST } else { Method::GET };
        let mut request = Request::new(method, url);
        if let Some(members) = &self.json {
            let members =
                members.iter().map(|(name, text)| (name.as_str(), fill(text, str::to_owned).into()));
            let object: serde_json::Map<String, serde_json::Value> =
                members.map(|(name, text)| (name.to_owned(), text)).collect();
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(Body::from(serde_json::Value::from(object).to_string()));
        }
        for (name, text) in &self.headers {
            let mut value = HeaderValue::from_str(&fill(text, str::to_owned))
                .map_err(|_| format!("the text of the field `{name}` is not a field value"))?;
            value.set_sensitive(true);
            request.headers_mut().insert(name, value);
        }
        Ok(request)
    }
}

const KID: &str = "{kid}";
const SECRET: &str = "{secret}";

/// One pass, so that a `kid` called `{secret}` is only that.
fn fill(text: &str, kid: &str, secret: Option<&str>, write: fn(&str) -> String) -> String {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some((before, from)) = rest.find('{').and_then(|at| rest.split_at_checked(at)) {
        filled.push_str(before);
        let places = [(KID, Some(kid)), (SECRET, secret)];
        let place = places.into_iter().find_map(|(name, value)| Some((from.strip_prefix(name)?, value?)));
        rest = match place {
            Some((after, value)) => {
                filled.push_str(&write(value));
                after
            }
            None => {
                filled.push('{');
                from.strip_prefix('{').unwrap_or_default()
            }
        };
    }
    filled + rest
}

/// Everything but the unreserved characters of RFC 3986 section 2.3.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
            _ => write!(encoded, "%{byte:02X}").unwrap_or_default(), // a String takes everything
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::SingleKey;

    fn place(url: &str, header: Option<&str>, json: Option<&str>, secret: Option<&str>) -> PerKid {
        PerKid {
            url: url.to_owned(),
            headers: header.map(|text| (http::header::AUTHORIZATION, text.to_owned())).into_iter().collect(),
            json: json.map(|text| vec![("key_id".to_owned(), text.to_owned())]),
            secret: secret.map(|secret| Secret::new(secret.as_bytes().to_vec())),
            key: SingleKey::default(),
            unknown: vec![404],
        }
    }

    #[test]
    fn a_kid_is_only_ever_one_piece_of_the_url() {
        let request =
            KeyRequest::new(&place("https://keys.example/v1/{kid}?raw={kid}", None, None, None)).unwrap();
        let url = |kid| request.with(kid).unwrap().url().to_string();
        assert_eq!(url("a-B_1.~"), "https://keys.example/v1/a-B_1.~?raw=a-B_1.~");
        assert_eq!(
            url("../x?y#z%2f@\\\u{e9}"),
            "https://keys.example/v1/..%2Fx%3Fy%23z%252f%40%5C%C3%A9?raw=..%2Fx%3Fy%23z%252f%40%5C%C3%A9"
        );
    }

    #[test]
    fn a_kid_called_secret_does_not_bring_the_secret() {
        let place = place(
            "https://keys.example/",
            Some("{secret} {kid}"),
            Some("{kid} {secret} {x} {"),
            Some("s\"3"),
        );
        let request = KeyRequest::new(&place).unwrap().with("{secret}").unwrap();
        assert_eq!(request.method(), Method::POST);
        assert_eq!(request.headers().get("authorization").unwrap(), "s\"3 {secret}");
        assert_eq!(request.headers().get("content-type").unwrap(), "application/json");
        let body = request.body().and_then(Body::as_bytes).unwrap();
        assert_eq!(body, br#"{"key_id":"{secret} s\"3 {x} {"}"#);
        assert!(!format!("{request:?} {place:?}").contains("s\"3"));
    }

    #[test]
    fn what_cannot_become_a_request_is_said_at_once() {
        let flaw = |place: PerKid| KeyRequest::new(&place).err().unwrap();
        assert_eq!(flaw(place("{kid}", None, None, None)), "not a URL: relative URL without a base");
        assert!(flaw(place("https://{kid}.example/", None, None, None)).contains("host"));
        assert!(flaw(place("https://a/{kid}", Some("{secret}"), None, None)).contains("no secret"));
        assert!(
            flaw(place("https://a/{kid}", Some("{secret}"), None, Some("a\nb"))).contains("`authorization`")
        );
        let mut binary = place("https://a/{kid}", None, None, None);
        binary.secret = Some(Secret::new(vec![0xff]));
        assert!(flaw(binary).contains("UTF-8"));
    }
}
