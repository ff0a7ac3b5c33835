//! The key server of the demo: what a sender's issuer has on the internet, here on loopback.

use super::credentials::Credentials;
use super::senders::{SENDERS, SecretForm};
use super::server::Server;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::{Value, json};
use std::io;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// Where the JWK Set is.
const KEY_SET: &str = "/jwks.json";
/// Before the `kid` of a key that is asked for alone.
const ONE_KEY: &str = "/webhook_verification/";

/// Starts it with the public keys of all senders.
///
/// # Errors
/// No port, no thread.
pub fn start(credentials: &Credentials) -> io::Result<Server> {
    let published = Arc::new(Published::new(credentials));
    Server::start("key server", move |request: Request<Incoming>| {
        let (status, document) = published.find(request.method(), request.uri().path(), request.headers());
        std::future::ready(response(status, &document))
    })
}

/// The documents that it serves.
struct Published {
    key_set: Value,
    single: Vec<Single>,
}

/// A key that is given to those who know a token.
struct Single {
    kid: &'static str,
    bearer: String,
    jwk: Value,
}

impl Published {
    fn new(credentials: &Credentials) -> Published {
        let (mut set, mut single) = (Vec::new(), Vec::new());
        for sender in SENDERS {
            let Some(pair) = credentials.key_pair(sender) else { continue };
            let jwk = pair.jwk().clone();
            match (sender.secret, credentials.secrets().get(&sender.variable())) {
                (SecretForm::KeyServer(kid), Some(secret)) => {
                    single.push(Single { kid, bearer: format!("Bearer {secret}"), jwk });
                }
                _ => set.push(jwk),
            }
        }
        Published { key_set: json!({ "keys": set }), single }
    }

    fn find(&self, method: &Method, path: &str, headers: &HeaderMap) -> (StatusCode, Value) {
        if method != Method::GET {
            return (StatusCode::METHOD_NOT_ALLOWED, Value::Null);
        }
        match path.strip_prefix(ONE_KEY) {
            Some(kid) => self.one(kid, headers),
            None if path == KEY_SET => (StatusCode::OK, self.key_set.clone()),
            None => (StatusCode::NOT_FOUND, Value::Null),
        }
    }

    fn one(&self, kid: &str, headers: &HeaderMap) -> (StatusCode, Value) {
        let shown = headers.get(AUTHORIZATION).map_or(&[][..], HeaderValue::as_bytes);
        let admits = |single: &&Single| bool::from(single.bearer.as_bytes().ct_eq(shown));
        let mut open = self.single.iter().filter(admits).peekable();
        if open.peek().is_none() {
            return (StatusCode::UNAUTHORIZED, Value::Null);
        }
        match open.find(|single| single.kid == kid) {
            Some(single) => (StatusCode::OK, single.jwk.clone()),
            None => (StatusCode::NOT_FOUND, Value::Null),
        }
    }
}

fn response(status: StatusCode, document: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(document.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_alone_is_for_those_who_know_the_token() {
        let published = Published::new(&Credentials::make_up().unwrap());
        let single = &published.single[0];
        let mut headers = HeaderMap::new();
        let ask = |path: &str, headers: &HeaderMap| published.find(&Method::GET, path, headers).0.as_u16();
        let path = format!("{ONE_KEY}{}", single.kid);
        assert_eq!(ask(&path, &headers), 401);
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer guessed"));
        assert_eq!(ask(&path, &headers), 401);
        headers.insert(AUTHORIZATION, HeaderValue::try_from(single.bearer.as_str()).unwrap());
        assert_eq!(published.find(&Method::GET, &path, &headers), (StatusCode::OK, single.jwk.clone()));
        assert_eq!(ask(&format!("{ONE_KEY}other"), &headers), 404);
    }

    #[test]
    fn the_key_set_is_for_everybody_and_holds_its_own_keys_only() {
        let published = Published::new(&Credentials::make_up().unwrap());
        let (status, set) = published.find(&Method::GET, KEY_SET, &HeaderMap::new());
        assert_eq!((status.as_u16(), set["keys"].as_array().map(Vec::len)), (200, Some(1)));
        assert_eq!(published.find(&Method::POST, KEY_SET, &HeaderMap::new()).0.as_u16(), 405);
        assert_eq!(published.find(&Method::GET, "/", &HeaderMap::new()).0.as_u16(), 404);
    }
}
