//! The digest of the address that a token can hold: what the sender called, as it knows it.

use super::body_hash::HashForm;
use super::claims::{ClaimPath, malformed, missing};
use super::json::Json;
use crate::http::Head;
use crate::scheme::escape;
use crate::verify::error::VerifyError;
use subtle::ConstantTimeEq;

/// The claim that binds the address to a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressHash {
    /// Where it stands.
    pub claim: ClaimPath,
    /// How it is written.
    pub form: HashForm,
    /// Of what text it is the digest.
    pub of: AddressText,
}

/// The text of which a digest is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressText {
    /// This public address of the receiver, with path and query as they were sent.
    Url(String),
    /// Method, path and sorted query, joined with `&` (Atlassian Connect, "query string hash").
    Canonical,
}

impl AddressHash {
    /// Compares the claim with the address of a request, in constant time.
    ///
    /// # Errors
    /// The claim is absent, malformed, or that of another address.
    pub(super) fn check(&self, claims: &Json, head: &Head) -> Result<(), VerifyError> {
        let written = self.claim.find(claims).ok_or_else(|| missing(self.claim.label()))?;
        let found = written.text().and_then(|text| self.form.decode(text));
        let (hash, promised) = found.ok_or_else(|| malformed(self.claim.label()))?;
        if bool::from(hash.of(self.text(head).as_bytes()).ct_eq(&promised)) {
            Ok(())
        } else {
            Err(VerifyError::FieldMismatch { field: format!("claim {}", self.claim).into() })
        }
    }

    /// The claim for the address of a request.
    pub(super) fn write(&self, head: &Head) -> String {
        self.form.write(self.text(head).as_bytes())
    }

    fn text(&self, head: &Head) -> String {
        match &self.of {
            AddressText::Url(origin) => format!("{}{}", origin.trim_end_matches('/'), head.target.as_str()),
            AddressText::Canonical => canonical(head),
        }
    }
}

/// `GET&/path&a=1&b=2,3`: parameters in byte order, values of one name sorted and joined with a comma, `jwt` left out.
fn canonical(head: &Head) -> String {
    let path = head.target.path();
    let path = if path.len() > 1 { path.trim_end_matches('/') } else { path };
    let mut parameters: Vec<(String, Vec<String>)> = Vec::new();
    let query = crate::scheme::pairs(head.target.query().unwrap_or_default().as_bytes());
    for (name, value) in query.into_iter().flatten() {
        let (name, value) = (escape(&name, b""), escape(&value, b""));
        match parameters.iter_mut().find(|(known, _)| *known == name) {
            _ if name == "jwt" => {}
            Some((_, values)) => values.push(value),
            None => parameters.push((name, vec![value])),
        }
    }
    parameters.sort();
    let written = parameters.into_iter().map(|(name, mut values)| {
        values.sort();
        format!("{name}={}", values.join(","))
    });
    let query = written.collect::<Vec<_>>().join("&");
    format!("{}&{}&{query}", head.method.as_str().to_ascii_uppercase(), path.replace('&', "%26"))
}
