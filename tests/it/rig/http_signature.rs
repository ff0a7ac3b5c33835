//! HTTP message signatures as their senders make them, genuine and otherwise: the signed text is put together by hand, a
//! value for each component, so that it may be as wrong as it likes.

use super::request::{HOST, Request, post};
use super::token::{self, Signer, now, unique};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// The body of every request.
pub const BODY: &[u8] = b"{\"event\":\"invoice.paid\",\"amount\":1200}";

/// `Content-Digest` of a body.
pub fn digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(body)))
}

/// A request with one signature: identifiers and values of what it covers, and its parameters.
pub struct Made {
    pub request: Request,
    pub covered: Vec<(String, String)>,
    parameters: String,
    label: &'static str,
    signer: Signer<'static>,
    jose: &'static str,
}

/// What a genuine sender makes: method, address, type and digest.
pub fn made(target: &str) -> Made {
    let request = post(target)
        .header("Content-Type", "application/json")
        .header("Content-Digest", digest(BODY))
        .body(BODY);
    let covered = [
        ("\"@method\"", "POST".to_owned()),
        ("\"@target-uri\"", format!("https://{HOST}{target}")),
        ("\"content-type\"", "application/json".to_owned()),
        ("\"content-digest\"", digest(BODY)),
    ];
    Made {
        request,
        covered: covered.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        parameters: format!(";created={};nonce=\"{}\";keyid=\"ed\"", now(), unique("nonce")),
        label: "sig1",
        signer: Signer::Private("ed"),
        jose: "EdDSA",
    }
}

impl Made {
    pub fn parameters(mut self, parameters: impl Into<String>) -> Made {
        self.parameters = parameters.into();
        self
    }

    pub fn by(mut self, signer: Signer<'static>, jose: &'static str) -> Made {
        (self.signer, self.jose) = (signer, jose);
        self
    }

    pub fn label(mut self, label: &'static str) -> Made {
        self.label = label;
        self
    }

    /// Covers this as well.
    pub fn cover(mut self, name: &str, value: impl Into<String>) -> Made {
        self.covered.push((name.to_owned(), value.into()));
        self
    }

    /// Does not cover this.
    pub fn without(mut self, name: &str) -> Made {
        self.covered.retain(|(known, _)| known != name);
        self
    }

    /// Says something else of this.
    pub fn saying(mut self, name: &str, value: impl AsRef<str>) -> Made {
        for (_, old) in self.covered.iter_mut().filter(|(known, _)| known == name) {
            value.as_ref().clone_into(old);
        }
        self
    }

    /// The two fields, without their names.
    pub fn fields(&self) -> (String, String) {
        let names: Vec<&str> = self.covered.iter().map(|(name, _)| name.as_str()).collect();
        let parameters = format!("({}){}", names.join(" "), self.parameters);
        let lines = self.covered.iter().map(|(name, value)| format!("{name}: {value}\n"));
        let base = format!("{}\"@signature-params\": {parameters}", lines.collect::<String>());
        let signature = token::signature(self.signer, self.jose, base.as_bytes());
        let signature = STANDARD.encode(URL_SAFE_NO_PAD.decode(signature).expect("base64url"));
        (format!("{}={parameters}", self.label), format!("{}=:{signature}:", self.label))
    }

    pub fn done(self) -> Request {
        let (input, signature) = self.fields();
        self.request.header("Signature-Input", input).header("Signature", signature)
    }
}
