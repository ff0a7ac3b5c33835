//! One fetch: what is asked, and what is taken for an answer.

use super::address::{Guard, Lookup};
use super::client::client;
use super::fault::{Failure, KeyFault};
use super::lifetime::{Freshness, Lifetime};
use super::request::KeyRequest;
use crate::base::limits::MAX_KEY_DOCUMENT;
use crate::base::time::UnixTime;
use crate::policy::{KeyPlace, KeySource};
use crate::verify::{Algorithm, CertificateRule, Json, KeyFlaw, KeySet, KeySetFlaw, SingleKey};
use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use reqwest::{Client, Request, Response};
use rustls::RootCertStore;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Fetches from one source.
pub(super) struct Fetcher {
    client: Client,
    guard: Guard,
    place: Place,
    algorithms: Vec<Algorithm>,
    refresh: Duration,
    timeout: Duration,
}

enum Place {
    Document(Url, SingleKey),
    Discovery { url: Url, issuer: String },
    PerKid { request: KeyRequest, key: SingleKey, unknown: Vec<u16> },
    Certificate(Url, CertificateRule),
}

/// Statuses of a server that has no such file: storage services hide what is not there.
const NO_FILE: [u16; 3] = [403, 404, 410];

/// What the server said.
pub(super) enum Answer {
    /// Keys, and how long they may be used.
    Keys(Arc<KeySet>, Lifetime),
    /// There is no key of that name.
    Unknown,
}

impl Fetcher {
    /// `roots` gives the certificate authorities; it is not asked where no fetch goes over TLS.
    ///
    /// # Errors
    /// A sentence that names what is wrong with the source.
    pub fn new(
        source: &KeySource,
        lookup: Lookup,
        roots: impl Fn(Option<&Path>) -> Result<Arc<RootCertStore>, String>,
    ) -> Result<Fetcher, String> {
        let place = Place::new(&source.place, &roots)?;
        let guard = Guard::new(&place.url()?, &source.networks)?;
        let roots =
            if guard.is_plain() { Arc::new(RootCertStore::empty()) } else { roots(source.ca.as_deref())? };
        Ok(Fetcher {
            client: client(&guard, lookup, roots)?,
            guard,
            place,
            algorithms: source.algorithms.clone(),
            refresh: source.refresh,
            timeout: source.timeout,
        })
    }

    /// Asks for the key of this name, or for the document, to which a name does not matter. Keys count from `began`.
    ///
    /// # Errors
    /// No answer, or one that is of no use.
    pub async fn fetch(&self, kid: Option<&str>, began: UnixTime) -> Result<Answer, Failure> {
        let attempt = async {
            match (&self.place, kid) {
                (Place::Document(url, key), _) => self.document(url.clone(), key, began).await,
                (Place::Discovery { url, issuer }, _) => {
                    let url = self.discover(url.clone(), issuer).await?;
                    self.document(url, &SingleKey::default(), began).await
                }
                (Place::PerKid { request, key, unknown }, Some(kid)) => {
                    let request = request.with(kid).map_err(|why| Failure::new(KeyFault::Internal, why))?;
                    self.key(request, key, unknown, kid, began).await
                }
                (Place::Certificate(_, rule), Some(url)) => self.certificate(url, rule, began).await,
                (Place::PerKid { .. } | Place::Certificate(..), None) => {
                    Err(Failure::new(KeyFault::Internal, "no `kid` to ask for"))
                }
            }
        };
        let late =
            || Failure::new(KeyFault::Timeout, format!("no complete answer within {:?}", self.timeout));
        tokio::time::timeout(self.timeout, attempt).await.unwrap_or_else(|_| Err(late()))
    }

    async fn document(&self, url: Url, key: &SingleKey, began: UnixTime) -> Result<Answer, Failure> {
        let response = self.send(Request::new(Method::GET, url)).await?;
        let (headers, body) = read(response).await?;
        let set = KeySet::of_document(&body, key, &self.algorithms).map_err(Failure::of_set)?;
        Ok(self.keys(set, &headers, None, began))
    }

    /// OpenID Connect Discovery 1.0 section 4.3: the issuer must be exactly the one that was asked about.
    async fn discover(&self, url: Url, issuer: &str) -> Result<Url, Failure> {
        let response = self.send(Request::new(Method::GET, url)).await?;
        let (_, body) = read(response).await?;
        let malformed = |why: &str| Failure::new(KeyFault::Parse, why);
        let document = Json::parse(&body).map_err(|_| malformed("not JSON without repeated members"))?;
        if document.get("issuer").and_then(Json::text) != Some(issuer) {
            return Err(Failure::new(KeyFault::Issuer, "`issuer` is not the one of the policy"));
        }
        let found = document.get("jwks_uri").and_then(Json::text);
        let found = found.ok_or_else(|| malformed("no text `jwks_uri`"))?;
        Url::parse(found).map_err(|_| malformed("`jwks_uri` is not a URL"))
    }

