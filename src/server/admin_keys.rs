//! Keys on the admin port: what is at hand, fetching again, forgetting.

use crate::base::time::UnixTime;
use crate::keys::KeyCache;
use crate::proxy::Live;
use http::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;

/// The list, as JSON.
pub const LIST: &str = "/keys";
const REFRESH: &str = "/keys/refresh";
const PURGE: &str = "/keys/purge";

/// Whether a path changes something.
pub fn is_action(path: &str) -> bool {
    matches!(path, REFRESH | PURGE)
}

/// The sources that fetch keys, with their keys: `age` and `expires_in` are seconds.
pub fn list(live: &Live, query: Option<&str>, now: UnixTime) -> (StatusCode, String) {
    match chosen(live, query) {
        Ok(caches) => {
            let rows: Vec<Value> = caches.iter().map(|cache| row(cache, now)).collect();
            (StatusCode::OK, format!("{:#}\n", Value::from(rows)))
        }
        Err(refusal) => refusal,
    }
}

fn row(cache: &KeyCache, now: UnixTime) -> Value {
    let keys: Vec<Value> = cache
        .list(now)
        .iter()
        .map(|key| json!({ "kid": key.kid, "age": key.age, "expires_in": key.expires_in }))
        .collect();
    let failure = cache.last_failure().map(
        |failure| json!({ "at": failure.at.0, "fault": failure.fault.code(), "detail": failure.detail }),
    );
    json!({
        "source": &*cache.source().name,
        "url": cache.source().place.url(),
        "keys": keys,
        "last_failure": failure,
    })
}

/// The caches of `source=NAME`, or all.
fn chosen<'l>(live: &'l Live, query: Option<&str>) -> Result<Vec<&'l Arc<KeyCache>>, (StatusCode, String)> {
    let wanted = match query {
        None | Some("") => None,
        Some(query) => match query.strip_prefix("source=") {
            Some(name) => Some(name),
            None => {
                return Err((StatusCode::BAD_REQUEST, "write ?source=NAME, or nothing for all\n".to_owned()));
            }
        },
    };
    let caches = live.keys.iter().flatten();
    let caches: Vec<&Arc<KeyCache>> =
        caches.filter(|cache| wanted.is_none_or(|name| *cache.source().name == *name)).collect();
    if caches.is_empty() && wanted.is_some() {
        return Err((StatusCode::NOT_FOUND, "no source of this name fetches keys\n".to_owned()));
    }
    Ok(caches)
}

/// Fetches again or forgets, for `source=NAME` or for all sources.
pub fn act(live: &Live, path: &str, query: Option<&str>) -> (StatusCode, String) {
    let caches = match chosen(live, query) {
        Ok(caches) => caches,
        Err(refusal) => return refusal,
    };
    let word = if path == PURGE { "purged" } else { "refreshing" };
    for cache in &caches {
        if path == PURGE {
            cache.purge();
        } else {
            cache.refresh();
        }
        tracing::info!(source = &*cache.source().name, "keys: {word}");
    }
    (StatusCode::OK, format!("{word}: {} source(s)\n", caches.len()))
}
