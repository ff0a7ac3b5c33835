//! Refused requests on the admin port, where the policy has them kept.

use crate::proxy::{Captured, Captures};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::{Value, json};

const LIST: &str = "/refused";

/// The id that a path asks for; an empty one for all. Nothing where the path is another one.
pub fn asked(path: &str) -> Option<&str> {
    let rest = path.strip_prefix(LIST)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/').filter(|id| !id.is_empty()) }
}

/// All of them, the newest first, or the one with this id, as JSON.
pub fn page(captures: Option<&Captures>, id: &str) -> (StatusCode, String) {
    let Some(captures) = captures else {
        let text = "refused requests are not kept: `capture` in [admin] says how many\n";
        return (StatusCode::NOT_FOUND, text.to_owned());
    };
    if id.is_empty() {
        let rows: Vec<String> = captures.list().iter().map(|captured| row(captured).to_string()).collect();
        return (StatusCode::OK, format!("[{}]\n", rows.join(",\n")));
    }
    match captures.find(id) {
        Some(captured) => (StatusCode::OK, format!("{:#}\n", row(&captured))),
        None => (StatusCode::NOT_FOUND, "no refused request with this id is kept\n".to_owned()),
    }
}

fn row(captured: &Captured) -> Value {
    json!({
        "request_id": captured.request_id,
        "time": captured.time.0,
        "source": &*captured.source,
        "reason": captured.reason.code(),
        "detail": captured.detail,
        "method": captured.method,
        "target": captured.target,
        "headers": captured.headers,
        "body_base64": captured.body.as_ref().map(|body| STANDARD.encode(body)),
        "body_truncated": captured.body_truncated,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_exact() {
        assert_eq!(asked("/refused"), Some(""));
        assert_eq!(asked("/refused/0195e4b2-1"), Some("0195e4b2-1"));
        for other in ["/refused/", "/refusedx", "/refuse", "/", "/keys"] {
            assert_eq!(asked(other), None, "{other}");
        }
    }
}