    async fn key(
        &self,
        request: Request,
        place: &SingleKey,
        unknown: &[u16],
        kid: &str,
        began: UnixTime,
    ) -> Result<Answer, Failure> {
        let response = self.send(request).await?;
        if unknown.contains(&response.status().as_u16()) {
            return Ok(Answer::Unknown);
        }
        let (headers, body) = read(response).await?;
        match KeySet::of_response(&body, place, kid, &self.algorithms, began) {
            Ok((set, expired_at)) => Ok(self.keys(set, &headers, expired_at, began)),
            // The server itself says that this one is no longer a key.
            Err(KeySetFlaw::Unusable(KeyFlaw::Expired)) => Ok(Answer::Unknown),
            Err(flaw) => Err(Failure::of_set(flaw)),
        }
    }

    /// The certificate at a URL that the policy pins; nothing else gets here.
    async fn certificate(
        &self,
        url: &str,
        rule: &CertificateRule,
        began: UnixTime,
    ) -> Result<Answer, Failure> {
        let parsed = Url::parse(url).map_err(|_| Failure::new(KeyFault::Internal, "not a URL"))?;
        let mut request = Request::new(Method::GET, parsed);
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("*/*"));
        let response = self.send(request).await?;
        if NO_FILE.contains(&response.status().as_u16()) {
            return Ok(Answer::Unknown);
        }
        let (headers, body) = read(response).await?;
        let found = KeySet::of_certificate(&body, rule, url, &self.algorithms, began);
        let (set, until) = found.map_err(Failure::of_set)?;
        Ok(self.keys(set, &headers, until, began))
    }

    fn keys(
        &self,
        set: KeySet,
        headers: &HeaderMap,
        expired_at: Option<UnixTime>,
        began: UnixTime,
    ) -> Answer {
        let life = Lifetime::new(began, Freshness::of(headers), self.refresh, expired_at);
        Answer::Keys(Arc::new(set), life)
    }

    async fn send(&self, request: Request) -> Result<Response, Failure> {
        if !self.guard.permits(request.url()) {
            return Err(Failure::new(KeyFault::Address, "a private address, or not https"));
        }
        self.client.execute(request).await.map_err(|error| Failure::of_exchange(&error))
    }
}

impl Place {
    fn new(
        place: &KeyPlace,
        roots: impl Fn(Option<&Path>) -> Result<Arc<RootCertStore>, String>,
    ) -> Result<Place, String> {
        let parse = |url: &str| Url::parse(url).map_err(|error| format!("`{url}` is not a URL: {error}"));
        Ok(match place {
            KeyPlace::Document { url, key } => Place::Document(parse(url)?, key.clone()),
            KeyPlace::Discovery { url, issuer } => {
                Place::Discovery { url: parse(url)?, issuer: issuer.clone() }
            }
            KeyPlace::PerKid(place) => Place::PerKid {
                request: KeyRequest::new(place)?,
                key: place.key.clone(),
                unknown: place.unknown.clone(),
            },
            KeyPlace::Certificate(place) => {
                let sample = place.urls.first().ok_or("no URL is pinned")?.sample();
                let authorities = match place.chain {
                    true => Some(roots(place.authorities.as_deref())?.roots.clone()),
                    false => None,
                };
                Place::Certificate(
                    parse(&sample)?,
                    CertificateRule { names: place.names.clone(), authorities },
                )
            }
        })
    }

    fn url(&self) -> Result<Url, String> {
        match self {
            Place::Document(url, _) | Place::Discovery { url, .. } | Place::Certificate(url, _) => {
                Ok(url.clone())
            }
            Place::PerKid { request, .. } => request.sample(),
        }
    }
}

/// The body of a good answer, as far as one is read.
async fn read(mut response: Response) -> Result<(HeaderMap, Vec<u8>), Failure> {
    let status = response.status();
    if status.is_redirection() {
        return Err(Failure::new(KeyFault::Redirect, format!("status {}", status.as_u16())));
    }
    if status != StatusCode::OK {
        return Err(Failure::new(KeyFault::Status(status.as_u16()), format!("status {}", status.as_u16())));
    }
    let too_large = || Failure::new(KeyFault::Size, format!("more than {MAX_KEY_DOCUMENT} bytes"));
    let most = u64::try_from(MAX_KEY_DOCUMENT).unwrap_or(u64::MAX);
    if response.content_length().is_some_and(|length| length > most) {
        return Err(too_large());
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| Failure::of_exchange(&error))? {
        if body.len() + chunk.len() > MAX_KEY_DOCUMENT {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok((std::mem::take(response.headers_mut()), body))
}
