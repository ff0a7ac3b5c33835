//! `bonafide sign` as a sender.

use super::policy::Policy;
use super::request::{HOST, Request, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::process::Command;

/// The request of the one source in these tables, signed now with its first secret.
///
/// # Errors
/// What the program says.
pub fn sign(tables: &str, source: &str, request: &Request, more: &[&str]) -> Result<Request, String> {
    let policy = Policy::plaintext().upstream("http://127.0.0.1:1").add(tables);
    policy.write();
    let directory = policy.directory.path();
    let lines = request.headers.iter().map(|(name, value)| [name.as_bytes(), b": ", value, b"\n"].concat());
    policy.file("sign-headers", &lines.collect::<Vec<_>>().concat());
    policy.file("sign-body", &request.body);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let url = format!("https://{HOST}{}", text(&request.target));
    let mut command = Command::new(env!("CARGO_BIN_EXE_bonafide"));
    command.args(["sign", "--config", "bonafide.toml", "--source", source, "--format", "json"]);
    command.args(["--headers", "sign-headers", "--body", "sign-body", "--url", &url]);
    command.args(["--method", &text(&request.method)]).args(more);
    let output = command.current_dir(directory).env_clear().output().expect("the binary runs");
    if !output.status.success() {
        return Err(text(&output.stderr));
    }
    let row: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let url = row["url"].as_str().expect("an address");
    let mut signed = post(url.trim_start_matches("https://").trim_start_matches(HOST));
    signed.method.clone_from(&request.method);
    for pair in row["headers"].as_array().expect("fields") {
        signed = signed.header(pair[0].as_str().expect("a name"), pair[1].as_str().expect("a value"));
    }
    Ok(signed.body(STANDARD.decode(row["body_base64"].as_str().expect("a body")).expect("base64")))
}
